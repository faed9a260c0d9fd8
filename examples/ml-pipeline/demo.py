"""Runs the ML pipeline over four apps on this machine and checks what came of it; `make demo` calls it.

Starts one host process (the sidecars) and four app processes, runs one workflow, prints the account and the
verdict, and ends all processes. With --chaos it kills the host and the training app on the way.
Exit code: 0 all checks hold, 1 some do not, 2 a process would not run, 130 interrupted.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
from datetime import timedelta

from antiphon import Client, InstanceState, SidecarUnavailable
from rich.console import Console

from contracts import PipelineRequest, Report
from driver import account, histories, verdict
from driver.chaos import Chaos
from driver.ledger import Ledger
from driver.processes import HostNotUp, ProcessEnded, RunFolder, Stage
from driver.screen import screen

WORKFLOW, APP, CHILD_APP = "ml_pipeline", "pipeline", "training"
INSTANCE = "demo"
_LOOK_S = 0.1
_WHY_S = 10.0
_SETTLE_S = 1.0
# Of what is not a terminal, and so has no width.
_WIDTH = 120


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Run an ML pipeline over four apps.")
    parser.add_argument("--chaos", action="store_true", help="kill the host and the training app on the way")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of a live tree")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="give up after this (120)")
    options = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    try:
        return asyncio.run(_until_signalled(console, options))
    except asyncio.CancelledError:
        console.print("Interrupted: all processes of the demo have ended.")
        return 130


async def _until_signalled(console: Console, options: argparse.Namespace) -> int:
    running = asyncio.create_task(_play(console, options), name="demo")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only the first: a second one must not interrupt the ending of processes, which takes seconds at most.
        loop.add_signal_handler(number, lambda: None if running.cancelling() else running.cancel())
    return await running


async def _play(console: Console, options: argparse.Namespace) -> int:
    folder = RunFolder.new()
    console.print(f"Records, logs and the state store of this run: {folder.root}", highlight=False, soft_wrap=True)
    stage = Stage(folder)
    try:
        try:
            await stage.open()
        except HostNotUp:
            # They were free a moment ago: once more with others. If that fails too, it is something else.
            await stage.close()
            stage = Stage(folder)
            await stage.open()
        return await Run(stage, console=console, options=options).whole()
    except ProcessEnded as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    finally:
        await stage.close()


class Run:
    """One workflow on an open stage."""

    def __init__(self, stage: Stage, *, console: Console, options: argparse.Namespace) -> None:
        self._stage = stage
        self._console = console
        self._timeout_s = options.timeout
        self._ledger = Ledger(stage.folder.records)
        self._screen = screen(console, self._ledger, plain=options.plain)
        self._chaos = Chaos(stage, ledger=self._ledger, screen=self._screen) if options.chaos else None
        self._status = ""

    async def whole(self) -> int:
        """Run it, tell of it, judge it; return the exit code."""
        async with Client(address=f"127.0.0.1:{self._stage.ports[APP]}") as client:
            request = PipelineRequest(folder=str(self._stage.folder.data))
            await client.start(WORKFLOW, request, instance_id=INSTANCE)
            try:
                state = await self._watched(client)
            except TimeoutError as error:
                self._console.print(f"Gave up: {error}", style="bold red", highlight=False)
                await self._explain()
                return 1
            if state.output is None:
                self._console.print(f"The workflow is {state.status}: {state.failure}", style="bold red", markup=False)
                self._print_tails()
                return 1
            return await self._judged(client, state.output)

    async def _watched(self, client: Client) -> InstanceState[Report]:
        """Show what happens until the workflow has ended.

        Raises:
            TimeoutError: it does not end.
            ProcessEnded: a process did.
        """
        limit = timedelta(seconds=self._timeout_s)
        end = asyncio.create_task(client.wait(INSTANCE, timeout=limit, result=Report), name="wait for the end")
        status = asyncio.create_task(self._follow_status(client), name="follow the status")
        try:
            with self._screen:
                while not end.done():
                    self._screen.show(self._ledger.read(), status=self._status)
                    if self._chaos is not None:
                        await self._chaos.look()
                    self._stage.check()
                    if status.done():
                        status.result()
                    await asyncio.wait((end,), timeout=_LOOK_S)
                state = end.result()
                await self._settled()
                self._screen.show(self._ledger.read(), status=state.status.lower())
            return state
        finally:
            for task in (end, status):
                task.cancel()
            await asyncio.wait((end, status))

    async def _follow_status(self, client: Client) -> None:
        while True:
            # While the host is away there is nothing to show.
            with contextlib.suppress(SidecarUnavailable):
                self._status = str((await client.get(INSTANCE)).custom_status or "starting")
            await asyncio.sleep(_LOOK_S)

    async def _settled(self) -> None:
        """Give the last acknowledgements a moment to reach the records: the workflow may end before them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                while not all(call.acknowledged for call in self._ledger.calls.values()):
                    await asyncio.sleep(_LOOK_S)
                    self._screen.show(self._ledger.read(), status=self._status)

    async def _judged(self, client: Client, report: Report) -> int:
        history = await histories.calls(client, INSTANCE, child_app=CHILD_APP)
        calls = list(self._ledger.calls.values())
        pids = {app: child.pids for app, child in self._stage.apps.items()}
        account.print_account(
            self._console, report=report, calls=calls, history=history, pids=pids, child_app=CHILD_APP
        )
        kill = None if self._chaos is None else self._chaos.kill
        findings = verdict.findings(report=report, calls=calls, history=history, kill=kill)
        if self._chaos is not None and kill is None:
            findings.append(verdict.Finding(False, "nothing was killed: training was over too soon"))
        account.print_verdict(self._console, findings=findings, calls=calls)
        good = all(finding.holds for finding in findings)
        word, style = ("All checks hold.", "bold green") if good else ("Some checks do not hold.", "bold red")
        self._console.print(
            f"{word} Records: {self._stage.folder.records}", style=style, highlight=False, soft_wrap=True
        )
        if good:
            # Tens of megabytes that nobody needs any more; what proves something stays.
            shutil.rmtree(self._stage.folder.data)
        return 0 if good else 1

    async def _explain(self) -> None:
        """Print what the instance waits for, and the ends of all logs."""
        command = self._stage.antiphon("why", INSTANCE, "--app", APP, "--db", str(self._stage.folder.database))
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(_WHY_S):
                answer, _ = await process.communicate()
            self._console.print(f"antiphon why {INSTANCE}:\n{answer.decode(errors='replace')}", markup=False)
        except TimeoutError:
            self._console.print(f"antiphon why {INSTANCE} does not answer", markup=False)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        self._print_tails()

    def _print_tails(self) -> None:
        for child in self._stage.children:
            self._console.print(
                f"The end of {child.log}:\n{child.tail()}", markup=False, highlight=False, soft_wrap=True
            )


if __name__ == "__main__":
    sys.exit(main())
