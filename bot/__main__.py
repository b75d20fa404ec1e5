"""The `ferrybot` command.

What only one command needs is imported there: a worker has no use for Slack's gestures, and starts sooner."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bot import processes
from bot.config import ConfigError
from bot.settings import load_settings
from jobs.adapters.ledgers import open_ledger
from jobs.adapters.queue_rq import MIGRATIONS, SLACK
from jobs.adapters.redis_url import connect
from jobs.core.errors import Permanent
from jobs.logs import setup_logs
from jobs.ports.ledger import Ledger
from jobs.settings import SettingsError, load_job_settings


@click.group()
@click.version_option(package_name="ferrybot")
def main() -> None:
    """Ferrybot moves databases from Slack: checked, approved, verified, in one thread."""


@main.command()
def web() -> None:
    """Slack's gestures, the one-time page, health and metrics."""
    from bot.app import Web

    settings = load_settings()
    setup_logs(settings.log_level, settings.log_format)
    Web(settings).run()


@main.command()
@click.option("--count", type=click.IntRange(1, 64), help="Worker processes here; default FERRYBOT_WORKERS.")
def worker(count: int | None) -> None:
    """Checks and moves databases: RQ workers on the queue `migrations`."""
    settings = load_job_settings()
    setup_logs(settings.log_level, settings.log_format)
    number = count or settings.workers
    processes.supervise("worker", number, settings, lambda: processes.serve_queue(settings, MIGRATIONS))


@main.command()
def courier() -> None:
    """Writes threads, cards and modals: an RQ worker on the queue `slack`."""
    settings = load_settings()
    setup_logs(settings.log_level, settings.log_format)
    processes.supervise("courier", 1, settings, lambda: processes.serve_queue(settings, SLACK))


@main.command()
def clock() -> None:
    """Rings every few seconds for what was left lying."""
    settings = load_job_settings()
    setup_logs(settings.log_level, settings.log_format)
    processes.clock(settings)


@main.command()
def doctor() -> None:
    """Says what is missing in this installation, and the remedy."""
    from bot import doctor as examination

    examined = examination.examine(load_settings())
    sys.exit(0 if examination.show(examined, sys.stdout) else 1)


@main.group()
def audit() -> None:
    """Is a log the one that was written?"""


@audit.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--head", default="", help="The head that stands in the migration's thread; default: the ledger's.")
def verify(file: Path, head: str) -> None:
    """Looks at every line of a migration's full log.

    Exit code 0: intact; 1: changed, with the first bad line; 2: unreadable; 3: whole, but nothing to compare with.
    """
    from bot import audit as auditing

    found = auditing.examine(file, head, _ledger)
    click.echo(found.said)
    sys.exit(found.code)


def _ledger() -> Ledger | None:
    try:
        settings = load_job_settings()
    except SettingsError:
        return None
    return open_ledger(settings, connect(settings.redis_url, socket_timeout=5))


@main.command()
@click.option("--exit", "leave", is_flag=True, help="Play one migration, check its result, and stop.")
@click.option("--port", default=0, help="The page's port; 0 takes a free one.")
@click.option("--scale", default=1.0, help="Size of the shop; 1 is over a million rows.")
def demo(leave: bool, port: int, scale: float) -> None:
    """A local Slack, real servers and scripted people on this machine."""
    try:
        from bot.sandbox import demo as stage_demo
    except ImportError as error:
        raise click.ClickException(f"The demo needs its extra ({error.name} is missing): use `make demo`.") from None
    sys.exit(stage_demo.run(leave=leave, port=port, scale=scale))


def entry() -> None:
    """`main`, with errors of the installation as one readable text."""
    starter = os.environ.get(processes.STARTER, "")
    if starter.isdigit():
        processes.end_with(int(starter))
    try:
        main()
    except (SettingsError, ConfigError, Permanent) as error:
        remedy = f" {error.remedy}" if isinstance(error, Permanent) else ""
        click.echo(f"{error}{remedy}\n\n`ferrybot doctor` examines the whole installation.", err=True)
        sys.exit(2)


if __name__ == "__main__":
    entry()
