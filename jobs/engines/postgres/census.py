"""stub"""
from __future__ import annotations
from dataclasses import dataclass, field
from typing import Any
from jobs.core.verdict import Difference, TableProof
from jobs.core.model import Options

@dataclass
class Counted:
    agreed: list[tuple[str,int]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

def proofs(results: list[Any]) -> list[TableProof]:
    return [TableProof(**document) for result in results for document in result]

def take(source, target, run, options: Options, sequences):
    return Counted()
