"""The Kubernetes API, by the package `kubernetes`: objects, statuses, Events, the Lease."""
