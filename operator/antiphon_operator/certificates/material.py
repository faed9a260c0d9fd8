"""Makes authorities and certificates for servers. Time comes as an argument; keys and serial numbers are random."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Clocks of API servers may be behind: certificates are valid from a little before they are made.
BACKDATED = timedelta(minutes=10)
_ORGANIZATION = "antiphon.dev"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both in PEM."""

    certificate: str
    key: str

    @property
    def parsed(self) -> x509.Certificate:
        """Return the certificate taken apart."""
        return x509.load_pem_x509_certificate(self.certificate.encode())

    def check(self) -> None:
        """Look whether the two belong together.

        Raises:
            ValueError: they do not, or one of them cannot be read.
        """
        key = serialization.load_pem_private_key(self.key.encode(), password=None)
        if key.public_key() != self.parsed.public_key():
            raise ValueError("a certificate and its key do not belong together")


def issued_at(certificate: x509.Certificate) -> datetime:
    """Return when a certificate was made."""
    return certificate.not_valid_before_utc + BACKDATED


def hosts(certificate: x509.Certificate) -> frozenset[str]:
    """Return the names of servers that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.get_values_for_type(x509.DNSName))


def signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Say whether an authority has signed a certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def authority(*, now: datetime, life: timedelta) -> Pair:
    """Make an authority that may sign certificates of servers, and no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A name of its own: in a bundle of two authorities each signature leads to one of them.
    name = _name(f"Antiphon webhook authority {serial:040x}"[:64])
    usage = _usage(signs_certificates=True)
    builder = (
        _begun(name, key, serial=serial, now=now, until=now + life)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return _signed(builder, key, by=key)


def server(of: Pair, *, names: Sequence[str], now: datetime, life: timedelta) -> Pair:
    """Make a certificate for a server with these names, which ends no later than its authority."""
    issuer = of.parsed
    signer = serialization.load_pem_private_key(of.key.encode(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is none of this kind")
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(now + life, issuer.not_valid_after_utc)
    builder = (
        _begun(_name(names[0][:64]), key, serial=x509.random_serial_number(), now=now, until=until)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return _signed(builder, key, by=signer)


def _begun(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, serial: int, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, *, by: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(by, hashes.SHA256())
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), written.decode())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
