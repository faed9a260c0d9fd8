"""App `app1`: the workflows that the tests start, and some activities of its own."""

from serving import made_runtime, serve

runtime = made_runtime()


@runtime.activity(name="double")
def double(ctx, number):
    return 2 * number


@runtime.workflow(name="one")
def one(ctx, number):
    return (yield ctx.call_activity("double", input=number))


if __name__ == "__main__":
    serve(runtime)
