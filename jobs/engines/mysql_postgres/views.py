"""The queries of views in PostgreSQL's words; a view that reads one that stays behind stays behind, too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobs.engines.mysql.catalog import View
from jobs.engines.mysql_postgres import expressions
from jobs.engines.mysql_postgres.expressions import Untranslated, Words


def bodies(views: Sequence[View], words: Words) -> tuple[dict[str, str], dict[str, str]]:
    """By name: what was translated, and why the others were not."""
    made: dict[str, str] = {}
    why: dict[str, str] = {}
    waiting = list(views)
    while waiting:
        known = replace(words, known=words.known - why.keys())
        before = len(why)
        for view in waiting:
            try:
                if view.create_error:
                    raise Untranslated(view.create_error)
                made[view.name] = expressions.query(view.body, known)
            except Untranslated as error:
                made.pop(view.name, None)
                why[view.name] = str(error)
        waiting = [view for view in views if view.name in made] if len(why) > before else []
    return made, why
