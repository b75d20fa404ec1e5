"""Facts about roles and rights: who owns what, who may what."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from jobs.core.model import Frozen


class Role(Frozen):
    """`assumable`: the session's role may give objects to it; `inherited`: and may still change them then.

    `inherits` names the roles whose rights this one has too; a superuser's are not listed."""

    name: str
    superuser: bool
    assumable: bool
    inherited: bool
    creates: bool = Field(description="CREATE on the database")
    creates_in_public: bool
    inherits: tuple[str, ...]


class RoleShape(Frozen):
    """A role of the source; `never`: its attributes that only a superuser may give."""

    name: str
    login: bool
    createdb: bool
    createrole: bool
    never: str


class RoleNeed(Frozen):
    """A role that an object of the source names.

    `defaults`: default privileges are its own; `grantor`: it granted what it does not own; `named`: a policy or
    a user mapping is for it; `setting`: it has settings of its own in the database.
    `place`: what an owner must itself have the right to create in, or use."""

    role: str
    use: Literal["owner", "grantee", "grantor", "defaults", "named", "setting"]
    schema_name: str
    table_name: str
    object: str
    place: Literal["", "schema", "database", "wrapper"] = ""
    wrapper: str = ""


class Privileged(Frozen):
    """Something of the source that only a superuser may make; `why` completes `which`."""

    kind: str
    schema_name: str
    name: str
    why: str

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}" if self.schema_name else self.name


class Hidden(Frozen):
    """Something of the source that the session's role cannot read."""

    kind: str
    schema_name: str
    name: str
    table_name: str = ""
