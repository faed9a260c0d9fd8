"""App `rolling`: which versions and patches its code has is written in a file, as if each start were a deployment."""

import os
from pathlib import Path

from serving import made_runtime, serve

runtime = made_runtime()
release = (Path(os.environ["GATES"]) / "release").read_text().split()


def version(name):
    def buy(ctx, _):
        yield ctx.wait_for_external_event("go")
        return name

    return buy


for name in [name for name in release if name.startswith("v")]:
    latest = name == max(release)
    runtime.register_versioned_workflow(version(name), name="buy", version_name=name, is_latest=latest)


@runtime.activity(name="note_step")
def note_step(ctx, step):
    return step


@runtime.workflow(name="ship")
def ship(ctx, _):
    """Pack and send; the patched code insures in between."""
    steps = [(yield ctx.call_activity("note_step", input="pack"))]
    if "patched" in release and ctx.is_patched("insured"):
        steps.append((yield ctx.call_activity("note_step", input="insure")))
    yield ctx.wait_for_external_event("go")
    steps.append((yield ctx.call_activity("note_step", input="send")))
    return steps


if __name__ == "__main__":
    serve(runtime)
