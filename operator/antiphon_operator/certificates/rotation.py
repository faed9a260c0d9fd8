"""When certificates are made anew, so that at no moment a webhook shows one that the API server does not trust.

Invariant: whoever may have signed a certificate that some webhook still shows is in the bundle, and nobody signs before
the API server has had the bundle with them in it. So an authority is followed in three steps: its successor is trusted
first (`successor`), then signs, and it is trusted itself until all webhooks have what the successor has signed
(`predecessors`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from antiphon_operator.certificates import material
from antiphon_operator.certificates.material import Pair

#: Authorities that are kept in the bundle beside those in use.
_PREDECESSORS_MAX = 3


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things last."""

    authority_life: timedelta = timedelta(days=3650)
    server_life: timedelta = timedelta(days=90)
    #: Share of its life after which something is followed by another.
    renewed_after: float = 2 / 3
    #: How long an authority is trusted after its successor has begun to sign: the kubelets bring files of Secrets to
    #: running pods within two minutes or so.
    overlap: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Material:
    """All that is kept: who signs, what the webhooks show, who will sign, and who signed before (only in PEM)."""

    authority: Pair
    server: Pair
    successor: Pair | None = None
    predecessors: tuple[str, ...] = ()

    def bundle(self) -> str:
        """Return whom the API server has to trust."""
        successor = () if self.successor is None else (self.successor.certificate,)
        return "".join((self.authority.certificate, *successor, *self.predecessors))


def advance(
    kept: Material | None, *, names: Sequence[str], now: datetime, settled: bool, trusted: str, terms: Terms
) -> Material:
    """Return what is to be kept from now on, `kept` itself when nothing is due.

    Args:
        kept: what is kept; None when it is lost, or never was.
        names: of the server.
        now: the time.
        settled: whether the API server has had the bundle of `kept` for a while.
        trusted: whom the API server trusts now, in PEM; what is lost may still be shown by webhooks.
        terms: how long things last.
    """
    if kept is None:
        return _anew(names, now, trusted, terms)
    if kept.successor is not None and not _ended(kept.successor, now):
        return _succeeded(kept, names, now, terms) if settled or _ended(kept.authority, now) else kept
    if _ended(kept.authority, now):
        return _anew(names, now, trusted, terms)
    if _due(kept.authority, now, terms):
        return replace(kept, successor=material.authority(now=now, life=terms.authority_life))
    if _unfit(kept, names) or _due(kept.server, now, terms):
        return replace(kept, server=_server(kept.authority, names, now, terms))
    if kept.predecessors and now >= material.issued_at(kept.server.parsed) + terms.overlap:
        return replace(kept, predecessors=())
    return kept


def certificates(bundle: str) -> list[str]:
    """Return the certificates of a bundle one by one, in PEM; nothing when it cannot be read."""
    try:
        found = x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        return []
    return [each.public_bytes(serialization.Encoding.PEM).decode() for each in found]


def _anew(names: Sequence[str], now: datetime, trusted: str, terms: Terms) -> Material:
    authority = material.authority(now=now, life=terms.authority_life)
    return Material(authority, _server(authority, names, now, terms), predecessors=_valid(certificates(trusted), now))


def _succeeded(kept: Material, names: Sequence[str], now: datetime, terms: Terms) -> Material:
    assert kept.successor is not None, "whoever calls has looked"
    return Material(
        kept.successor,
        _server(kept.successor, names, now, terms),
        predecessors=_valid([kept.authority.certificate, *kept.predecessors], now),
    )


def _server(authority: Pair, names: Sequence[str], now: datetime, terms: Terms) -> Pair:
    return material.server(authority, names=names, now=now, life=terms.server_life)


def _valid(found: Iterable[str], now: datetime) -> tuple[str, ...]:
    parsed = ((each, x509.load_pem_x509_certificate(each.encode())) for each in found)
    return tuple(pem for pem, each in parsed if each.not_valid_after_utc > now)[:_PREDECESSORS_MAX]


def _unfit(kept: Material, names: Sequence[str]) -> bool:
    shown = kept.server.parsed
    return material.hosts(shown) != frozenset(names) or not material.signed(shown, kept.authority.parsed)


def _due(pair: Pair, now: datetime, terms: Terms) -> bool:
    parsed = pair.parsed
    begun = material.issued_at(parsed)
    return now >= begun + (parsed.not_valid_after_utc - begun) * terms.renewed_after


def _ended(pair: Pair, now: datetime) -> bool:
    return now >= pair.parsed.not_valid_after_utc
