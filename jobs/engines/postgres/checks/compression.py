"""The target can compress values as the source is told to: lz4 is a choice of who builds a server, from 14 on."""

from __future__ import annotations

from jobs.core.model import Scope, Severity
from jobs.engines.postgres.checks.base import Findings, PgCheck, counted, found, listed
from jobs.engines.postgres.facts import Oddity
from jobs.engines.postgres.inventory import Inventory

_SETTING = "default_toast_compression=lz4"


def find(inventory: Inventory) -> Findings:
    needs = _needs(inventory)
    if needs and "lz4" not in inventory.target.compressions.get():
        shown = [f"{need.note} {need.label}" for need in needs]
        yield found(
            Severity.block,
            f"The target was built without lz4 compression, which {counted(len(needs), 'definition')} of the source"
            f" {'names' if len(needs) == 1 else 'name'}: {listed(shown)}.",
            object=shown[0],
            remedy="Choose a target that was built with lz4; or, on the source, ALTER TABLE … ALTER COLUMN … SET"
            " COMPRESSION pglz (it rewrites nothing), ALTER DATABASE or ROLE … RESET default_toast_compression,"
            " ALTER FUNCTION … RESET default_toast_compression.",
            side="target",
            field="target",
        )


def _needs(inventory: Inventory) -> list[Oddity]:
    """Into a schema that is there already only rows travel, however they are compressed there."""
    if inventory.options.scope is Scope.data_only:
        return []
    columns = [
        need
        for need in inventory.source.build_needs.get()
        if need.kind == "lz4" and inventory.moves(need.schema_name, need.table_name)
    ]
    settings = [
        setting.model_copy(update={"note": "default_toast_compression of"})
        for setting in inventory.source.oddities.get()
        if setting.kind == "setting" and setting.note == _SETTING and _travels(setting, inventory)
    ]
    return columns + settings


def _travels(setting: Oddity, inventory: Inventory) -> bool:
    """Settings of roles travel together with grants."""
    return setting.name == "everybody" or inventory.options.keep_grants


def measured(inventory: Inventory) -> str:
    return f"{counted(len(_needs(inventory)), 'definition')} with lz4"


CHECK = PgCheck("compression", "Compression is supported", find, measured)
