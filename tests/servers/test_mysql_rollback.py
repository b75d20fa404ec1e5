"""Overwriting and taking back on MariaDB: what the target held is safe before, and comes back whole after."""

from __future__ import annotations

import re
import secrets
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.sandbox.certificate import write_certificate
from bot.sandbox.servers import MariaDbServer
from jobs.core.errors import FerrybotError, Permanent, Stopped
from jobs.core.model import Options, Scope, TlsMode
from jobs.engines.mysql import clear, quote, restore_point, safekeeping, tools
from jobs.engines.mysql.conductor import conduct
from jobs.engines.mysql.connect import connect, run
from jobs.engines.shared.restore_files import digest_of
from jobs.ports.engine import Asked
from tests.servers.mysql_overwriting import SOURCE, back, filled, migration, move, picture
from tests.servers.mysql_run import (
    Migration,
    all_tables,
    assert_same,
    databases,
    endpoint,
    nothing_of_ours,
    steps,
)
from tests.servers.pg_run import Spy

__all__ = ["filled", "migration"]  # fixtures

pytestmark = pytest.mark.servers


def test_overwritten_and_brought_back(filled: Migration) -> None:
    before, plan = picture(filled.target), filled.plan()
    kept = move(filled, plan)
    assert_same(filled.source, filled.target)
    point = filled.restore_point
    assert point is not None and Path(point.path).stat().st_mode & 0o777 == 0o600
    # By the second in which a table was made it is known again.
    filled.target.rows("select sleep(1 - microsecond(now(6)) / 1e6)")
    assert [f.name for f in Path(filled.restore_folder).iterdir()] == [Path(point.path).name]
    assert re.fullmatch(r"mariadb-dump 10\.\d+\.\d+", point.tool) and point.objects == 18
    for _ in range(2):  # a crash may come right before the word that it is done
        said = back(filled, plan, kept)
        assert point.path in said
        assert picture(filled.target) == before
        assert nothing_of_ours(filled.target)


def test_the_file_alone_brings_it_back_by_hand(filled: Migration) -> None:
    """As the README says it, with the client alone."""
    before = picture(filled.target)
    with conduct(filled.asked(), filled.plan()) as conductor:
        point = conductor.secure(Spy())
    assert point is not None and picture(filled.target) == before
    with conduct(filled.asked(), filled.plan()) as conductor:
        clear.everything(conductor._target, lambda: None)
    assert all_tables(filled.target) == []
    server, client = filled.target.server, tools.found()[0].client
    rules = "set session check_constraint_checks = 0"
    command = [str(client), f"--host={server.host}", f"--port={server.port}", f"--user={server.superuser}"]
    command += ["--binary-mode", "--default-character-set=utf8mb4", f"--init-command={rules}", filled.target.name]
    with Path(point.path).open("rb") as script:
        subprocess.run(command, stdin=script, env={"MYSQL_PWD": server.password}, check=True)
    assert picture(filled.target) == before


def test_cancelled_in_the_middle_it_is_brought_back(filled: Migration) -> None:
    before, plan = picture(filled.target), filled.plan()
    with conduct(filled.asked(), plan) as conductor:
        made = restore_point.created(conductor._target)
        filled.restore_point = conductor.secure(Spy())
        # Before anything is cleared a cancel touches nothing.
        assert "Nothing" in conductor.undo(Spy())
        assert restore_point.created(conductor._target) == made
    for kind in ("tables", "copy", "verify"):
        with conduct(filled.asked(), plan) as conductor:
            conductor.prepare(Spy())
            with conductor.lane() as lane:
                steps(lane, lambda task, kind=kind: task.kind == kind)  # type: ignore[misc]
        with conduct(filled.asked(), plan) as conductor:
            assert "brought back" in conductor.undo(Spy())
            assert picture(filled.target) == before
            assert "Nothing" in conductor.undo(Spy())


def test_an_empty_target_needs_no_restore_point(migration: Migration) -> None:
    migration.options = Options(overwrite=True)
    plan = migration.plan()
    kept = move(migration, plan)
    assert migration.restore_point is None
    assert "as it was found" in back(migration, plan, kept)
    assert all_tables(migration.target) == [] and nothing_of_ours(migration.target)


