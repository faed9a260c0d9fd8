"""Why an instance waits, or how it failed: every reason has a stable name and says what would end the wait.

Asked by the control API for people; reads the store and the memory of this process and changes nothing. `own` looks
at the instance's app, `calls` at activities and children, `pauses` at timers and events, `tree` puts them together,
`failures` follows a failure to its first cause.
"""

from antiphon_sidecar.runtime.why.base import Scene, Wait
from antiphon_sidecar.runtime.why.failures import Link, failures, fix_for
from antiphon_sidecar.runtime.why.tree import why

__all__ = ["Link", "Scene", "Wait", "failures", "fix_for", "why"]
