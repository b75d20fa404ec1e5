"""What forms offer is what engines do."""

from __future__ import annotations

import pytest

from jobs.core.errors import Permanent
from jobs.core.model import Dialect
from jobs.core.pairs import SOURCES
from jobs.engines.registry import engine_for, pairs


def test_the_forms_offer_what_the_engines_move() -> None:
    assert pairs() == {(source, target) for target, sources in SOURCES.items() for source in sources}


def test_a_pair_that_no_engine_moves_is_refused_with_those_that_are() -> None:
    with pytest.raises(Permanent) as refused:
        engine_for(Dialect.postgresql, Dialect.mysql)
    assert "PostgreSQL to MySQL" in refused.value.what and "MariaDB" in refused.value.remedy