def test_without_its_file_nothing_is_touched(filled: Migration, tmp_path: Path) -> None:
    plan = filled.plan()
    kept = move(filled, plan)
    point = filled.restore_point
    assert point is not None
    before = picture(filled.target)
    Path(point.path).rename(tmp_path / "elsewhere")
    with pytest.raises(Permanent, match="cannot be read on this worker") as caught:
        back(filled, plan, kept)
    assert "FERRYBOT_RESTORE_POINTS" in caught.value.remedy
    data = bytearray((tmp_path / "elsewhere").read_bytes())
    data[len(data) // 2] ^= 1
    Path(point.path).write_bytes(data)
    with pytest.raises(Permanent, match="SHA-256 differs"):
        back(filled, plan, kept)
    assert picture(filled.target) == before
    (tmp_path / "elsewhere").rename(point.path)
    filled.target.run("create table extra (x int)")
    with pytest.raises(Permanent, match=r"did not make: table extra"):
        back(filled, plan, kept)


def test_a_restore_point_is_never_overwritten(filled: Migration, tmp_path: Path) -> None:
    """A worker died between the file's name and the story's word: the file may be all that somebody has."""
    with conduct(filled.asked(), filled.plan()) as conductor:
        first, second = conductor.secure(Spy()), conductor.secure(Spy())
    assert first is not None and second is not None and first.path != second.path
    assert digest_of(Path(first.path), lambda: None) == first.sha256
    assert sorted(f.suffix for f in tmp_path.iterdir()) == [".sql", ".sql"]


def test_what_the_run_made_goes_and_nothing_else(migration: Migration) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    migration.target.run(
        "create table extra (id int primary key)",
        "insert into extra values (7)",
        "create view extra_seen as select * from extra",
        "insert into note (person, t) values (1, 'written since')",
        # The target was taken into use: its events run there now.
        "alter event tidy enable",
    )
    assert back(migration, plan, kept).endswith("as it was found.")
    assert migration.target.rows("select id from extra_seen") == [(7,)]
    assert all_tables(migration.target) == ["extra"] and nothing_of_ours(migration.target)
    back(migration, plan, kept)
    assert all_tables(migration.target) == ["extra"]


NEEDED = (
    ("create view report as select * from note", "drop view report", "view report needs note"),
    (
        "create table theirs (p int, foreign key (p) references person (id))",
        "drop table theirs",
        "table theirs needs person",
    ),
    (
        "create trigger theirs before update on note for each row set new.t = 'x'",
        "drop trigger theirs",
        "trigger theirs needs note",
    ),
    ("alter table note add more int", "alter table note drop more", "not the objects that the run made"),
)


def test_what_others_need_or_changed_is_refused(migration: Migration) -> None:
    plan = migration.plan()
    kept = move(migration, plan)
    for change, mend, says in NEEDED:
        migration.target.run(change)
        before = picture(migration.target)
        with pytest.raises(Permanent, match=says):
            back(migration, plan, kept)
        assert picture(migration.target) == before
        migration.target.run(mend)
    back(migration, plan, kept)
    assert all_tables(migration.target) == []


def test_data_only_is_emptied_and_counters_go_back(migration: Migration) -> None:
    migration.options = Options(scope=Scope.data_only)
    migration.source.run("drop trigger bell")
    migration.target.run(*(text for text in SOURCE if not text.startswith(("insert", "create trigger"))))
    migration.target.run("alter table note auto_increment = 40")
    before, plan = picture(migration.target), migration.plan()
    kept = move(migration, plan)
    assert migration.target.rows("select count(*) from note") == [(500,)]
    assert "emptied" in back(migration, plan, kept)
    assert picture(migration.target) == before


def test_an_owner_without_rights_on_the_server_saves_and_brings_back(migration: Migration) -> None:
    """All rights on the database are enough; a password may hold anything."""
    name, password, target = f"owner_{secrets.token_hex(3)}", "p'a\"s\\s #;\t", migration.target
    migration.source.run("drop trigger bell", "drop function hello")
    target.run(
        f"create user {name} identified by {quote.text(password)}",
        f"grant all on `{target.name}`.* to {name}",
    )
    migration.user, migration.options = (name, password), Options(overwrite=True)
    try:
        with closing(connect(migration.asked().target, purpose="test")) as owner:
            for statement in (
                "create table kept (id int primary key, f float, g varchar(9) character set gbk, check (id > 5))",
                "set session check_constraint_checks = 0",
                "insert into kept values (1, 0.1, '你')",
                "create view seen as select * from kept",
                "create procedure act() select 1",
                "create event ring on schedule every 1 day starts '2020-01-01' do delete from kept",
            ):
                run(owner, statement)
        before, plan = picture(target), migration.plan()
        kept = move(migration, plan)
        assert_same(migration.source, target)
        assert "brought back" in back(migration, plan, kept)
        assert picture(target) == before
    finally:
        target.run(f"drop user {name}")


def test_the_dump_program_encrypts_and_verifies_as_our_sessions_do(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    write_certificate(certificate, key)
    files = {"ssl-cert": str(certificate), "ssl-key": str(key), "ssl-ca": str(certificate)}
    with MariaDbServer(settings=files) as secure, databases(secure, 1) as (target,):
        target.run("create table t (id int primary key)", "insert into t values (1)")
        secure.connect().cursor().execute("create user shut identified by 'x' require ssl")
        secure.connect().cursor().execute("grant all on *.* to shut")
        plain = endpoint(target, "shut", "x")
        write_certificate(tmp_path / "other.crt", tmp_path / "other.key")
        for number, mode in enumerate((TlsMode.prefer, TlsMode.require, TlsMode.verify_full)):
            there = replace(plain, tls=mode, tls_root=str(certificate))
            asked = Asked(f"m{number}", there, there, Options(overwrite=True), restore_folder=str(tmp_path))
            with closing(connect(there, purpose="test")) as session:
                point = safekeeping.secure(session, asked, Spy())
                assert point is not None and restore_point.read(Path(point.path)).rows["t"][0] == 1
                # The other one's certificate: the program refuses, whatever our own session thinks of it.
                other = replace(there, tls=TlsMode.verify_full, tls_root=str(tmp_path / "other.crt"))
                with pytest.raises(FerrybotError, match=r"TLS|SSL|certificate"):
                    tools.dump(tools.found()[0], other, session, ["--no-data"], lambda _: None, lambda: None)


def test_who_cancels_is_heard_while_the_program_waits(filled: Migration) -> None:
    class Impatient(Spy):
        def check(self) -> None:
            raise Stopped("enough")

    with conduct(filled.asked(), filled.plan()) as conductor, pytest.raises(Stopped):
        conductor.secure(Impatient())
    assert list(Path(filled.restore_folder).iterdir()) == []
