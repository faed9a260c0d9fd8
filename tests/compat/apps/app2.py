"""App `app2`: what app1 calls."""

from serving import made_runtime, serve

runtime = made_runtime()


if __name__ == "__main__":
    serve(runtime)
