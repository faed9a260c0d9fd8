"""Recorded conversations of SDKs with their sidecar: the files in `conversations/`, one for each way of working.

A file is JSON lines. The first says what was recorded: {"format": 1, "sdk": name and version, "note": text}. Each
other is one message, in the order in which a proxy passed them on:

    {"app": app ID of the sidecar, "call": number of the call, "method": path, "from": "app" or "sidecar",
     "message": base64 of its bytes}

Nothing in it depends on the SDK's language: `python -m tests.fuzz.proxy` records any app that is told its port.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("conversations")


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    app: str
    call: int
    method: str
    by_app: bool
    message: bytes


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one SDK and its sidecars said."""

    sdk: str
    note: str
    said: tuple[Said, ...]


def write(path: Path, conversation: Conversation) -> None:
    """Write a file."""
    lines = [json.dumps({"format": 1, "sdk": conversation.sdk, "note": conversation.note})]
    for said in conversation.said:
        lines.append(
            json.dumps(
                {
                    "app": said.app,
                    "call": said.call,
                    "method": said.method,
                    "from": "app" if said.by_app else "sidecar",
                    "message": base64.b64encode(said.message).decode(),
                }
            )
        )
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def read(path: Path) -> Conversation:
    """Read a file."""
    head, *lines = map(json.loads, path.read_text(encoding="ascii").splitlines())
    assert head["format"] == 1, f"{path.name}: format {head['format']} is not known here"
    return Conversation(head["sdk"], head["note"], tuple(_said(lines)))


def _said(lines: Iterable[dict[str, str | int]]) -> Iterable[Said]:
    for line in lines:
        message = base64.b64decode(str(line["message"]))
        yield Said(str(line["app"]), int(line["call"]), str(line["method"]), line["from"] == "app", message)


def every() -> dict[str, Conversation]:
    """Return all recorded conversations by file name."""
    return {path.stem: read(path) for path in sorted(FOLDER.glob("*.jsonl"))}
