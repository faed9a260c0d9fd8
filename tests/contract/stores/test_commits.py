"""A commit is all or nothing, and each commit of a group has an outcome of its own."""

from dataclasses import replace

import pytest

from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.stores.base import InboxKind, Outcome, Store, TaskRef
from tests.contract.stores.conftest import Opener
from tests.contract.stores.rows import ID, OTHER, ident, instance, message, start, take, task, timer, turn

APP = "orders"


async def one(store: Store, commit: object) -> Outcome:
    outcomes = await store.commit([commit])  # type: ignore[list-item]
    assert len(outcomes) == 1
    return outcomes[0]


async def test_writes_everything_that_a_turn_caused(store: Store) -> None:
    epoch = await take(store)
    row = replace(instance(), custom_status=b"\x00half", output=b"", parent_app=OTHER, scheduled_at=7)
    child = instance("child-1", app=OTHER, run="run-c")
    sent = start(child)
    commit = turn(None, epoch, row=row, tasks=(task(1), task(2)), timers=(timer(3),), messages=(sent,))
    assert await one(store, commit) is Outcome.COMMITTED
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert loaded.row == row == await store.get_instance(app=APP, instance_id=ID)
    assert loaded.history == (commit.history,)
    assert loaded.tasks == (task(1), task(2))
    assert loaded.timers == (timer(3),)
    (delivered,) = await store.load_inbox(app=OTHER, instance_id="child-1")
    assert replace(delivered, seq=0, due_at=0) == sent
    assert 0 <= await store.now() - delivered.due_at < 60 * 10**9


async def test_loads_nothing_for_an_unknown_instance(store: Store) -> None:
    assert await store.load(app=APP, instance_id=ID) is None
    assert await store.get_instance(app=APP, instance_id=ID) is None
    assert await store.history(app=APP, instance_id=ID) == []
    assert await store.load_inbox(app=APP, instance_id=ID) == []


async def test_loads_an_unread_start_without_an_instance_row(store: Store) -> None:
    epoch = await take(store)
    child = instance("child-1", app=OTHER, run="run-c")
    await store.commit([turn(None, epoch, messages=(start(child),))])
    loaded = await store.load(app=OTHER, instance_id="child-1")
    assert loaded is not None
    assert loaded.row is None
    assert [row.row_id for row in loaded.inbox] == [child.incarnation]


async def test_keeps_the_history_in_the_order_of_turns(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    for _ in range(11):
        assert await one(store, turn(row, epoch)) is Outcome.COMMITTED
        row = replace(row, version=row.version + 1)
    history = await store.history(app=APP, instance_id=ID)
    assert [each.turn for each in history] == list(range(12))
    assert await store.history(app=APP, instance_id=ID, limit=3) == history[:3]


@pytest.mark.parametrize("epoch", [0, 2])
async def test_refuses_any_epoch_but_the_current_one(store: Store, epoch: int) -> None:
    await take(store)
    assert await one(store, turn(None, epoch)) is Outcome.FENCED
    assert await store.load(app=APP, instance_id=ID) is None


async def test_refuses_a_partition_that_nobody_took(store: Store) -> None:
    assert await one(store, turn(None, 0)) is Outcome.FENCED
    assert await one(store, turn(None, 1)) is Outcome.FENCED


async def test_refuses_the_epoch_of_another_app(store: Store) -> None:
    epoch = await take(store, app=OTHER)
    assert await one(store, turn(None, epoch)) is Outcome.FENCED


@pytest.mark.parametrize(
    ("incarnation", "version"),
    [
        pytest.param(ident("run-1"), 2, id="a version ahead"),
        pytest.param(ident("run-1"), 0, id="a version behind"),
        pytest.param(ident("run-2"), 1, id="the version of another incarnation"),
        pytest.param(None, None, id="a row that must not exist"),
    ],
)
async def test_refuses_what_was_decided_on_another_state(store: Store, incarnation: bytes, version: int) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    commit = turn(row, epoch, expect_incarnation=incarnation, expect_version=version, tasks=(task(1),))
    assert await one(store, commit) is Outcome.CONFLICT
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (loaded.row, loaded.tasks, len(loaded.history)) == (row, (), 1)


async def test_refuses_to_change_an_instance_that_is_not_there(store: Store) -> None:
    epoch = await take(store)
    assert await one(store, turn(instance(), epoch)) is Outcome.CONFLICT


@pytest.mark.parametrize("what", ["history", "task", "timer"])
async def test_refuses_a_row_whose_key_is_taken(store: Store, what: str) -> None:
    epoch, row = await take(store), instance()
    first = turn(None, epoch, tasks=(task(1),), timers=(timer(1),))
    await store.commit([first])
    again = {
        "history": turn(row, epoch, history=first.history),
        "task": turn(row, epoch, tasks=(task(1),)),
        "timer": turn(row, epoch, timers=(timer(1),)),
    }[what]
    bystander = turn(None, await take(store, "order-2"), row=instance("order-2"))
    assert await store.commit([again, bystander]) == [Outcome.CONFLICT, Outcome.COMMITTED]
    assert await store.get_instance(app=APP, instance_id=ID) == row


async def test_consumes_each_kind_of_row_exactly_once(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch, tasks=(task(1),), timers=(timer(2),))])
    await store.post([message("event")])
    rows = {
        "consume_inbox": (ident("event"),),
        "consume_tasks": (task(1).ref,),
        "consume_timers": (timer(2).ref,),
    }
    assert await one(store, turn(row, epoch, **rows)) is Outcome.COMMITTED
    row = replace(row, version=2)
    for field, value in rows.items():
        assert await one(store, turn(row, epoch, **{field: value})) is Outcome.ROWS
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (loaded.row, loaded.inbox, loaded.tasks, loaded.timers) == (row, (), (), ())


