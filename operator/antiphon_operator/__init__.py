"""The control plane, one per cluster: tells users what will not work before it does not.

It meets sidecars and SDK on the wire and at the Kubernetes API, never by import. What is right and wrong is decided in
`contracts`, `reconcile` and `injection`, which know no I/O; `runtime` is the asyncio shell around them.
"""
