"""Why something did not happen: a fault that stays, a fault that passes, or a decision."""

from __future__ import annotations

from jobs.core.model import Problem


class FerrybotError(Exception):
    """Base of our errors; carries what a person needs to read."""

    resumable = True

    def __init__(self, what: str, *, meaning: str = "", remedy: str = "", object: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.meaning = meaning or "Nothing was lost: the source was only read."
        self.remedy = remedy
        self.object = object

    def problem(self) -> Problem:
        return Problem(
            what=self.what,
            meaning=self.meaning,
            remedy=self.remedy,
            resumable=self.resumable,
            object=self.object,
        )


class Permanent(FerrybotError):
    """Trying again without a change would fail in the same way."""


class Transient(FerrybotError):
    """The connection, the server or Redis was away; the same step may succeed a little later."""


class Stopped(FerrybotError):
    """A person or the platform asked the run to stop; the chunk in hand was rolled back."""


class Refused(FerrybotError):
    """A decision, not a fault: this command does not fit the state or the person."""


class Denied(Refused):
    """A refusal whose text is ours alone and may name people and groups in Slack's own markup."""


class Conflict(FerrybotError):
    """Somebody else wrote the next event first; read again and decide anew."""


class LedgerAway(Transient):
    """The ledger's database did not answer: nothing was written, or the text says that this is not known."""

    def __init__(self, what: str = "", *, remedy: str = "") -> None:
        super().__init__(
            what or "The ledger's database did not answer, so this could not be written and nothing was done.",
            meaning="What was written before is safe; migrations under way go on copying.",
            remedy=remedy or "Please try again in a minute.",
        )


class Unreadable(Permanent):
    """The story holds what this version of Ferrybot does not know."""
