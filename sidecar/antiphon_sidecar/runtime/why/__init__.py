"""Why an instance waits, or how it failed: every reason has a stable name and says what would end the wait.

Asked by the control API for people; reads the store and the memory of this process, asks the owners of instances that
are elsewhere, and changes nothing. `own` looks at the instance's app, `owners` at who has it, `calls` at activities and
children, `pauses` at timers and events, `inquiry` asks other replicas, `tree` puts all together, `failures` follows a
failure to its first cause.
"""

from antiphon_sidecar.runtime.why.base import Others, Scene, Silent, Stage, TaskAt, Wait
from antiphon_sidecar.runtime.why.calls import task_at
from antiphon_sidecar.runtime.why.failures import Link, failures, fix_for
from antiphon_sidecar.runtime.why.owners import caveats
from antiphon_sidecar.runtime.why.tree import why

__all__ = [
    "Link",
    "Others",
    "Scene",
    "Silent",
    "Stage",
    "TaskAt",
    "Wait",
    "caveats",
    "failures",
    "fix_for",
    "task_at",
    "why",
]
