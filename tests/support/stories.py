"""The events as this version writes them, one of each kind with every field filled: later versions must read them.

python -m tests.support.stories   # adds the kinds that the file lacks; what stands there is never rewritten
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from jobs.core.events import Event
from jobs.core.record import pack
from tests.support.tales import MIGRATION, NOON, Tale

FILE = Path(__file__).parents[1] / "unit" / "stories.jsonl"


def kinds() -> dict[str, type[BaseModel]]:
    """Every kind of event by its name."""
    union = get_args(Event)[0]
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}


def filled(annotation: Any, name: str = "") -> Any:
    """A value of this type that is nowhere as by default."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return filled(arguments[0], name)
    if origin in (Union, types.UnionType):
        return filled(next(a for a in arguments if a is not types.NoneType), name)
    if origin is Literal:
        return arguments[-1]
    if origin is tuple:
        return tuple(filled(a, name) for a in arguments if a is not Ellipsis)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {"key": filled(arguments[1], name)}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation(**{field: filled(f.annotation, field) for field, f in annotation.model_fields.items()})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return list(annotation)[-1]
    return _plain(annotation, name)


def _plain(annotation: Any, name: str) -> Any:
    if name in ("secret", "password"):
        return "env:SHOP_URL"
    if name == "bytes_per_second":
        return 7_000_000
    if name == "migration":
        return MIGRATION
    values: dict[Any, Any] = {str: f"a {name} ✓", int: 7, float: 1.5, bool: True, AwareDatetime: NOON}
    return values.get(annotation, NOON)


def lines() -> list[dict[str, Any]]:
    """What is written today: each kind once, and a whole story with what it comes to."""
    made: list[dict[str, Any]] = [{"kind": kind, "stored": pack(filled(of))} for kind, of in kinds().items()]
    for name, tale in {"done": Tale().done(), "failed": Tale().failed(), "waiting": Tale().requested()}.items():
        story = [pack(recorded.event) for recorded in tale.story]
        comes_to = {"status": tale.state.status.value, "run": tale.state.run, "digest": tale.state.digest}
        made.append({"kind": f"story {name}", "stored": story, "comes_to": comes_to})
    return made


def main() -> None:
    there = {json.loads(line)["kind"] for line in FILE.read_text().splitlines()} if FILE.exists() else set()
    with FILE.open("a") as file:
        for line in lines():
            if line["kind"] not in there:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
