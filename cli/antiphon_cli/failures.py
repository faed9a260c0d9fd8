"""How the command line ends when it cannot do what was asked: a text on stderr and an exit code, no traceback.

click.ClickException
├── click.UsageError     2: the command was written wrongly; click shows how it is written
└── Failure              the text alone
    ├── Refused          1: understood, and not possible
    │   ├── Unreachable  nobody answers, or it went away
    │   └── TimedOut     the answer did not come in time
    └── Misused          2: a value that was given cannot be used
"""

from typing import IO, Any

import click


class Failure(click.ClickException):
    """The command ends here; the message is all there is to say."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message to stderr, without a prefix: it begins with a code where there is one."""
        click.echo(self.format_message(), file=file, err=file is None)


class Refused(Failure):
    """What was asked for is not possible now."""

    exit_code = 1


class Unreachable(Refused):
    """Nothing answers there, or it went away."""


class TimedOut(Refused):
    """The answer did not come in time."""


class Misused(Failure):
    """A value given on the command line, in the environment or in a file cannot be used."""

    exit_code = 2
