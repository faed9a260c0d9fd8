"""The certificates that a command shows to a sidecar, and why they and the sidecar's port do not fit together."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from antiphon_cli.failures import Misused
from antiphon_names import errors as codes

_PROBE_S = 3.0
_FLAGS = "--ca-file, --cert-file and --key-file"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files: whom to trust, and who this command is.

    `name`: what the sidecar's certificate is made for, None for the host of its address.
    """

    ca_file: str
    cert_file: str
    key_file: str
    name: str | None = None

    @classmethod
    def given(
        cls, ca: str | None, cert: str | None, key: str | None, *, name: str | None = None
    ) -> "Certificates | None":
        """Return all three files, or None when there is none.

        Raises:
            Misused: some are missing.
        """
        match (ca, cert, key):
            case (None, None, None):
                return None
            case (str(), str(), str()):
                return cls(ca, cert, key, name)
            case _:
                raise Misused(f"{codes.SETTING_INVALID}: {_FLAGS} belong together: give all three, or none.")

    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel shows and trusts.

        Raises:
            Misused: a file cannot be read.
        """
        try:
            ca, key, cert = (Path(path).read_bytes() for path in (self.ca_file, self.key_file, self.cert_file))
        except OSError as error:
            raise Misused(f"{codes.SETTING_INVALID}: {error.filename} cannot be read: {error.strerror}.") from error
        return grpc.ssl_channel_credentials(ca, key, cert)

    def context(self) -> ssl.SSLContext:
        """Return the same for a look without gRPC.

        Raises:
            Misused: the files do not hold what they should.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or str(error)
            files = f"{self.ca_file}, {self.cert_file} and {self.key_file}"
            raise Misused(f"{codes.SETTING_INVALID}: {files} are no certificates with their key: {reason}.") from error
        context.set_alpn_protocols(["h2"])
        return context


def misfit(host: str, port: int, certificates: Certificates | None) -> str | None:
    """Return why TLS keeps gRPC from connecting, with its code; None when it is not that."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    reason = _speaks_tls(host, port) if certificates is None else _handshake(host, port, certificates)
    return None if reason is None else f"{codes.TLS_MISMATCH}: {where} {reason}"


def _speaks_tls(host: str, port: int) -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, port), timeout=_PROBE_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            pass
    except OSError:
        return None
    return f"speaks TLS. Give {_FLAGS}."


def _handshake(host: str, port: int, certificates: Certificates) -> str | None:
    context, name = certificates.context(), certificates.name or host
    try:
        with (
            socket.create_connection((host, port), timeout=_PROBE_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            return _refusal(secure, certificates)
    except ssl.SSLCertVerificationError as error:
        hint = f" Name what it is made for with --server-name, if that is not {name}." if _is_name(error) else ""
        return f"shows a certificate that {certificates.ca_file} does not vouch for: {error.verify_message}.{hint}"
    except ssl.SSLError as error:
        reason = _reason(error)
        if "alert" in reason:
            return _not_accepted(certificates, reason)
        return f"speaks no TLS ({reason}). Leave {_FLAGS} out."
    except OSError:
        return None


def _refusal(secure: ssl.SSLSocket, certificates: Certificates) -> str | None:
    """Wait for the first byte, which a sidecar sends at once; TLS 1.3 refuses a certificate after the handshake."""
    try:
        if secure.recv(1):
            return None
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return _not_accepted(certificates, _reason(error))
    except OSError:
        pass
    return _not_accepted(certificates, "it ended the connection")


def _not_accepted(certificates: Certificates, reason: str) -> str:
    return f"does not accept {certificates.cert_file}: {reason}. Use one that the sidecars' authority issued."


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


def _is_name(error: ssl.SSLCertVerificationError) -> bool:
    return "match" in error.verify_message
