"""How large one value may be, and what is said of one that is larger: the same words on every path."""

from collections.abc import Iterator

from antiphon_names import errors as codes
from antiphon_sidecar.engine.actions import Complete, CreateChild, CreateDetached, Response, ScheduleTask
from antiphon_sidecar.engine.events import Failure, Status


def excess(value: str | None, *, limit: int) -> int:
    """Return the bytes of a value that is above the limit, else 0; what is short is not counted."""
    if value is None or len(value) * 4 <= limit:
        return 0
    size = len(value.encode())
    return size if size > limit else 0


def text(what: str, size: int, *, limit: int) -> str:
    """Return what is wrong and how to put it right, without the code."""
    return (
        f"{what} has {size} bytes, the limit is {limit}. Store large data elsewhere and pass a reference, or raise "
        "limits.payload_size_max in the sidecar's settings."
    )


def failure(what: str, size: int, *, limit: int) -> Failure:
    """Return the failure of a task or workflow with a value that is too large."""
    return Failure(
        error_type=codes.PAYLOAD_TOO_LARGE.name,
        message=f"{codes.PAYLOAD_TOO_LARGE}: {text(what, size, limit=limit)}",
        non_retriable=True,
        code=codes.PAYLOAD_TOO_LARGE.number,
    )


def item_failure(what: str, size: int, *, most: int) -> Failure:
    """Return the failure of a task whose item none of the workers receives."""
    return Failure(
        error_type=codes.PAYLOAD_TOO_LARGE.name,
        message=(
            f"{codes.PAYLOAD_TOO_LARGE}: {what} and its input take {size} bytes as one message, the workers that run "
            f"it receive at most {most}. Pass a reference instead, or let the worker's SDK receive more and say so in "
            "limits.worker_message_size_max of its sidecar's settings."
        ),
        non_retriable=True,
        code=codes.PAYLOAD_TOO_LARGE.number,
    )


def of_response(response: Response, *, limit: int) -> Failure | None:
    """Return the failure of a workflow whose answer to a turn holds a value that is too large."""
    for what, value in _values(response):
        size = excess(value, limit=limit)
        if size:
            return failure(what, size, limit=limit)
    return None


def _values(response: Response) -> Iterator[tuple[str, str | None]]:
    for action in response.actions:
        match action:
            case ScheduleTask() | CreateChild() | CreateDetached():
                yield f'the input of {_kind(action)} "{action.name}" (#{action.id})', action.input
            case Complete():
                continues = action.status is Status.CONTINUED_AS_NEW
                yield "the input of the next generation" if continues else "the workflow's result", action.result
                for event in action.carryover:
                    yield f'the payload of the event "{event.name}" that is carried over', event.input
            case _:
                pass
    yield "the custom status", response.custom_status


def _kind(action: ScheduleTask | CreateChild | CreateDetached) -> str:
    match action:
        case ScheduleTask():
            return "activity"
        case CreateChild():
            return "child workflow"
        case CreateDetached():
            return "detached workflow"
