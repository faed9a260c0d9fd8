"""What the docs and `antiphon explain` say about each code: when it is seen, why, and what to do.

`example` is a text as it is printed, behind the code and its name; a test holds it against the sources. A reserved
code belongs to a later release: nothing prints it yet, and it has no example. A module for each part of the codes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from antiphon_names.errors import Code
from antiphon_names.explanations import (
    admission,
    calls,
    command_line,
    instances,
    kubernetes,
    postgres,
    services,
    workers,
)
from antiphon_names.explanations.base import Explanation

EXPLANATIONS: Mapping[Code, Explanation] = MappingProxyType(
    calls.CALLS
    | instances.INSTANCES
    | services.STORE
    | postgres.POSTGRES
    | services.COORDINATION
    | workers.WORKERS
    | kubernetes.KUBERNETES
    | admission.INJECTION
    | admission.VALIDATION
    | admission.WEBHOOK
    | command_line.COMMAND_LINE
)


def of(number: str) -> Explanation | None:
    """Return what is said about the code of this number, such as AN101."""
    return next((told for code, told in EXPLANATIONS.items() if code.number == number), None)


__all__ = ["EXPLANATIONS", "Explanation", "of"]
