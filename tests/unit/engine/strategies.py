"""Hypothesis: any event, as the wire can carry it."""

from hypothesis import strategies as st

from antiphon_sidecar.engine import events as ev

#: What a protobuf string holds: any Unicode but lone surrogates, NUL included.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\0", "a\0b", "\N{GRINNING FACE}", "é", "null"]
)
OPTIONAL = st.none() | TEXT
TIMES = st.integers(0, ev.SENTINEL_NS) | st.sampled_from([0, 1, 999_999_999, ev.SENTINEL_NS])
#: Ids as a wire int32 holds them; few, so that events meet.
IDS = st.integers(-1, 4) | st.sampled_from([2**31 - 1, -(2**31)])
FAILURES = st.recursive(
    st.builds(
        ev.Failure,
        error_type=TEXT,
        message=TEXT,
        stack_trace=OPTIONAL,
        inner=st.none(),
        non_retriable=st.booleans(),
        code=TEXT,
    ),
    lambda inner: st.builds(ev.Failure, error_type=TEXT, message=TEXT, inner=inner),
    max_leaves=3,
)
TRACES = st.none() | st.builds(ev.Trace, TEXT, TEXT, OPTIONAL)
PROPAGATION = st.none() | st.sampled_from(ev.Propagation)
TAGS = st.dictionaries(TEXT, TEXT, max_size=4)
ROUTES = st.builds(ev.Route, source=TEXT, target=OPTIONAL, namespace=OPTIONAL)
PARENTS = st.builds(
    ev.Parent,
    app=TEXT,
    instance_id=TEXT,
    execution_id=TEXT,
    incarnation=st.binary(max_size=16),
    task_id=IDS,
    name=TEXT,
)

BY_KIND: dict[type, st.SearchStrategy[ev.Event]] = {
    ev.WorkflowStarted: st.builds(
        ev.WorkflowStarted, TIMES, version=OPTIONAL, patches=st.lists(TEXT, max_size=3).map(tuple), tags=TAGS
    ),
    ev.ExecutionStarted: st.builds(
        ev.ExecutionStarted,
        timestamp=TIMES,
        name=TEXT,
        instance_id=TEXT,
        execution_id=TEXT,
        input=OPTIONAL,
        version=OPTIONAL,
        parent=st.none() | PARENTS,
        scheduled_at=st.none() | TIMES,
        tags=TAGS,
        route=st.none() | ROUTES,
        trace=TRACES,
    ),
    ev.ExecutionCompleted: st.builds(
        ev.ExecutionCompleted,
        timestamp=TIMES,
        event_id=IDS,
        status=st.sampled_from(ev.Status),
        result=OPTIONAL,
        failure=st.none() | FAILURES,
    ),
    ev.ExecutionTerminated: st.builds(ev.ExecutionTerminated, TIMES, OPTIONAL, st.booleans()),
    ev.ExecutionSuspended: st.builds(ev.ExecutionSuspended, TIMES, OPTIONAL, st.booleans()),
    ev.ExecutionStalled: st.builds(
        ev.ExecutionStalled,
        TIMES,
        st.sampled_from(
            ["PatchMismatch", "VersionNotAvailable", "HistoryTooLargeForWorker", "InstancePoisoned", "Newer"]
        ),
        TEXT,
    ),
    ev.ExecutionResumed: st.builds(ev.ExecutionResumed, TIMES, OPTIONAL, st.booleans()),
    ev.TaskScheduled: st.builds(
        ev.TaskScheduled, TIMES, IDS, TEXT, OPTIONAL, OPTIONAL, TEXT, st.none() | ROUTES, TRACES, PROPAGATION
    ),
    ev.TaskCompleted: st.builds(ev.TaskCompleted, TIMES, IDS, OPTIONAL, TEXT),
    ev.TaskFailed: st.builds(ev.TaskFailed, TIMES, IDS, FAILURES, TEXT),
    ev.ChildCreated: st.builds(
        ev.ChildCreated,
        TIMES,
        IDS,
        TEXT,
        TEXT,
        OPTIONAL,
        OPTIONAL,
        st.none() | ROUTES,
        TRACES,
        PROPAGATION,
        unique=st.booleans(),
    ),
    ev.ChildCompleted: st.builds(ev.ChildCompleted, TIMES, IDS, OPTIONAL),
    ev.ChildFailed: st.builds(ev.ChildFailed, TIMES, IDS, FAILURES),
    ev.DetachedCreated: st.builds(ev.DetachedCreated, TIMES, IDS, TEXT, st.none() | ROUTES),
    ev.PurgeRequested: st.builds(ev.PurgeRequested, TIMES, st.binary(max_size=16), st.booleans()),
    ev.RerunFrom: st.builds(ev.RerunFrom, TIMES, TEXT, IDS),
    ev.TimerCreated: st.builds(ev.TimerCreated, TIMES, IDS, TIMES, OPTIONAL),
    ev.TimerFired: st.builds(ev.TimerFired, TIMES, IDS, TIMES),
    ev.EventRaised: st.builds(ev.EventRaised, TIMES, TEXT, OPTIONAL),
}
UNRECOGNIZED = st.builds(ev.Unrecognized, TIMES, st.binary(max_size=8))
EVENTS = st.one_of(*BY_KIND.values(), UNRECOGNIZED)
