"""What the operator is told: frozen values with a default each, read once by `main`, passed down."""

from dataclasses import dataclass
from datetime import timedelta

GROUP = "antiphon.dev"
VERSION = "v1alpha1"
#: How the API server calls our kinds, and the ones that this release reconciles.
APP_REGISTRATIONS = "appregistrations"
WORKFLOWS = "workflows"
WORKFLOW_RUNS = "workflowruns"
WORKFLOW_SCHEDULES = "workflowschedules"
STATE_STORES = "statestores"
PODS = "pods"
#: Who has set a field or reported an Event.
MANAGER = "antiphon-operator"


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How replicas of the operator agree on one leader."""

    namespace: str = "default"
    name: str = "antiphon-operator"
    duration: timedelta = timedelta(seconds=15)
    renew_deadline: timedelta = timedelta(seconds=10)
    retry: timedelta = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """How etcd is reached; `endpoints` are URLs."""

    endpoints: tuple[str, ...] = ()
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    user: str | None = None
    password_file: str | None = None
    #: The Secret that sidecars reach etcd with, in each namespace of apps; None where etcd asks for nothing.
    sidecar_secret: str | None = None
    deadline: timedelta = timedelta(seconds=2.5)


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Certificates for the peer ports of sidecars; all None where these speak without."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Who makes the webhook's certificates, and where they and the configurations are."""

    mode: str = "none"
    secret: str = "antiphon-webhook-tls"
    service: str = "antiphon-webhook"
    mutating_configuration: str | None = None
    validating_configuration: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's settings.

    `namespaces`: those that are watched, none for all. `identity`: this replica of the operator. `settle`: changes of a
    namespace within this time are looked at together. `away`: etcd may be silent for so long before conditions say it.
    `figures`: sidecars are asked for counts no more often. `resync`: everything is listed again after this time.
    `writers`: objects that are looked at at a time; `askers`: the same of those that sidecars are asked about.
    """

    identity: str
    etcd: EtcdSettings = EtcdSettings()
    peers: PeerSettings = PeerSettings()
    lease: LeaseSettings = LeaseSettings()
    certificates: CertificateSettings = CertificateSettings()
    namespaces: tuple[str, ...] = ()
    metrics_port: int = 8080
    settle: timedelta = timedelta(milliseconds=250)
    away: timedelta = timedelta(seconds=15)
    figures: timedelta = timedelta(seconds=30)
    resync: timedelta = timedelta(minutes=10)
    writers: int = 16
    askers: int = 32