async def test_consumes_nothing_when_one_of_the_rows_is_gone(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch, tasks=(task(1),), timers=(timer(2),))])
    await store.post([message("event")])
    commit = turn(
        row,
        epoch,
        consume_inbox=(ident("event"),),
        consume_tasks=(task(1).ref,),
        consume_timers=(timer(2).ref, timer(9).ref),
        messages=(message("sent"),),
    )
    assert await one(store, commit) is Outcome.ROWS
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    assert (len(loaded.inbox), len(loaded.tasks), len(loaded.timers), loaded.row) == (1, 1, 1, row)


async def test_gives_each_commit_of_a_group_its_own_outcome(store: Store) -> None:
    names = [f"order-{number}" for number in range(1, 7)]
    epochs = {name: await take(store, name) for name in names}
    rows = {name: instance(name) for name in names}
    await store.commit([turn(None, epochs[name], row=row, tasks=(task(1, of=row),)) for name, row in rows.items()])
    await store.post([message("unread", to=rows["order-5"])])

    def next_turn(name: str, **over: object) -> object:
        row = rows[name]
        added = {"tasks": (task(2, of=row),), "consume_tasks": (task(1, of=row).ref,)}
        return turn(row, epochs[name], **{**added, **over})

    epochs["order-2"] -= 1
    group = [
        next_turn("order-6"),
        next_turn("order-2"),
        next_turn("order-3", expect_version=7),
        next_turn("order-4", consume_tasks=(task(1, of=rows["order-4"]).ref, task(9, of=rows["order-4"]).ref)),
        next_turn("order-5", known_inbox=()),
        next_turn("order-1", known_inbox=()),
    ]
    assert await store.commit(group) == [  # type: ignore[arg-type]
        Outcome.COMMITTED,
        Outcome.FENCED,
        Outcome.CONFLICT,
        Outcome.ROWS,
        Outcome.UNREAD,
        Outcome.COMMITTED,
    ]
    for name in names:
        loaded = await store.load(app=APP, instance_id=name)
        assert loaded is not None
        assert loaded.row is not None
        landed = name in ("order-1", "order-6")
        assert [each.task_id for each in loaded.tasks] == ([2] if landed else [1])
        assert (loaded.row.version, len(loaded.history)) == ((2, 2) if landed else (1, 1))


async def test_lets_only_one_commit_of_a_group_consume_a_row(store: Store) -> None:
    """The caller times out a start in the group in which the child's owner begins the run."""
    epoch, row = await take(store), instance()
    child = instance("child-1", app=OTHER, run="run-c")
    child_epoch = await take(store, "child-1", app=OTHER)
    await store.commit([turn(None, epoch, messages=(start(child),))])
    begin = turn(None, child_epoch, row=child, consume_inbox=(child.incarnation,))
    give_up = turn(row, epoch, consume_inbox=(child.incarnation,))
    assert await store.commit([give_up, begin]) == [Outcome.COMMITTED, Outcome.ROWS]
    assert await store.load(app=OTHER, instance_id="child-1") is None


async def test_commits_an_empty_group(store: Store) -> None:
    assert await store.commit([]) == []


