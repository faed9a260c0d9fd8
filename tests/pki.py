"""Certificates for tests, made by trustme: an authority, a server on loopback and a client."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of PEM files."""

    ca: str
    server_cert: str
    server_key: str
    client_cert: str
    client_key: str


def made(folder: Path, *, name: str = "") -> Files:
    """Make an authority and what it vouches for; `name` begins the names of the files."""
    authority = trustme.CA()
    ca = folder / f"{name}ca.pem"
    authority.cert_pem.write_to_path(ca)
    paths = []
    for side in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1", "localhost")
        cert, key = folder / f"{name}{side}.pem", folder / f"{name}{side}.key"
        cert.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        paths += [str(cert), str(key)]
    return Files(str(ca), *paths)
