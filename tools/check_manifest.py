"""Holds manifest.yaml against Slack's published schema: `python tools/check_manifest.py SCHEMA [MANIFEST]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator


def problems(schema: dict[str, Any], manifest: Any) -> list[str]:
    """Every violation as `where: what`, in the order of the manifest."""
    Draft7Validator.check_schema(schema)
    found = sorted(Draft7Validator(schema).iter_errors(manifest), key=lambda e: [str(p) for p in e.absolute_path])
    return [f"{'.'.join(str(p) for p in e.absolute_path) or 'manifest'}: {e.message}" for e in found]


def main(arguments: list[str]) -> int:
    """0 when the manifest is valid, 1 when not, 2 when called wrongly."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    root = Path(__file__).parent.parent
    path = Path(arguments[1]) if len(arguments) > 1 else root / "manifest.yaml"
    schema = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    found = problems(schema, yaml.safe_load(path.read_text(encoding="utf-8")))
    for problem in found:
        sys.stderr.write(f"{path.name}: {problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
