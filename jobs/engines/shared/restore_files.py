"""The file of a restore point, whatever program wrote it: is it here, and is it the one that was made?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from jobs.core.errors import Permanent
from jobs.core.verdict import RestorePoint

_PIECE = 1 << 20


def prove_file(point: RestorePoint, check: Callable[[], None]) -> None:
    """The file is here and is the one that was made. Raises `Permanent`."""
    path = Path(point.path)
    try:
        digest = digest_of(path, check)
    except OSError as error:
        raise Permanent(
            f"The restore point {path} cannot be read on this worker: {error.strerror}",
            meaning="Nothing was changed by this try; without the file the target cannot be brought back.",
            remedy="Every worker must see the folder FERRYBOT_RESTORE_POINTS under the same path: share it (or copy"
            " the file to this worker), then try again.",
        ) from None
    if digest != point.sha256:
        raise Permanent(
            f"The restore point {path} is not the file that was made: its SHA-256 differs",
            meaning="Nothing was changed by this try.",
            remedy="Put the right file there, then try again.",
        )


def digest_of(path: Path, check: Callable[[], None]) -> str:
    """SHA-256 of a file, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            check()
    return digest.hexdigest()
