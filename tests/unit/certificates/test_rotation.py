"""When certificates are made anew, and that whoever may have signed one in use is always trusted."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given
from hypothesis import settings as chances
from hypothesis import strategies as some

from antiphon_operator.certificates import material, rotation
from antiphon_operator.certificates.rotation import Material, Terms, advance
from antiphon_operator.webhook.trust import Trusted, untrusted
from tests.unit.certificates.clocks import now

NAMES = ("antiphon-webhook.antiphon.svc", "antiphon-webhook.antiphon.svc.cluster.local")
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TERMS = Terms()


def advanced(kept: Material | None, *, after: timedelta, settled: bool = True, trusted: str = "", names=NAMES):
    return advance(kept, names=names, now=BEGIN + after, settled=settled, trusted=trusted, terms=TERMS)


@pytest.fixture(scope="module")
def first() -> Material:
    return advanced(None, after=0 * DAY)


def test_what_is_made_first_is_an_authority_for_ten_years_and_a_certificate_for_ninety_days(first):
    authority, server = first.authority.parsed, first.server.parsed
    assert authority.not_valid_after_utc == BEGIN + 3650 * DAY
    assert server.not_valid_after_utc == BEGIN + 90 * DAY
    assert material.hosts(server) == set(NAMES)
    assert material.signed(server, authority)
    assert first.bundle() == first.authority.certificate


def test_openssl_takes_the_certificate_for_the_names_and_for_no_other(tmp_path):
    made = advance(None, names=NAMES, now=now(), settled=False, trusted="", terms=TERMS)
    for name, text in {"tls.crt": made.server.certificate, "tls.key": made.server.key}.items():
        (tmp_path / name).write_text(text)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    assert [untrusted(server, Trusted("w", name, made.bundle())) for name in NAMES] == [None, None]
    assert "match" in (untrusted(server, Trusted("w", "elsewhere.svc", made.bundle())) or "")
    other = advance(None, names=NAMES, now=now(), settled=False, trusted="", terms=TERMS)
    assert "vouch" in (untrusted(server, Trusted("w", NAMES[0], other.bundle())) or "")


def test_nothing_is_done_while_nothing_is_due(first):
    assert advanced(first, after=59 * DAY) is first


def test_a_certificate_is_renewed_at_two_thirds_of_its_life_by_the_same_authority(first):
    renewed = advanced(first, after=61 * DAY)
    assert renewed.server != first.server
    assert renewed.authority == first.authority
    assert renewed.bundle() == first.bundle()


def test_a_certificate_for_other_names_is_made_when_the_service_is_called_otherwise(first):
    assert material.hosts(advanced(first, after=DAY, names=("other.svc",)).server.parsed) == {"other.svc"}


def test_an_authority_is_followed_in_steps_each_of_which_the_server_has_had_time_to_learn(first):
    old = advanced(first, after=2400 * DAY)
    announced = advanced(old, after=2434 * DAY)
    assert announced.server == old.server
    assert announced.bundle() == old.authority.certificate + announced.successor.certificate
    assert advanced(announced, after=2435 * DAY, settled=False) is announced
    changed = advanced(announced, after=2435 * DAY)
    assert changed.authority == announced.successor
    assert material.signed(changed.server.parsed, changed.authority.parsed)
    assert changed.bundle() == changed.authority.certificate + old.authority.certificate
    assert advanced(changed, after=2435 * DAY + timedelta(hours=23)) is changed
    assert advanced(changed, after=2436 * DAY).bundle() == changed.authority.certificate


def test_no_certificate_outlives_its_authority(first):
    late = advanced(first, after=2433 * DAY)
    short = Terms(authority_life=30 * DAY)
    made = advance(None, names=NAMES, now=BEGIN, settled=False, trusted="", terms=short)
    assert made.server.parsed.not_valid_after_utc == made.authority.parsed.not_valid_after_utc
    assert late.server.parsed.not_valid_after_utc <= late.authority.parsed.not_valid_after_utc


def test_whom_the_server_trusts_stays_trusted_when_all_that_was_kept_is_lost(first):
    anew = advanced(None, after=30 * DAY, trusted=first.bundle())
    assert anew.bundle() == anew.authority.certificate + first.authority.certificate
    assert advanced(anew, after=31 * DAY).bundle() == anew.authority.certificate


def test_an_authority_that_has_ended_is_not_trusted_any_more(first):
    anew = advanced(first, after=3651 * DAY, trusted=first.bundle())
    assert anew.bundle() == anew.authority.certificate


@pytest.mark.parametrize("bundle", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_cannot_be_read_holds_nobody(bundle):
    assert rotation.certificates(bundle) == []


@chances(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.lists(some.tuples(some.integers(1, 1500), some.booleans()), min_size=2, max_size=6))
def test_what_webhooks_may_still_show_is_trusted_at_every_step(steps):
    """Webhooks show what a step has brought or what they had before; who signs next was trusted before that."""
    kept, moment = advanced(None, after=0 * DAY), BEGIN
    for days, settled in steps:
        moment += days * DAY
        before, kept = kept, advance(kept, names=NAMES, now=moment, settled=settled, trusted=kept.bundle(), terms=TERMS)
        for shown in (before.server.parsed, kept.server.parsed):
            assert shown.not_valid_after_utc <= moment or trusts(kept.bundle(), shown)
        if before.authority.parsed.not_valid_after_utc > moment:
            assert trusts(before.bundle(), kept.server.parsed)


def trusts(bundle: str, shown: x509.Certificate) -> bool:
    signers = [x509.load_pem_x509_certificate(each.encode()) for each in rotation.certificates(bundle)]
    return any(material.signed(shown, signer) for signer in signers)
