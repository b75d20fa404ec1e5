"""The hash that both servers have: md5, or SHA-256 where MySQL lost its md5 (9.0). Pure.

A row is proven by 60 bits of the hash of its canonical text; the sum of a table's or chunk's rows does not care for
their order and cannot overflow: both sides add decimals.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engines.mysql.flavour import Flavour

BITS = 60
"""15 hexadecimal digits: the most that is never negative in PostgreSQL's bigint."""
UNHASHED = 10**40
"""Stands for a row that the source could not hash, which says NULL there: more than all rows of the target can sum up
to, so that two NULLs are never equal."""


@dataclass(frozen=True)
class Digest:
    """`name` is md5 or sha256; each method makes SQL of hexadecimal digits."""

    name: str = "md5"

    @classmethod
    def fitting(cls, source: Flavour) -> Digest:
        return cls("md5" if source.can("md5") else "sha256")

    def of_source(self, expression: str) -> str:
        """Of bytes, in the source."""
        return f"md5({expression})" if self.name == "md5" else f"sha2({expression}, 256)"

    def of_bytes(self, expression: str) -> str:
        """Of a bytea, in the target."""
        return f"md5({expression})" if self.name == "md5" else f"encode(sha256({expression}), 'hex')"

    def of_text(self, expression: str) -> str:
        """Of a text's UTF-8, in the target."""
        if self.name == "md5":
            return f"md5({expression})"
        return f"encode(sha256(convert_to({expression}, 'UTF8')), 'hex')"

    def source_sum(self, row: str) -> str:
        """The sum over rows, in the source."""
        number = f"cast(conv(left({self.of_source(row)}, {BITS // 4}), 16, 10) as unsigned)"
        return f"cast(coalesce(sum(coalesce({number}, {UNHASHED})), 0) as char)"

    def target_sum(self, row: str) -> str:
        """The same in the target."""
        number = f"('x0' || left({self.of_text(row)}, {BITS // 4}))::bit(64)::bigint"
        return f"coalesce(sum({number}), 0)::text"
