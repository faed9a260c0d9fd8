"""Who has an instance's partition, and what is wrong with that: nobody, one that is gone, silent or without workers."""

from collections.abc import Iterator

from antiphon_names import errors as codes
from antiphon_names import reasons
from antiphon_names.hashing import partition_of
from antiphon_sidecar.runtime.why.base import Scene, Subject, Wait, clock, coded
from antiphon_sidecar.runtime.why.inquiry import Inquiry


def caveats(scene: Scene) -> Iterator[str]:
    """Yield what cannot be seen from here, and what that means for all that is told."""
    if scene.etcd_away_since is not None:
        yield coded(
            codes.ETCD_UNREACHABLE,
            f"etcd has not answered this sidecar since {clock(scene.etcd_away_since)}. What is told of other replicas "
            "is as it was then. Owners go on; partitions of replicas that die are not taken until etcd answers. Bring "
            "it back, or mend the network between.",
        )


def owners(subject: Subject, inquiry: Inquiry) -> Iterator[Wait]:
    """Yield what keeps the instance's owner from having it, or from telling of it."""
    scene, row = inquiry.scene, subject.row
    # Without any replica there is no owner either, which is said where the app's workers are.
    if scene.alone or not scene.view.of_app(row.app):
        return
    owner = inquiry.owner_of(row)
    if owner is None:
        yield _missing(subject, scene)
    elif owner not in scene.view.replicas:
        text = (
            f"partition {partition_of(row.slot)}, to which the instance belongs, is still held by replica {owner}, "
            f"which is gone; {_taken_over(row.app, owner, scene)}"
        )
        yield _wait(subject, reasons.OWNER_GONE, text, replica=owner, since=0)
    elif owner in inquiry.silent:
        text = (
            f"replica {owner} owns the instance, and {inquiry.silent[owner]}. What is told here is from the store, "
            f"without what is in that replica's memory. If it has died: {_taken_over(row.app, owner, scene)} "
            "If it lives, its log may say what keeps it."
        )
        yield _wait(subject, reasons.OWNER_SILENT, text, replica=owner, since=0)


def without_worker(subject: Subject, inquiry: Inquiry) -> Wait | None:
    """Return the wait for a worker at the owner, when only other replicas of the app have one."""
    scene, row = inquiry.scene, subject.row
    owner = inquiry.owner_of(row)
    registration = None if owner is None else scene.view.replicas.get(owner)
    if registration is None or registration.workers or not scene.workers(row.app):
        return None
    able = [r.replica for r in scene.view.of_app(row.app) if r.workers]
    text = (
        f"replica {registration.replica} owns the instance and has no worker connected; others of {row.app} have "
        f"({codes.listing(able)}), and take its partitions once it has been without one for a lease "
        f"({scene.lease_s:g} s). Nothing is lost. Start the app beside that replica."
    )
    return _wait(subject, reasons.OWNER_WITHOUT_WORKER, text, replica=registration.replica)


def _missing(subject: Subject, scene: Scene) -> Wait:
    app, partition = subject.row.app, partition_of(subject.row.slot)
    what = f"no replica of {app} owns partition {partition}, to which the instance belongs;"
    if scene.etcd_away_since is not None:
        return _wait(subject, reasons.OWNER_MISSING, f"{what} none can take it before etcd answers.")
    text = f"{what} one takes it within a lease time, as soon as the store answers."
    return _wait(subject, reasons.OWNER_MISSING, text)


def _taken_over(app: str, owner: str, scene: Scene) -> str:
    """Say who goes on instead of a replica, and when."""
    if scene.etcd_away_since is not None:
        return "others take over once etcd answers and its lease has run out."
    others = [r.replica for r in scene.view.of_app(app) if r.replica != owner]
    if not others:
        return (
            f"no other replica of {app} runs to take over. Nothing is lost; the instance goes on when one is back, "
            f"at the latest {scene.lease_s:g} s later. Start one."
        )
    return f"others of {app} ({codes.listing(others)}) take over within a lease time ({scene.lease_s:g} s)."


def _wait(subject: Subject, reason: reasons.Reason, text: str, *, replica: str = "", since: int | None = None) -> Wait:
    row = subject.row
    since = row.updated_at if since is None else since
    return Wait(reason.name, text, since, kind="worker", app=row.app, replica=replica)
