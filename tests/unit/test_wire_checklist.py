"""What a sidecar must do so that every SDK of Dapr works with it, as a list, and the tests of each item.

A test of an item has its number in its name: `test_item_9_...`, wherever it stands under tests/.
"""

import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

ITEMS = {
    1: "every call of the service is there, both names of a turn's completion; others are UNIMPLEMENTED",
    2: "our messages have a package of their own and load beside Dapr's in one process",
    3: "a listener for each app; who an app is never comes from what it says",
    4: "an API token is required if one is configured, on calls and streams",
    5: "large messages pass, values have a limit, and clients may ping and wait for minutes",
    6: "Hello is answered whatever the store does",
    7: "streams end with OK when the sidecar drains, and workers come back",
    8: "answers are taken on any connection, in any order, after the stream has died",
    9: "what a closed stream had in hand is sent again; no stream gets more than it can hold",
    10: "tokens: empty is matched by key, a strange one of a turn has no effect, an activity's first result counts",
    11: "capabilities that a worker did not tell are not used",
    12: "health is served over HTTP",
    13: "a turn begins with WorkflowStarted, the first one with ExecutionStarted, which says who and where",
    14: "the execution ID is there in every turn and new in each generation",
    15: "a replay is the same to the byte",
    16: "event ids: zero is one, gaps are fine, -1 for what comes in",
    17: "what an action says is copied into its event, field by field",
    18: "a result carries the ids of its action and of its retry chain",
    19: "an action that history has is not carried out again; results that match nothing are dropped",
    20: "one turn at a time for an instance; what arrives meanwhile is in the next",
    21: "workers get the kinds of events that they all know, and no others",
    22: "timers never fire early, far ones do no harm",
    23: "the custom status is what the last turn said",
    24: "versions and patches are kept; a worker without the version makes the instance wait",
    25: "a failure, termination or continue-as-new beats the actions beside it; success does not",
    26: "continue-as-new keeps what was not delivered, in order, and drops late results",
    27: "a suspended instance gets nothing; resuming what runs is nothing",
    28: "termination does not need the worker, has the output of the call and reaches children in all apps",
    29: "events keep name, input and order, also before the start",
    30: "children: IDs as given or made after the parent's, refused while active, started again after the end",
    31: "a parent hears of its child's failure and termination, with details",
    32: "work for another app goes there, is answered there, and says where it came from",
    33: "client calls may name another app",
    34: "a namespace without an app is refused",
    35: "work for an app that is away waits",
    36: "starts: the past is now, an ID in use is refused, one that has ended is free",
    37: "an unknown instance does not exist, which is no error; payloads only when asked for",
    38: "waits block at the server",
    39: "control of an unknown instance says so in the words that SDKs look for",
    40: "purge: what has ended, with children, counted",
    41: "lists come in pages, histories hold what is committed",
    42: "errors are short enough for every SDK",
}


@cache
def items_tested() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for name in re.findall(r"^(?:async )?def (test_item_\d+_\w+)", file.read_text(), re.M):
            found.setdefault(int(name.split("_")[2]), []).append(name)
    return found


@pytest.mark.parametrize("number", ITEMS)
def test_the_item_has_a_test(number: int) -> None:
    assert items_tested().get(number), f"item {number} ({ITEMS[number]}) has no test_item_{number}_..."


def test_no_test_names_an_item_that_does_not_exist() -> None:
    assert {number for number in items_tested() if number not in ITEMS} == set()
