"""What the injector can answer: a patch, a refusal with its reason and fix, or that a pod is left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from antiphon_names.errors import Code

#: One operation of RFC 6902.
Operation = Mapping[str, Any]


class Unconcerned(StrEnum):
    """Why a pod is left alone."""

    NOT_A_CREATION = "NotACreation"
    OPTED_OUT = "OptedOut"
    NO_APP_FOR_POD = "NoAppForPod"
    MIRROR_POD = "MirrorPod"
    HOST_NETWORK = "HostNetwork"
    WINDOWS = "Windows"
    OWN_SIDECAR = "OwnSidecar"
    ALREADY_INJECTED = "AlreadyInjected"


@dataclass(frozen=True, slots=True)
class Injected:
    """The pod gets its sidecar by these operations, in this order."""

    app_id: str
    patch: Sequence[Operation]
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """The pod stays as it is; `detail` ends in a full stop."""

    reason: Unconcerned
    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The pod cannot start: its controller tries again. `may_mend`: a resource that has just been made would do."""

    code: Code
    detail: str
    may_mend: bool = False

    @property
    def message(self) -> str:
        """Return what the one who made the pod reads."""
        return f"{self.code}: {self.detail}"


Outcome = Injected | LeftAlone | Refused
