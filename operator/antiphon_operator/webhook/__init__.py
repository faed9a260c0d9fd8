"""The admission webhook: a process of its own, with any number of replicas and no leader.

It gives pods their sidecars and checks resources, as `injection` and `validation` decide. It writes nothing.
"""
