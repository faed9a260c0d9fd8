"""Runs activities: async ones on the event loop, the others in threads, at most so many at once.

Used by worker. Every activity that was begun ends in exactly one result handed to `deliver`, unless the
worker is stopped first; then nothing is said and the sidecar gives it to somebody else. One that is cancelled
and does not end gives its place to others and is not heard of again.
"""

import asyncio
import contextvars
import functools
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from antiphon import _definitions, _otel, _values, _wire, activity, interceptors
from antiphon._definitions import Definition
from antiphon._payloads import PLAIN, Payloads
from antiphon._running import Running, running
from antiphon._threads import Threads
from antiphon.errors import ActivityCancelled, Failure
from antiphon_names import errors as names
from antiphon_proto.v1 import worker_pb2

_log = logging.getLogger(__name__)

Deliver = Callable[[worker_pb2.ActivityResponse], None]
#: How long an activity may take to end once it is cancelled, in seconds; the sidecar waits as long.
CANCEL_GRACE_S = 10.0
_Key = tuple[str, str, str, int]
Beat = Callable[[Running, bytes | None], None]
OnSettled = Callable[[activity.ActivityInfo], None]


class Activities:
    """The activities under way, at most `most`; further ones wait in the order of arrival.

    The queue is bounded by what the sidecar may have in flight, which the worker tells it.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        *,
        most: int,
        deliver: Deliver,
        on_settled: OnSettled | None = None,
        payloads: Payloads = PLAIN,
        around: Sequence[interceptors.ActivityInterceptor] = (),
        beat: Beat = lambda call, details: None,
    ) -> None:
        self._beat = beat
        self._calls: dict[_Key, Running] = {}
        self._payloads = payloads
        self._around = around
        self._definitions = definitions
        self._on_settled = on_settled
        self._open: dict[_Key, activity.ActivityInfo] = {}
        self._keys: dict[str, _Key] = {}
        self._most = most
        self._deliver = deliver
        self._running = 0
        self._waiting: deque[tuple[worker_pb2.ActivityRequest, str, activity.ActivityInfo]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._threads = Threads("antiphon-activity")

    @property
    def running(self) -> int:
        """How many have begun and not ended."""
        return self._running

    def begin(self, request: worker_pb2.ActivityRequest, token: str) -> None:
        """Run it now, or when one of those under way has ended.

        A sidecar that was restarted sends again what this worker already has in hand: that is not run twice, and
        its one result settles both deliveries, since the sidecar knows it by the task.
        """
        info = _info(request)
        if token:
            key = _key(info)
            if key in self._open:
                call = self._calls.get(key)
                if call is not None:
                    # Heartbeats and the result name the delivery that the sidecar there now knows.
                    self._keys[token] = self._keys.pop(call.token)
                    call.token = token
                return
            self._open[key] = info
            self._keys[token] = key
        self._begin(request, token, info)

    def _begin(self, request: worker_pb2.ActivityRequest, token: str, info: activity.ActivityInfo) -> None:
        if self._running >= self._most:
            self._waiting.append((request, token, info))
            return
        self._running += 1
        self._idle.clear()
        call = Running(
            name=info.name,
            token=token,
            heartbeat_ms=request.heartbeat_ms,
            payloads=self._payloads,
            send=self._beat,
            loop=self._loop,
        )
        if token:
            self._calls[_key(info)] = call
        definition = self._definitions.get(info.name)
        if definition is None:
            self._ended(call, _not_registered(request, token, self._definitions))
        elif definition.is_async or self._around:
            work = self._run_async(definition, request, call, info)
            call.task = task = self._loop.create_task(work, name=f"activity {info.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._threads.submit(self._run_in_thread, definition, request, call, info)

    def cancel(self, token: str) -> None:
        """Tell the activity of this delivery to end: nobody waits for it any more."""
        for place, (request, waiting, _) in enumerate(self._waiting):
            if waiting == token:
                del self._waiting[place]
                self._deliver(self._failed(request, token, _cancelled(request.name)))
                return
        key = self._keys.get(token)
        call = self._calls.get(key) if key is not None else None
        if call is not None:
            self.unwanted(call)

    def unwanted(self, call: Running) -> None:
        """Cancel an activity, once."""
        if not call.cancelled and not call.over:
            call.cancel()
            self._loop.call_later(CANCEL_GRACE_S, self._give_up, call)

    def _give_up(self, call: Running) -> None:
        """Give the place of a cancelled activity that did not end to others."""
        if call.over or self._closed:
            return
        _log.warning(
            "a cancelled activity goes on; its result will have no effect",
            extra={"activity": call.name, "grace_s": CANCEL_GRACE_S},
        )
        call.abandoned = True
        for key in [key for key, each in self._calls.items() if each is call]:
            del self._calls[key]
            self._open.pop(key, None)
        self._keys.pop(call.token, None)
        self._leave()

    def under_way(self) -> list[Running]:
        """Return the activities that have begun, not ended, and were not given up."""
        return list(self._calls.values())

    def gone(self, response: worker_pb2.ActivityResponse, settled: bool) -> None:
        """Hear that a result needs no more sending; tell the user's hook when the sidecar has settled it."""
        key = self._keys.pop(response.completion_token, None)
        info = self._open.pop(key, None) if key is not None else None
        if info is None or self._on_settled is None or not settled:
            return
        try:
            self._on_settled(info)
        except Exception:  # noqa: BLE001  (outermost frame of the user's code)
            _log.exception("on_settled failed", extra={"activity": info.name})

    async def drained(self) -> None:
        """Wait until none is under way; those that wait are forgotten."""
        self._forget_waiting()
        await self._idle.wait()

    def _forget_waiting(self) -> None:
        for _, token, info in self._waiting:
            self._open.pop(_key(info), None)
            self._keys.pop(token, None)
        self._waiting.clear()

    async def close(self) -> None:
        """Cancel what is async, leave threads to end by themselves, say nothing of either."""
        self._closed = True
        self._forget_waiting()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _enter(self, request: worker_pb2.ActivityRequest, call: Running, info: activity.ActivityInfo) -> None:
        if request.HasField("heartbeat_details"):
            info = replace(info, heartbeat_details=self._details(request))
        activity.current.set(info)
        running.set(call)
        _otel.enter(info.trace_context)

    def _details(self, request: worker_pb2.ActivityRequest) -> object:
        try:
            text = self._payloads.decode(request.heartbeat_details.decode(), what="details of a heartbeat")
            return _values.decode(text)
        except ValueError as error:
            # Made by other code, or with another codec: the activity begins at its beginning.
            _log.warning("the details of a heartbeat cannot be read: %s", error, extra={"activity": request.name})
            return None

    async def _run_async(
        self, definition: Definition, request: worker_pb2.ActivityRequest, call: Running, info: activity.ActivityInfo
    ) -> None:
        token = call.token
        self._enter(request, call, info)
        try:
            value = await self._call(definition, self._arguments(definition, request))
            response = self._completed(request, token, value)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling() and (self._closed or not call.cancelled):
                raise
            response = self._failed(request, token, _cancelled(request.name) if call.cancelled else error)
        except Exception as error:  # noqa: BLE001  (outermost frame of the user's code)
            response = self._failed(request, token, error)
        self._ended(call, response)

    async def _call(self, definition: Definition, arguments: tuple[object, ...]) -> object:
        """Run an activity with what is to run around it."""
        if not self._around:
            return await definition.function(*arguments)

        async def innermost(call: interceptors.ActivityCall) -> object:
            given = (call.input,) if arguments else ()
            if definition.is_async:
                return await definition.function(*given)
            code = functools.partial(contextvars.copy_context().run, _without_exit, definition.function, *given)
            return await self._loop.run_in_executor(self._threads, code)

        call = interceptors.ActivityCall(info=activity.current.get(), input=arguments[0] if arguments else None)
        return await interceptors.chained([each.run_activity for each in self._around], innermost)(call)

    def _run_in_thread(
        self, definition: Definition, request: worker_pb2.ActivityRequest, call: Running, info: activity.ActivityInfo
    ) -> None:
        contextvars.Context().run(self._run_here, definition, request, call, info)

    def _run_here(
        self, definition: Definition, request: worker_pb2.ActivityRequest, call: Running, info: activity.ActivityInfo
    ) -> None:
        token = call.token
        self._enter(request, call, info)
        try:
            value = definition.function(*self._arguments(definition, request))
            response = self._completed(request, token, value)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (outermost frame of the user's code)
            response = self._failed(request, token, error)
        try:
            self._loop.call_soon_threadsafe(self._ended, call, response)
        except RuntimeError:
            # The loop is closed: the worker was stopped without waiting for this activity.
            _log.warning("result dropped at exit", extra={"activity": definition.name})

    def _arguments(self, definition: Definition, request: worker_pb2.ActivityRequest) -> tuple[object, ...]:
        text = _wire.optional_text(request, "input")
        return definition.arguments(self._payloads.decode(text, what=f'input of activity "{request.name}"'))

    def _completed(self, request: worker_pb2.ActivityRequest, token: str, value: object) -> worker_pb2.ActivityResponse:
        response = _answer(request, token)
        response.result.value = _values.encode(value, what=f'result of activity "{request.name}"')
        self._payloads.encode_field(response, "result")
        return response

    def _failed(
        self, request: worker_pb2.ActivityRequest, token: str, error: BaseException
    ) -> worker_pb2.ActivityResponse:
        response = _answer(request, token)
        response.failure_details.CopyFrom(_wire.failure_details(_wire.failure_from(error)))
        self._payloads.encode_failure(response.failure_details)
        return response

    def _ended(self, call: Running, response: worker_pb2.ActivityResponse) -> None:
        call.over = True
        if call.abandoned:
            return
        key = self._keys.get(call.token)
        if key is not None:
            self._calls.pop(key, None)
        response.completion_token = call.token
        if not self._closed:
            self._deliver(response)
        self._leave()

    def _leave(self) -> None:
        self._running -= 1
        if self._running == 0:
            self._idle.set()
        if not self._closed and self._waiting and self._running < self._most:
            self._begin(*self._waiting.popleft())


def _without_exit(function: Callable[..., object], *arguments: object) -> object:
    """Call a function in a thread: an exit in it is its failure, and not the end of the worker."""
    try:
        return function(*arguments)
    except SystemExit as error:
        raise RuntimeError(f"the activity called exit({error.code!r})") from error


def _info(request: worker_pb2.ActivityRequest) -> activity.ActivityInfo:
    instance = request.workflow_instance
    return activity.ActivityInfo(
        name=request.name,
        instance_id=instance.instance_id,
        execution_id=instance.execution_id.value,
        task_id=request.task_id,
        task_execution_id=request.task_execution_id,
        attempt=request.attempt,
        caller_app_id=request.caller_app_id,
        trace_context=_wire.trace_context(request),
    )


def _cancelled(name: str) -> ActivityCancelled:
    return ActivityCancelled(f'activity "{name}" was told to end')


def _key(info: activity.ActivityInfo) -> _Key:
    return info.caller_app_id, info.instance_id, info.execution_id, info.task_id


def _answer(request: worker_pb2.ActivityRequest, token: str) -> worker_pb2.ActivityResponse:
    # Field by field: keywords would cost more than all else of an answer.
    response = worker_pb2.ActivityResponse()
    response.instance_id = request.workflow_instance.instance_id
    response.task_id = request.task_id
    response.completion_token = token
    return response


def _not_registered(
    request: worker_pb2.ActivityRequest, token: str, known: Mapping[str, Definition]
) -> worker_pb2.ActivityResponse:
    code = names.ACTIVITY_NOT_REGISTERED
    text = _definitions.unknown(request.name, kind="activity", known=known)
    response = _answer(request, token)
    response.failure_details.CopyFrom(_wire.failure_details(Failure(code.name, f"{code}: {text}", code=code.number)))
    return response
