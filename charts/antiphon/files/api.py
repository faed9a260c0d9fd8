"""Calls to the API server from a pod, with nothing but the standard library."""

import json
import ssl
import urllib.error
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SERVER = "https://kubernetes.default.svc"
TIMEOUT_S = 20


def call(method: str, path: str, body: object = None, kind: str = "application/json") -> dict:
    """Return what the API server answers; an answer that is no success raises `urllib.error.HTTPError`."""
    with open(f"{ACCOUNT}/token", encoding="utf-8") as file:
        token = file.read()
    request = urllib.request.Request(
        SERVER + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
    )
    trust = ssl.create_default_context(cafile=f"{ACCOUNT}/ca.crt")
    with urllib.request.urlopen(request, context=trust, timeout=TIMEOUT_S) as answer:
        return json.load(answer)
