"""The SDKs under test: how each is made and run, and what it does not do, with the reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.compat.environments import go_with, node_with, python_with
from tests.compat.worlds import Commands

HERE = Path(__file__).parent
APPS = HERE / "apps"
#: The app that the others call and are called by: the same program, with the newest Python SDK.
PEER = "peer"


@dataclass(frozen=True, slots=True)
class Sdk:
    """One released SDK; `id` is also its app's ID. `lacks` has a reason for each feature that it does not have."""

    id: str
    language: str
    packages: str
    make: Callable[[], Commands]
    lacks: Mapping[str, str] = field(default_factory=dict)


def python(version: str) -> Callable[[], Commands]:
    def make() -> Commands:
        interpreter = str(python_with(HERE / f"requirements-dapr-{version}.txt"))
        return Commands(
            app=(interpreter, str(APPS / "features.py")), client=(interpreter, str(APPS / "driver.py"), "sync")
        )

    return make


def javascript() -> Commands:
    modules = node_with("dapr-js-3.18.0", APPS / "js")
    return Commands(
        app=("node", str(APPS / "js" / "app.js")),
        client=("node", str(APPS / "js" / "driver.js")),
        environment={"NODE_PATH": str(modules)},
    )


def go(module: str) -> Callable[[], Commands]:
    def make() -> Commands:
        program = str(go_with(module, APPS / "go", APPS / "go" / module))
        return Commands(app=(program,), client=(program, "drive"))

    return make


_DROPS_UNAWAITED = "Its worker drops what nobody waits for when a workflow ends"
_NO_DELTAS = "It always takes whole histories"
_ONE_APP = "Its client has no option for another app"
_NO_LIST = "Its client has no such calls"
_JS_ONE_APP = "Its wire format has no app IDs: it can be called, but not call"

SDKS = (
    Sdk("python-1-19", "Python", "dapr 1.19.0", python("1.19.0"), {"forget": _DROPS_UNAWAITED}),
    Sdk(
        "python-1-18",
        "Python",
        "dapr 1.18.3, dapr-ext-workflow 1.18.3",
        python("1.18.3"),
        {"forget": _DROPS_UNAWAITED, "deltas": _NO_DELTAS, "list": _NO_LIST, "other-app": _ONE_APP},
    ),
    Sdk(
        "python-1-17",
        "Python",
        "dapr 1.17.5, dapr-ext-workflow 1.17.5, durabletask-dapr 0.17.4",
        python("1.17.5"),
        {"forget": _DROPS_UNAWAITED, "deltas": _NO_DELTAS, "list": _NO_LIST, "other-app": _ONE_APP},
    ),
    Sdk(
        "javascript",
        "JavaScript",
        "@dapr/dapr 3.18.0",
        javascript,
        {
            "activity-out": _JS_ONE_APP,
            "child-out": _JS_ONE_APP,
            "failure-out": _JS_ONE_APP,
            "terminate-out": _JS_ONE_APP,
            "other-app": _ONE_APP,
            "retry-activity": "It has no retry policies",
            "retry-child": "It has no retry policies",
            "forget": _DROPS_UNAWAITED,
            "patches": "It has no patches",
            "versions": "It has no versions",
            "deltas": _NO_DELTAS,
            "list": _NO_LIST,
            "sidecar-killed": "Its worker ends for good when its first stream ends with an error, until its app is"
            " started again",
        },
    ),
    Sdk(
        "go-sdk",
        "Go",
        "go-sdk 1.14.2, durabletask-go 0.11.3",
        go("go-sdk-1.14"),
        {"deltas": _NO_DELTAS, "other-app": _ONE_APP},
    ),
    Sdk("durabletask-go", "Go", "durabletask-go 0.14.0", go("durabletask-go-0.14")),
)
