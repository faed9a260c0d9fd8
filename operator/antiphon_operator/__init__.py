"""The control plane, one per cluster: tells users what will not work before it does not.

Nothing is here yet. It will meet sidecars and SDK on the wire and at the Kubernetes API, never by import.
"""
