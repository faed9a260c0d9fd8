"""What a check finds about one call: which condition it concerns, whether it holds, why, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """The conditions of a Workflow that a call can break."""

    NAMESPACE = "NamespaceShared"
    STORE = "StateStoreShared"
    REGISTERED = "TargetsRegistered"
    ALLOWED = "CallsAllowed"
    SCHEMAS = "SchemasMatch"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold, or that nobody knows yet.

    `broken`: it does not hold; else it is not known. `lasting`: it does not mend by itself.
    """

    topic: Topic
    reason: str
    message: str
    broken: bool = True
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a contract names, from one app to a workflow or activity of another (or the same)."""

    caller: str
    app_id: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one call, the weightiest first; nothing found: it can be made."""

    call: Call
    findings: tuple[Finding, ...] = ()
