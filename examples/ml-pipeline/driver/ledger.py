"""The apps' own records, read as they grow, and each activity's story put together from them.

Used by the screen, the chaos and the verdict. Reads files only; asks no sidecar.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Key(NamedTuple):
    """One activity call of one workflow run; every delivery of it has the same key."""

    instance_id: str
    execution_id: str
    task_id: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an app's record; `what` is started, finished, failed or acknowledged."""

    app: str
    what: str
    activity: str
    key: Key
    attempt: int
    at_ns: int
    pid: int
    subject: str


@dataclass(slots=True)
class Call:
    """What an app has recorded of one activity call, in the order of its file."""

    key: Key
    app: str
    activity: str
    subject: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name and subject, for people."""
        return f"{self.activity} {self.subject}".rstrip()

    def of(self, what: str) -> list[Entry]:
        """Return the entries of one kind."""
        return [entry for entry in self.entries if entry.what == what]

    @property
    def acknowledged(self) -> bool:
        """Whether the app was told that its result is durable."""
        return bool(self.of("acknowledged"))

    @property
    def running(self) -> bool:
        """Whether its latest start has not ended."""
        return bool(self.entries) and self.entries[-1].what == "started"

    @property
    def started_again_after_acknowledgement(self) -> bool:
        """Whether it ran although its result was known to be durable: what must never happen."""
        kinds = [entry.what for entry in self.entries]
        return "acknowledged" in kinds and "started" in kinds[kinds.index("acknowledged") :]


class Ledger:
    """All records of a run's apps; grows by `read`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_to: dict[Path, int] = {}
        self.calls: dict[Key, Call] = {}

    def read(self) -> list[Entry]:
        """Take in what was written since the last time and return it, by time."""
        new = list(self._new())
        # In the order of their file, which is the proof; clocks only say what to show first.
        for entry in new:
            call = self.calls.setdefault(entry.key, Call(entry.key, entry.app, entry.activity, entry.subject))
            call.entries.append(entry)
        return sorted(new, key=lambda entry: entry.at_ns)

    def of(self, app: str) -> list[Call]:
        """Return the calls that an app ran, in the order of their first start."""
        return [call for call in self.calls.values() if call.app == app]

    def _new(self) -> Iterator[Entry]:
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path, 0))
                for line in file:
                    # A line without its end is still being written.
                    if not line.endswith(b"\n"):
                        break
                    self._read_to[path] = self._read_to.get(path, 0) + len(line)
                    yield _entry(path.stem, json.loads(line))


def _entry(app: str, line: dict[str, object]) -> Entry:
    return Entry(
        app=app,
        what=str(line["what"]),
        activity=str(line["activity"]),
        key=Key(str(line["instance_id"]), str(line["execution_id"]), int(str(line["task_id"]))),
        attempt=int(str(line["attempt"])),
        at_ns=int(str(line["at_ns"])),
        pid=int(str(line["pid"])),
        subject=str(line.get("subject", "")),
    )
