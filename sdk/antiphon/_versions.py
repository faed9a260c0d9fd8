"""The version and the patches of one execution: what its history names, and what its code runs and meets.

PURE. Used by _replay and behind workflow.Context. The sidecar records both with the turn that meets them, so that
every replay meets the same.
"""

from antiphon._definitions import Definition


class Versions:
    """What one generation of an instance is bound to.

    `pinned`: the version that its history names. `running`: the one that runs here. `met`: the patches that its code
    went through so far, in order, repeats left out.
    """

    def __init__(self) -> None:
        self.pinned = ""
        self.running = ""
        self.met: list[str] = []
        self._recorded: set[str] = set()
        self._decided: dict[str, bool] = {}

    def recorded(self, version: str, patches: tuple[str, ...]) -> None:
        """Take in what the history says of a turn, before that turn's code runs."""
        self.pinned = version or self.pinned
        self._recorded.update(patches)

    def choose(self, definition: Definition, *, asked: str, replaying: bool) -> Definition | None:
        """Return the code that runs: the pinned version, else the one asked for or the latest; None: it is not here.

        An instance that began without a version goes on with code without one: what came later was written for
        those that came later. `asked`: the version that the start names; code without versions does not mind it.
        """
        versions = definition.versions or {definition.version: definition}
        if self.pinned or replaying:
            found = versions.get(self.pinned)
        else:
            found = versions.get(asked) if asked and any(versions) else definition
        if found is not None:
            self.running = found.version
        return found

    def patched(self, name: str, *, replaying: bool) -> bool:
        """Tell whether the code behind a patch runs; the same for the whole life of an execution."""
        if name not in self._decided:
            self._decided[name] = name in self._recorded or not replaying
            if self._decided[name]:
                self.met.append(name)
        return self._decided[name]
