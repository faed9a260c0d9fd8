"""The certificate that the webhook shows: taken from files, and anew whenever they change, without a gap.

New connections get the new certificate, those that exist go on. A pair that does not fit together is left aside, and
the one in use stays.
"""

import asyncio
import hashlib
import logging
import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from antiphon_names import errors as codes
from antiphon_operator.webhook.metrics import Metrics

logger = logging.getLogger(__name__)

CERTIFICATE = "tls.crt"
KEY = "tls.key"
#: The kubelet changes all files of a volume at once, by this link to the folder that holds them.
_CURRENT = "..data"
LOOK_S = 2.0


class Certificate:
    """A server's TLS context that follows the files in a directory."""

    def __init__(self, directory: Path, metrics: Metrics) -> None:
        self._directory = directory
        self._metrics = metrics
        self._digest: bytes | None = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.expires: datetime | None = None
        #: Why there is no certificate in use; None when there is one.
        self.missing: str | None = "no certificate has been read yet"

    def look(self) -> bool:
        """Take the files into use if they have changed; return whether they were."""
        try:
            return self._take(self._snapshot())
        except (OSError, ValueError) as error:
            text = (
                f"{codes.WEBHOOK_CERTIFICATE_UNFIT}: the certificate in {self._directory} cannot be used ({error}). "
                "See the log of the operator, which writes it, or renew your own."
            )
            if self._digest is None:
                self.missing = text
            logger.warning("a certificate cannot be used", extra={"directory": str(self._directory), "text": text})
            return False

    async def follow(self) -> None:
        """Look every few seconds, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def _snapshot(self) -> Path:
        # Files read by way of the link could be of two generations.
        return (self._directory / _CURRENT if (self._directory / _CURRENT).exists() else self._directory).resolve()

    def _take(self, folder: Path) -> bool:
        certificate, key = folder / CERTIFICATE, folder / KEY
        chain = certificate.read_bytes()
        digest = hashlib.sha256(chain + key.read_bytes()).digest()
        if digest == self._digest:
            return False
        # A pair that does not fit would break the context in use.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        expires = x509.load_pem_x509_certificate(chain).not_valid_after_utc
        self.context.load_cert_chain(certificate, key)
        self._digest = digest
        self.expires = expires
        self.missing = None
        self._metrics.certificate_expires.set(expires.timestamp())
        self._metrics.certificate_loads.inc()
        logger.info("a certificate is in use", extra={"expires": expires.isoformat()})
        return True
