"""`antiphon workflow history`: what happened in an instance, and with --tree in all that it started.

Asks for the histories and lays them out; what an event says is for `prose`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click

from antiphon_cli import instances, output, prose
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused
from antiphon_cli.instances import Key
from antiphon_cli.output import Json
from antiphon_proto.v1 import client_pb2
from antiphon_proto.v1.history_pb2 import HistoryEvent

#: A tree with more instances is cut off, with a word where.
_INSTANCES_MAX = 500
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are wanted: of these types, from this turn on, at most the last so many."""

    types: Sequence[str]
    since_turn: int
    last: int | None

    def of(self, told: Sequence[prose.Told]) -> Sequence[prose.Told]:
        """Return the events that are wanted, in their order."""
        wanted = [one for one in told if one.turn >= self.since_turn and (not self.types or one.type in self.types)]
        return wanted if self.last is None else wanted[-self.last :]


@dataclass(slots=True)
class Node:
    """An instance of a tree; `children` by the event that started each, `missing` where there is no history."""

    key: Key
    workflow: str = ""
    status: str = ""
    generation: int = 0
    events: Sequence[HistoryEvent] = ()
    children: dict[int, "Node"] = field(default_factory=dict)
    missing: str = ""


@click.command()
@instance_argument
@click.option("--tree", is_flag=True, help="Its child workflows too, in whatever app, each below its start.")
@click.option(
    "--type", "types", multiple=True, type=click.Choice(prose.TYPES), help="Only events of this type; may be repeated."
)
@click.option("--since-turn", type=click.IntRange(min=1), default=1, metavar="N", help="Only from this turn on.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last so many events of an instance.")
@output.format_option
@host_options
@asking
def history(
    connection: Connection,
    *,
    app: str | None,
    instance: str,
    form: str,
    tree: bool,
    types: tuple[str, ...],
    since_turn: int,
    last: int | None,
) -> None:
    """Tell what happened in instance ID, one line for each event, oldest first.

    A workflow that continued as new has the history of its present generation only: each one drops that of the one
    before. Children of earlier generations are found with `antiphon workflow list --parent ID`.
    """
    choice = Choice(types, since_turn, last)
    root = _read(connection, instances.find(connection, instance, app=app))
    if tree:
        _grow(connection, root)
    if root.generation and not tree:
        output.say(f"{root.key}: {_dropped(root)}")
    if form == "table":
        for line in _tree_lines(root, choice, depth=0) if tree else _lines(root, choice):
            click.echo(line)
    elif tree:
        output.document(_tree_value(root, choice), form=form)
    else:
        output.document([prose.as_json(told.event) for told in choice.of(prose.told(root.events))], form=form)


def _read(connection: Connection, key: Key) -> Node:
    state = instances.existing(connection, key)
    answer = connection.task_hub(
        "GetInstanceHistory",
        client_pb2.GetInstanceHistoryRequest(instance_id=key.instance, router=instances.router(key.app)),
        client_pb2.GetInstanceHistoryResponse,
    )
    return Node(
        key=key,
        workflow=state.name,
        status=instances.status_name(state.workflow_status),
        generation=state.generation,
        events=[HistoryEvent.FromString(event) for event in answer.events],
    )


def _grow(connection: Connection, root: Node) -> None:
    """Read the children of all instances of the tree, nearest first."""
    waiting, count = [root], 1
    while waiting:
        node = waiting.pop(0)
        for event_id, key in _children(node):
            count += 1
            child = _child(connection, key) if count <= _INSTANCES_MAX else Node(key, missing="the tree ends here")
            node.children[event_id] = child
            waiting.append(child)


def _children(node: Node) -> Iterator[tuple[int, Key]]:
    """Yield who was started by which event; of several starts of one instance, the last: its run is what is there."""
    last: dict[Key, int] = {}
    for event in node.events:
        if event.WhichOneof("event_type") == "child_workflow_instance_created":
            app = event.router.target_app_id or node.key.app
            last[Key(app, event.child_workflow_instance_created.instance_id)] = event.event_id
    for key, event_id in last.items():
        yield event_id, key


def _child(connection: Connection, key: Key) -> Node:
    try:
        return _read(connection, key)
    except Refused as refusal:
        return Node(key, missing=refusal.format_message())


def _lines(node: Node, choice: Choice) -> Iterator[str]:
    return (told.line for told in choice.of(prose.told(node.events)))


def _tree_lines(node: Node, choice: Choice, *, depth: int) -> Iterator[str]:
    indent = _INDENT * depth
    if node.missing:
        yield f"{indent}{node.key}: {node.missing}"
        return
    generation = f", {_dropped(node)}" if node.generation else ""
    yield f'{indent}{node.key}: workflow "{node.workflow}", {node.status}{generation}'
    told = prose.told(node.events)
    shown = {id(one) for one in choice.of(told)}
    for one in told:
        if id(one) in shown:
            yield f"{indent}{one.line}"
        started = one.event.WhichOneof("event_type") == "child_workflow_instance_created"
        # A child is shown even where the event that started it is not wanted: its own events may be.
        if started and one.event.event_id in node.children:
            yield from _tree_lines(node.children[one.event.event_id], choice, depth=depth + 1)


def _dropped(node: Node) -> str:
    """Say what is not there any more of an instance that continued as new."""
    before = (
        "the history of the one before" if node.generation == 1 else f"the histories of the {node.generation} before"
    )
    key = node.key
    return (
        f"generation {node.generation + 1}; continue-as-new dropped {before}, whose children are found with: "
        f"antiphon workflow list --parent {key.instance} --parent-app {key.app}"
    )


def _tree_value(node: Node, choice: Choice) -> Json:
    value: dict[str, Json] = {"app": node.key.app, "id": node.key.instance}
    if node.missing:
        return {**value, "missing": node.missing}
    return {
        **value,
        "workflow": node.workflow,
        "status": node.status,
        "generation": node.generation + 1,
        "droppedGenerations": node.generation,
        "events": [prose.as_json(told.event) for told in choice.of(prose.told(node.events))],
        "children": [
            {"startedBy": event_id, "instance": _tree_value(child, choice)} for event_id, child in node.children.items()
        ],
    }
