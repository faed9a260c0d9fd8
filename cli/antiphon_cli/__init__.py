"""The `antiphon` command: hosts for one machine, and a person's view of instances and apps."""

import os

# gRPC reads it when it is imported, so it has to be set before every module here. The programs that `antiphon run`
# starts are new ones, for which gRPC has nothing to prepare; without this it says so on stderr at each start.
GRPC_FORK_VARIABLE = "GRPC_ENABLE_FORK_SUPPORT"
GRPC_FORK_WAS_SET = GRPC_FORK_VARIABLE in os.environ
os.environ.setdefault(GRPC_FORK_VARIABLE, "false")
