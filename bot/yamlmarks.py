"""YAML with a line for every key: what `bot.config` needs to point at a mistake. Refuses what hides mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """A mistake at a line; `path` is the key's way from the root."""

    line: int
    path: Path
    said: str
    remedy: str = ""


@dataclass
class Document:
    """The plain values, and the line of each key and list entry."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of `path`, or of its nearest parent that is written in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def value(self, path: Path) -> Any:
        """What is written at `path`, or None."""
        here = self.data
        for step in path:
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                return None
        return here


class _Loader(yaml.SafeLoader):
    """Safe, and without aliases: they could multiply a small file without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs lack it
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not used here", mark)
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Document:
    """The document in `text`; mistakes of YAML itself are faults, never exceptions."""
    document = Document()
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is not None:
            document.data = _walk(loader, root, (), document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.faults.append(
            Fault(mark.line + 1 if mark else 1, (), f"this is not YAML: {error.problem or error.context}")
        )
    except yaml.reader.ReaderError as error:
        document.faults.append(Fault(text.count("\n", 0, error.position) + 1, (), "a character YAML does not allow"))
    finally:
        loader.dispose()
    return document


def _walk(loader: _Loader, node: yaml.Node, path: Path, document: Document) -> Any:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_walk(loader, child, (*path, i), document) for i, child in enumerate(node.value)]
    return _scalar(loader, node, path, document)


def _mapping(loader: _Loader, node: yaml.MappingNode, path: Path, document: Document) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(line, path, "a key must be a plain word"))
            continue
        key = str(key_node.value)  # a service named 2024 or on is a name, not a number or a truth
        if key in found:
            first = document.line((*path, key))
            document.faults.append(
                Fault(line, (*path, key), f"this key is there twice (first in line {first})", "Keep one of them.")
            )
            continue
        document.lines[(*path, key)] = line
        found[key] = _walk(loader, value_node, (*path, key), document)
    return found


def _scalar(loader: _Loader, node: yaml.Node, path: Path, document: Document) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except (yaml.constructor.ConstructorError, ValueError):
        document.faults.append(
            Fault(node.start_mark.line + 1, path, "this value is not text, number or yes/no", "Put it in quotes.")
        )
        return None
