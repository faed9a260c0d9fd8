"""Certificates of the webhook, where nobody else makes them.

`material` makes them and `rotation` decides when, without I/O; `keeper` keeps them in a Secret and tells the API server
whom to trust.
"""
