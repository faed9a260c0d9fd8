"""The wire: app to sidecar, sidecar to sidecar, operator to sidecar.

`v1` holds the `.proto` files and the code generated from them (`make proto`); `methods` names the
calls, since the durabletask service is served under a path that carries no package.
"""
