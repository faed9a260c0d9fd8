"""App `app3`: the end of the chain."""

from serving import made_runtime, serve

runtime = made_runtime()


@runtime.activity(name="length")
def length(ctx, word):
    return len(word)


@runtime.activity(name="backwards")
def backwards(ctx, word):
    return word[::-1]


@runtime.workflow(name="reverse")
def reverse(ctx, word):
    return (yield ctx.call_activity("backwards", input=word))


@runtime.workflow(name="wait")
def wait(ctx, name):
    return (yield ctx.wait_for_external_event(name))


if __name__ == "__main__":
    serve(runtime)
