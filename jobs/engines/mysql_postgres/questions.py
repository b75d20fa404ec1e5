"""What a plan asks before rows of MySQL become rows of PostgreSQL. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from jobs.core.model import Choice, Question
from jobs.engines.mysql.catalog import Catalog, Column, Table
from jobs.engines.mysql_postgres import choices, replaced, spatial, types
from jobs.engines.mysql_postgres.choices import Wish
from jobs.engines.mysql_postgres.inspect_values import Look
from jobs.engines.mysql_postgres.replaced import Counts
from jobs.engines.mysql_postgres.rules import DEFAULTS, key
from jobs.engines.shared.words import counted


def questions(
    catalog: Catalog, tables: Sequence[Table], looks: Sequence[Look] | None, wish: Wish
) -> Iterator[Question]:
    """Every question, in a fixed order: about the whole database, then table by table. None: nobody could look."""
    for question in (*_whole(catalog, tables), *choices.of_whole(tables, wish)):
        yield wish.ruled(question)
    if looks is None or any(look.rows is None and look.about not in ("type", "packet", "srid") for look in looks):
        yield wish.ruled(_unsearched())
    counts = {(look.table, look.column, look.about): look for look in looks or ()}
    wide = _wide_groups(tables, counts)
    for table in tables:
        for column in table.columns:
            of_type = list(_of_type(table, column, counts, wide, wish))
            yield from of_type
            word = replaced.becomes(table, column, of_type, wish)
            if column.data_type in types.SPATIAL and word.endswith(spatial.WORD):
                yield from _srid(table, column, counts)
            yield from replaced.of_values(table, column, counts, wish, word)
            if column.generated and not column.of_period:
                yield _generated(table, column)


def _choice(value: str, text: str) -> Choice:
    return Choice(value=value, text=text)


def _whole(catalog: Catalog, tables: Sequence[Table]) -> Iterator[Question]:
    columns = [column for table in tables for column in table.columns]
    yield Question(
        key="schema",
        title="In which schema of the target do the tables arrive?",
        choices=(_choice("public", "public"), _choice("own", f"A schema named {catalog.database.lower()}")),
        default=DEFAULTS["schema"],
    )
    mixed = [n for table in tables for n in (table.name, *(c.name for c in table.columns)) if n != n.lower()]
    if mixed:
        yield Question(
            key="names",
            title="How are names with capital letters written?",
            choices=(_choice("lower", "In lower case"), _choice("keep", "As they are")),
            default=DEFAULTS["names"],
            detail=f"{counted(len(mixed), 'name has', 'names have')} capitals. Kept, every query must quote them.",
        )
    if any(column.data_type == "enum" for column in columns):
        yield Question(
            key="enums",
            title="What do ENUM columns become?",
            choices=(_choice("text", "Text with a check"), _choice("type", "An enum type each")),
            default=DEFAULTS["enums"],
        )
    if any(types.is_json(table, column) for table in tables for column in table.columns):
        yield Question(
            key="json",
            title="What do JSON columns become?",
            choices=(_choice("jsonb", "jsonb"), _choice("json", "json")),
            default=DEFAULTS["json"],
            detail="jsonb can be indexed, and keeps neither spaces nor the order of keys nor a key's doubles; json"
            " keeps the text as it is.",
        )
    if any(index.kind == "FULLTEXT" for table in tables for index in table.indexes):
        yield Question(
            key="fulltext",
            title="What becomes of FULLTEXT indexes?",
            choices=(_choice("leave", "They stay behind"), _choice("gin", "GIN indexes over to_tsvector")),
            default=DEFAULTS["fulltext"],
            detail="Queries with MATCH … AGAINST must be rewritten either way.",
        )


Place = tuple[str, str]


def _beyond(counts: Counts, table: str, column: str) -> Look | None:
    """The look that forbids the first variant: something was found, or nobody looked."""
    found = counts.get((table, column, "type"))
    if found is None:
        return Look(table, column, "type", None, "nobody looked")
    return found if found.rows is None or found.rows > 0 else None


def _of_type(table: Table, column: Column, counts: Counts, wide: dict[Place, str], wish: Wish) -> Iterator[Question]:
    if column.data_type in types.SPATIAL:
        word = wish.able.postgis
        made = word if word == spatial.WORD else ""
        yield from choices.of_column(
            table, column, wish, (word, "wkb") if word else ("wkb",), made, wish.able.no_postgis
        )
        return
    variants = types.variants(column)
    beyond = _beyond(counts, table.name, column.name)
    partner = wide.get((table.name.lower(), column.name.lower()), "")
    if variants is None or (beyond is None and not partner):
        yield from choices.of_column(table, column, wish)
        return
    why = (
        f"It is tied by a foreign key to {partner}, which is wider." if beyond is None else _why(beyond, variants.why)
    )
    words = (variants.second, "boolean") if variants.first == "boolean" else (variants.second,)
    default = variants.second
    if not partner and replaced.narrowed(table, column, wish):
        words, default = (variants.second, variants.first), variants.first
        why += f" As {variants.first}, another question says what becomes of it."
    yield from choices.of_column(table, column, wish, words, default, why)


def _why(look: Look, why: str) -> str:
    if look.rows is None:
        return f"Nobody looked whether it {why} ({look.reason})."
    return f"It {why}: {counted(look.rows, 'row')}."


def _srid(table: Table, column: Column, counts: Counts) -> Iterator[Question]:
    look = counts.get((table.name, column.name, "srid"))
    asked = spatial.question(table, column, look.rows if look else None)
    if asked is not None:
        yield asked


def _unsearched() -> Question:
    return Question(
        key="unsearched",
        title="What if a value turns up that PostgreSQL refuses, in a column that nobody searched?",
        choices=(
            _choice("stop", "Stop with an error that names the column"),
            _choice("mend", "Mend it"),
        ),
        default=DEFAULTS["unsearched"],
        detail="Mended, in every column without an answer of its own: dates that no calendar has become NULL"
        " (1970-01-01 where NULL is not allowed), NUL bytes are left out, bytes that are no text become ?, a blank"
        " ENUM stays an empty text.",
    )


def _generated(table: Table, column: Column) -> Question:
    return Question(
        key=key("generated", table.name, column.name),
        title=f"What becomes of the generated column {table.name}.{column.name}?",
        choices=(_choice("compute", "PostgreSQL computes it"), _choice("plain", "A plain column with its values")),
        default="compute",
        detail="Computed, every value is compared with the source's.",
    )


def _wide_groups(tables: Sequence[Table], counts: Counts) -> dict[Place, str]:
    """Columns of BIGINT UNSIGNED that must be as wide as one to which foreign keys tie them, and that one."""
    ties: dict[Place, set[Place]] = defaultdict(set)
    for table in tables:
        for foreign in table.foreign_keys:
            for ours, theirs in zip(foreign.columns, foreign.other_columns, strict=True):
                a, b = (table.name.lower(), ours.lower()), (foreign.other_table.lower(), theirs.lower())
                ties[a].add(b)
                ties[b].add(a)
    wide: dict[Place, str] = {}
    waiting = [
        (table.name.lower(), column.name.lower())
        for table in tables
        for column in table.columns
        if column.data_type == "bigint" and column.unsigned and _beyond(counts, table.name, column.name)
    ]
    while waiting:
        place = waiting.pop()
        for other in ties[place] - wide.keys():
            wide[other] = ".".join(place)
            waiting.append(other)
    return wide
