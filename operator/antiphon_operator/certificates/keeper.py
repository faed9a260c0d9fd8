"""Keeps the webhook's certificates: makes what is due, writes it to a Secret, and tells the API server whom to trust.

One at a time does this, the operator's leader. Each step reads everything anew and can be repeated, so that a leader
that ended in the middle leaves nothing to be mended. Whoever brings certificates of their own, or has cert-manager do
it, does not run this.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubernetes.aio import client

from antiphon_operator.certificates import rotation
from antiphon_operator.certificates.material import Pair
from antiphon_operator.certificates.rotation import Material, Terms
from antiphon_operator.rest import CONFLICT, RequestFailed, Rest

logger = logging.getLogger(__name__)

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_MUTATING = "mutatingwebhookconfigurations"
_VALIDATING = "validatingwebhookconfigurations"

#: Keys of the Secret. Webhooks mount the first three; the others are for the keeper alone.
CERTIFICATE, KEY, BUNDLE = "tls.crt", "tls.key", "ca.crt"
_AUTHORITY, _AUTHORITY_KEY = "authority.crt", "authority.key"
_SUCCESSOR, _SUCCESSOR_KEY = "successor.crt", "successor.key"
_PREDECESSORS = "predecessors.crt"


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: all in one namespace but the configurations, which are in none."""

    namespace: str
    secret: str
    service: str
    #: Names of configurations; None where there is none.
    mutating: str | None
    validating: str | None

    def names(self) -> Sequence[str]:
        """Return the names under which the API server calls the webhook."""
        inside = f"{self.service}.{self.namespace}.svc"
        return (inside, f"{inside}.cluster.local")

    def configurations(self) -> Sequence[str]:
        """Return the paths of the configurations."""
        named = ((_MUTATING, self.mutating), (_VALIDATING, self.validating))
        return [f"{_ADMISSION}/{plural}/{name}" for plural, name in named if name]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the keeper looks, and how long the API server is given to take up a new bundle, in seconds."""

    look_s: float = 10.0
    settle_s: float = 60.0


@dataclass(slots=True)
class Keeper:
    """Keeps the certificates of one webhook."""

    rest: Rest
    place: Place
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    terms: Terms = field(default_factory=Terms)
    pace: Pace = field(default_factory=Pace)
    #: Which bundle the API server has, and since when this keeper has seen it there.
    _seen: tuple[str, float] | None = None

    async def run(self) -> None:
        """Look again and again, for ever; what goes wrong is tried again."""
        while True:
            try:
                await self.step()
            except RequestFailed as error:
                fields = {"secret": self.place.secret, "status": error.status, "error": str(error)}
                logger.warning("the webhook's certificates are not kept; trying again", extra=fields)
            await asyncio.sleep(self.pace.look_s)

    async def step(self) -> None:
        """Do what is due.

        Raises:
            RequestFailed: the API server does not answer, or refuses.
        """
        path = f"/api/v1/namespaces/{self.place.namespace}/secrets/{self.place.secret}"
        secret = await self.rest.find(path)
        kept = None if secret is None else _read(secret)
        configurations = await self._configurations()
        bundles = [bundle for configuration in configurations.values() for bundle in _bundles(configuration)]
        material = rotation.advance(
            kept,
            names=self.place.names(),
            now=self.now(),
            settled=kept is not None and self._settled(kept.bundle(), bundles),
            trusted="".join(dict.fromkeys(bundles)),
            terms=self.terms,
        )
        if material is not kept and not await self._write(path, secret, material):
            return
        for configuration_path, configuration in configurations.items():
            await self._tell(configuration_path, configuration, material.bundle())

    def _settled(self, wanted: str, bundles: Sequence[str]) -> bool:
        """Say whether all webhooks of all configurations have had the bundle for long enough."""
        if not bundles or any(bundle != wanted for bundle in bundles):
            self._seen = None
            return False
        if self._seen is None or self._seen[0] != wanted:
            self._seen = (wanted, self.monotonic())
        return self.monotonic() - self._seen[1] >= self.pace.settle_s

    async def _configurations(self) -> Mapping[str, Mapping[str, Any]]:
        found = {path: await self.rest.find(path) for path in self.place.configurations()}
        missing = [path for path, configuration in found.items() if configuration is None]
        if missing:
            logger.warning("a webhook configuration does not exist", extra={"paths": missing})
        return {path: configuration for path, configuration in found.items() if configuration is not None}

    async def _write(self, path: str, old: Mapping[str, Any] | None, material: Material) -> bool:
        """Write the Secret; return False when somebody else has, in which case everything is to be read anew."""
        fields = {"secret": self.place.secret, "expires": material.server.parsed.not_valid_after_utc.isoformat()}
        try:
            if old is None:
                await self.rest.create(path.rpartition("/")[0], self._made(material))
            else:
                await self.rest.replace(path, {**old, "data": _data(material)})
        except RequestFailed as error:
            if error.status != CONFLICT:
                raise
            logger.info("somebody else has written the webhook's certificates", extra=fields)
            return False
        logger.info("the webhook's certificates have been written", extra=fields)
        return True

    def _made(self, material: Material) -> Mapping[str, Any]:
        labels = {"app.kubernetes.io/managed-by": "antiphon-operator", "app.kubernetes.io/part-of": "antiphon"}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": self.place.secret, "namespace": self.place.namespace, "labels": labels},
            "data": _data(material),
        }

    async def _tell(self, path: str, configuration: Mapping[str, Any], bundle: str) -> None:
        operations: list[Mapping[str, Any]] = []
        for index, webhook in enumerate(configuration.get("webhooks") or ()):
            if _bundle(webhook) != bundle:
                where = f"/webhooks/{index}"
                operations.append({"op": "test", "path": f"{where}/name", "value": webhook["name"]})
                value = base64.b64encode(bundle.encode()).decode()
                operations.append({"op": "add", "path": f"{where}/clientConfig/caBundle", "value": value})
        if operations:
            await self.rest.patch(path, operations)
            logger.info("the API server has been told whom to trust", extra={"path": path})


async def keep(
    api: client.ApiClient,
    place: Place,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    terms: Terms | None = None,
    pace: Pace | None = None,
) -> None:
    """Keep the webhook's certificates, for ever; the operator's leader runs this as one of its tasks."""
    keeper = Keeper(Rest(api), place, now=now, monotonic=monotonic, terms=terms or Terms(), pace=pace or Pace())
    await keeper.run()


def _data(material: Material) -> Mapping[str, str]:
    texts = {
        CERTIFICATE: material.server.certificate,
        KEY: material.server.key,
        BUNDLE: material.bundle(),
        _AUTHORITY: material.authority.certificate,
        _AUTHORITY_KEY: material.authority.key,
    }
    if material.successor is not None:
        texts |= {_SUCCESSOR: material.successor.certificate, _SUCCESSOR_KEY: material.successor.key}
    if material.predecessors:
        texts[_PREDECESSORS] = "".join(material.predecessors)
    return {name: base64.b64encode(text.encode()).decode() for name, text in texts.items()}


def _read(secret: Mapping[str, Any]) -> Material | None:
    """Read what is kept; None when it is not ours or cannot be read, and then everything is made anew."""
    data = secret.get("data") or {}
    try:
        texts = {name: base64.b64decode(text).decode() for name, text in data.items()}
        material = Material(
            authority=Pair(texts[_AUTHORITY], texts[_AUTHORITY_KEY]),
            server=Pair(texts[CERTIFICATE], texts[KEY]),
            successor=Pair(texts[_SUCCESSOR], texts[_SUCCESSOR_KEY]) if _SUCCESSOR in texts else None,
            predecessors=tuple(rotation.certificates(texts.get(_PREDECESSORS, ""))),
        )
        for pair in (material.authority, material.server, material.successor):
            if pair is not None:
                pair.check()
    except (KeyError, ValueError, TypeError) as error:
        if data:
            fields = {"secret": secret["metadata"]["name"], "error": repr(error)}
            logger.warning("what the Secret holds cannot be used; everything is made anew", extra=fields)
        return None
    return material


def _bundles(configuration: Mapping[str, Any]) -> list[str]:
    return [_bundle(webhook) for webhook in configuration.get("webhooks") or ()]


def _bundle(webhook: Mapping[str, Any]) -> str:
    return base64.b64decode(webhook["clientConfig"].get("caBundle") or "").decode("ascii", errors="replace")