async def test_refuses_a_fast_message_while_an_inbox_row_is_unread(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.post([message("one"), message("two")])
    assert await one(store, turn(row, epoch, known_inbox=())) is Outcome.UNREAD
    assert await one(store, turn(row, epoch, known_inbox=(ident("one"),))) is Outcome.UNREAD
    read = turn(row, epoch, known_inbox=(ident("one"),), consume_inbox=(ident("two"),))
    assert await one(store, read) is Outcome.COMMITTED


async def test_does_not_look_for_unread_rows_when_not_asked_to(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.post([message("one")])
    assert await one(store, turn(row, epoch)) is Outcome.COMMITTED


async def test_keeps_the_first_of_two_messages_with_one_id(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch, messages=(message("one"),))])
    again = message("one", payload=b"another")
    assert await one(store, turn(row, epoch, messages=(again,))) is Outcome.COMMITTED
    assert [each.payload for each in await store.load_inbox(app=APP, instance_id=ID)] == [b"one"]


@pytest.mark.parametrize("kind", list(InboxKind), ids=lambda kind: kind.name, scope="function")
def test_message_kinds_have_fixed_numbers(kind: InboxKind) -> None:
    assert kind.value == {"START": 0, "EVENT": 1, "TASK_RESULT": 2, "CHILD_RESULT": 3, "CONTROL": 4}[kind.name]


async def test_discards_rows_whether_they_are_there_or_not(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.post([message("late")])
    assert await one(store, turn(row, epoch, discard_inbox=(ident("late"), ident("gone")))) is Outcome.COMMITTED
    assert await store.load_inbox(app=APP, instance_id=ID) == []


async def test_reads_an_inbox_in_order_with_starts_first_and_a_limit(store: Store) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    await store.post([message(name) for name in ("b", "a", "c")])
    again = instance(run="run-2")
    await store.commit([turn(row, epoch, messages=(start(again),))])
    expected = [again.incarnation, ident("b"), ident("a"), ident("c")]
    assert [each.row_id for each in await store.load_inbox(app=APP, instance_id=ID)] == expected
    loaded = await store.load(app=APP, instance_id=ID, inbox_limit=2)
    assert loaded is not None
    assert [each.row_id for each in loaded.inbox] == expected[:2]


async def test_a_start_replaces_a_finished_run_in_the_childs_commit(store: Store) -> None:
    epoch = await take(store)
    done = instance(status=Status.COMPLETED, version=1)
    again = instance(run="run-2", version=2)
    await store.commit([turn(None, epoch, row=done, messages=(start(again),))])
    commit = turn(done, epoch, row=again, consume_inbox=(again.incarnation,), drop_history=True)
    assert await one(store, commit) is Outcome.COMMITTED
    assert await store.history(app=APP, instance_id=ID) == [commit.history]


@pytest.mark.parametrize("with_history", [True, False])
async def test_knows_which_commits_landed(store: Store, with_history: bool) -> None:
    epoch, row = await take(store), instance()
    await store.commit([turn(None, epoch)])
    commit = turn(row, epoch) if with_history else turn(row, epoch, history=None)
    refused = turn(row, epoch - 1, commit_id=ident("refused"))
    assert await store.commit([commit]) == [Outcome.COMMITTED]
    assert await store.commit([refused]) == [Outcome.FENCED]

    async def landed(commit_id: bytes) -> bool:
        return await store.has_commit(app=APP, instance_id=ID, commit_id=commit_id)

    assert await landed(commit.commit_id)
    assert await landed(ident(f"{ID}/1"))
    assert not await landed(ident("refused"))
    assert not await store.has_commit(app=OTHER, instance_id=ID, commit_id=commit.commit_id)


async def test_keeps_namespaces_apart(open_store: Opener) -> None:
    mine, theirs = await open_store(), await open_store("theirs")
    epoch = await take(mine)
    commit = turn(None, epoch, tasks=(task(1),), timers=(timer(1),), messages=(message("event"),))
    await mine.commit([commit])
    assert await theirs.load(app=APP, instance_id=ID) is None
    assert await theirs.commit([turn(None, epoch)]) == [Outcome.FENCED]
    assert await take(theirs) == 1
    assert await theirs.commit([commit]) == [Outcome.COMMITTED]
    assert await theirs.replace_tasks([(TaskRef(APP, ID, "run-1/0", 7), message("x"))]) == [False]
    assert await mine.take_partition(app=APP, partition=0, replica="a") == 1


async def test_keeps_why_an_instance_cannot_go_on_and_what_it_cost(store: Store) -> None:
    epoch, row = await take(store), instance()
    stalled = replace(row, status=Status.STALLED, waiting_on="InstancePoisoned", worker_deaths=10)
    assert await store.commit([turn(None, epoch, row=stalled)]) == [Outcome.COMMITTED]
    assert await store.get_instance(app=APP, instance_id=ID) == stalled
    went_on = replace(row, version=2)
    assert await store.commit([turn(stalled, epoch, row=went_on)]) == [Outcome.COMMITTED]
    assert await store.get_instance(app=APP, instance_id=ID) == went_on
