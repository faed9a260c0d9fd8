"""What conditions say while etcd does not answer: what was known stays, and that it may be old is said."""

from antiphon_names import errors as codes
from antiphon_operator.reconcile.conditions import Condition, stamp
from antiphon_operator.reconcile.observed import Etcd


def away(name: str, etcd: Etcd) -> Condition:
    """Return the condition of something that was known until etcd stopped answering."""
    since = f" since {stamp(etcd.away_since)}" if etcd.away_since is not None else ""
    return Condition(
        name,
        None,
        codes.ETCD_UNREACHABLE.name,
        f"etcd ({etcd.endpoints}) does not answer{since}: what runs goes on, what changes is not seen here. Bring "
        "etcd back.",
    )


def unread(name: str, etcd: Etcd) -> Condition:
    """Return the condition of something that only etcd can tell, which has not been read."""
    return Condition(
        name,
        None,
        codes.ETCD_UNREACHABLE.name,
        f"etcd ({etcd.endpoints}) has not been read yet, so it is not known which replicas run. Bring etcd back.",
    )
