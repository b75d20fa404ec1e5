"""Which function performs which kind of task."""

from __future__ import annotations

from jobs.engines.postgres.perform.comments import set_comments
from jobs.engines.postgres.perform.configuration import add_configuration
from jobs.engines.postgres.perform.copy import copy
from jobs.engines.postgres.perform.hands import Performer
from jobs.engines.postgres.perform.large_objects import copy_large_objects
from jobs.engines.postgres.perform.parts import look_at_parts
from jobs.engines.postgres.perform.sequences import set_sequences
from jobs.engines.postgres.perform.statements import add_keys, build, run_texts, validate
from jobs.engines.postgres.perform.verify import verify

PERFORMERS: dict[str, Performer] = {
    "roles": run_texts,
    "schema": run_texts,
    "parts": look_at_parts,
    "configuration": add_configuration,
    "copy": copy,
    "large objects": copy_large_objects,
    "index": build,
    "foreign keys": add_keys,
    "validate": validate,
    "post": run_texts,
    "refresh": run_texts,
    "comments": set_comments,
    "analyze": run_texts,
    "sequences": set_sequences,
    "settings": run_texts,
    "verify": verify,
}
