"""One list of error codes: `AN<number> <Name>`, used alike on the wire, in the CLI, in metrics and docs.

Numbers: AN1xx calls between apps, AN2xx instances, AN3xx state store, AN4xx coordination, AN5xx workers
and the app-facing API, AN6xx Kubernetes, AN7xx configuration and command line. A code never changes its
meaning and is never given twice.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable error: `number` and `name` are public, `summary` is what the docs say in one line."""

    number: str
    name: str
    summary: str
    retriable: bool = True

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


ACTIVITY_NOT_REGISTERED = Code("AN101", "ActivityNotRegistered", "no worker of the target app offers this activity")
WORKFLOW_NOT_REGISTERED = Code("AN102", "WorkflowNotRegistered", "no worker of the target app offers this workflow")
TARGET_APP_NOT_FOUND = Code("AN103", "TargetAppNotFound", "the target app was never seen in this namespace and store")
TARGET_APP_UNAVAILABLE = Code("AN104", "TargetAppUnavailable", "the target app is known but has no worker connected")
NAMESPACE_MISMATCH = Code("AN105", "NamespaceMismatch", "the call names an app of another namespace", retriable=False)
STATE_STORE_MISMATCH = Code("AN106", "StateStoreMismatch", "the target app uses another state store", retriable=False)
CALL_DENIED = Code("AN107", "CallDenied", "the target app's policy refuses it", retriable=False)
SCHEMA_MISMATCH = Code("AN108", "SchemaMismatch", "caller and target declare schemas that differ", retriable=False)
REGISTRY_NOT_SYNCED = Code("AN109", "RegistryNotSynced", "the registry has not been written by the operator yet")
CONCURRENCY_LIMITED = Code("AN110", "ConcurrencyLimited", "as many of this name run as its limit allows")
ACTIVITY_START_TO_CLOSE_TIMED_OUT = Code(
    "AN111", "ActivityStartToCloseTimedOut", "an attempt of the activity took longer than its start-to-close timeout"
)
ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT = Code(
    "AN112", "ActivityScheduleToCloseTimedOut", "the activity had no result within its schedule-to-close timeout"
)
ACTIVITY_HEARTBEAT_TIMED_OUT = Code(
    "AN113", "ActivityHeartbeatTimedOut", "the activity gave no sign of life within its heartbeat timeout"
)

NON_DETERMINISM = Code(
    "AN201",
    "NonDeterminism",
    "workflow code asked for something else than its history says",
    retriable=False,
)
VERSION_NOT_AVAILABLE = Code(
    "AN202", "VersionNotAvailable", "no worker has the version that this instance is pinned to"
)
INSTANCE_ID_IN_USE = Code("AN203", "InstanceIdInUse", "an active instance has this ID already", retriable=False)
PAYLOAD_TOO_LARGE = Code("AN204", "PayloadTooLarge", "an input, output or event is above the limit", retriable=False)
HISTORY_TOO_LARGE_FOR_WORKER = Code(
    "AN205", "HistoryTooLargeForWorker", "the history no longer fits what the worker can receive"
)
INSTANCE_POISONED = Code("AN206", "InstancePoisoned", "workers died again and again in the same turn")
INSTANCE_NOT_FOUND = Code("AN207", "InstanceNotFound", "no such instance exists in this app", retriable=False)
INSTANCE_NOT_FINISHED = Code(
    "AN208", "InstanceNotFinished", "only a finished instance can be purged or run again", retriable=False
)
ACTION_NOT_SUPPORTED = Code(
    "AN209", "ActionNotSupported", "the workflow asked for something not supported", retriable=False
)
PATCH_MISMATCH = Code(
    "AN210", "PatchMismatch", "a worker's code lacks a patch that the instance's history went through"
)
EVENT_NOT_FOUND = Code("AN220", "EventNotFound", "the instance has no such event to be run again from", retriable=False)
HISTORY_NOT_PROPAGATED = Code(
    "AN221", "HistoryNotPropagated", "a history is handed on only inside its own app", retriable=False
)

STORE_UNREACHABLE = Code("AN301", "StoreUnreachable", "the state store does not answer")
STORE_TOO_NEW = Code("AN302", "StoreTooNew", "the store was written by a newer release", retriable=False)
STORE_DAMAGED = Code("AN303", "StoreDamaged", "the store's file or schema is damaged", retriable=False)
STORE_NOT_WRITABLE = Code("AN304", "StoreNotWritable", "the store cannot be written to", retriable=False)
STORE_URL_INVALID = Code("AN305", "StoreUrlInvalid", "the store's URL cannot be understood", retriable=False)
STORE_FULL = Code("AN306", "StoreFull", "the store has no space left")
STORE_POOL_EXHAUSTED = Code("AN313", "StorePoolExhausted", "all of a process's connections to the store are busy")
STORE_CONNECTIONS_EXHAUSTED = Code("AN314", "StoreConnectionsExhausted", "the store's server takes no more connections")
STORE_READ_ONLY = Code("AN315", "StoreReadOnly", "the store's server takes no writes, as a standby does")
STORE_TLS_REFUSED = Code(
    "AN316", "StoreTlsRefused", "the store's server and the certificates do not fit together", retriable=False
)
STORE_POOLER_UNFIT = Code(
    "AN317", "StorePoolerUnfit", "a pooler before the store gives each transaction another session", retriable=False
)
STORE_SERVER_TOO_OLD = Code("AN318", "StoreServerTooOld", "the store's server is too old", retriable=False)
STORE_TIME_LIMIT = Code("AN319", "StoreTimeLimit", "a statement took too long, or waited too long for a lock")

HOST_RUNNING = Code("AN401", "HostRunning", "another process on this machine holds this store", retriable=False)
PARTITION_LOST = Code("AN402", "PartitionLost", "another replica owns this instance now")
ETCD_UNREACHABLE = Code("AN403", "EtcdUnreachable", "etcd does not answer; what is owned stays, nothing new is claimed")
PEER_MISTAKEN = Code("AN404", "PeerMistaken", "a replica was spoken to in place of another one")
PEER_TOO_DIFFERENT = Code("AN405", "PeerTooDifferent", "two replicas speak no protocol in common", retriable=False)
HOLDER_GONE = Code("AN406", "HolderGone", "the process that held the store ended before it answered")

REPLICA_APART = Code(
    "AN410", "ReplicaApart", "two replicas' stores have one identity and are two: one is a copy", retriable=False
)
START_NOT_ADMITTED = Code("AN411", "StartNotAdmitted", "the operator admits no new instances of this workflow now")

WORKER_NOT_CONNECTED = Code("AN501", "WorkerNotConnected", "no worker of this app is connected")
TOKEN_WRONG = Code("AN502", "TokenWrong", "the API token is missing or wrong", retriable=False)
REQUEST_INVALID = Code("AN503", "RequestInvalid", "the request cannot be understood", retriable=False)
SIDECAR_DRAINING = Code("AN504", "SidecarDraining", "the sidecar is shutting down")
SIDECAR_STARTING = Code("AN508", "SidecarStarting", "the sidecar has not opened its store yet")
NOT_SUPPORTED = Code("AN505", "NotSupported", "this release does not support it", retriable=False)
VALUE_INVALID = Code(
    "AN506",
    "ValueInvalid",
    "a value cannot become JSON, or JSON does not fit the declared type",
    retriable=False,
)
ACTIVITY_CANCELLED = Code("AN510", "ActivityCancelled", "nobody waits for the activity any more", retriable=False)
WORKFLOW_RULE_BROKEN = Code(
    "AN507",
    "WorkflowRuleBroken",
    "workflow code awaited or called what replay cannot repeat",
    retriable=False,
)
METHOD_UNKNOWN = Code(
    "AN540",
    "MethodUnknown",
    "a client or worker called what no part of Antiphon's protocol has",
    retriable=False,
)

HISTORY_INVALID = Code(
    "AN530", "HistoryInvalid", "a file is no recorded history, or one of another workflow", retriable=False
)
PAYLOAD_NOT_DECODED = Code(
    "AN531",
    "PayloadNotDecoded",
    "a value was encoded by a codec that is missing here, or that cannot read it",
    retriable=False,
)
CONTRACT_INVALID = Code(
    "AN532", "ContractInvalid", "a file of contracts cannot be read, or does not hold the app or name", retriable=False
)
MODULE_INVALID = Code(
    "AN533", "ModuleInvalid", "a module with workflows cannot be imported or has none", retriable=False
)

APP_ID_CONFLICT = Code(
    "AN601", "AppIdConflict", "an older AppRegistration of the namespace has this app ID", retriable=False
)
PODS_WITHOUT_SIDECAR = Code("AN602", "PodsWithoutSidecar", "pods of the app run without the sidecar", retriable=False)
WORKFLOW_SUSPENDED = Code("AN604", "WorkflowSuspended", "its Workflow resource admits no new instances")
WORKFLOW_MISSING = Code("AN605", "WorkflowMissing", "the Workflow that a run or a schedule names does not exist")
SIDECARS_SILENT = Code("AN606", "SidecarsSilent", "no sidecar of the state store answers the operator")
RUN_REFUSED = Code("AN607", "RunRefused", "the API server does not take the run that a schedule makes")
ETCD_CREDENTIALS_MISSING = Code(
    "AN608", "EtcdCredentialsMissing", "a namespace of apps does not have the Secret that sidecars reach etcd with"
)
APP_REGISTRATION_MISSING = Code(
    "AN630", "AppRegistrationMissing", "a pod asks for a sidecar, and no AppRegistration selects it"
)
APP_REGISTRATION_AMBIGUOUS = Code(
    "AN631", "AppRegistrationAmbiguous", "AppRegistrations of several apps select one pod", retriable=False
)
APP_NOT_DECLARED = Code("AN632", "AppNotDeclared", "a pod names an app that no AppRegistration declares")
POD_NOT_SELECTED = Code("AN633", "PodNotSelected", "a pod names an app whose AppRegistration does not select it")
SERVICE_ACCOUNT_MISMATCH = Code(
    "AN634", "ServiceAccountMismatch", "a pod runs as another service account than its AppRegistration wants"
)
STATE_STORE_MISSING = Code("AN635", "StateStoreMissing", "an AppRegistration names a StateStore that is not there")
SIDECAR_IMPOSSIBLE = Code("AN636", "SidecarImpossible", "a pod of this kind cannot have a sidecar", retriable=False)
POD_ANNOTATION_INVALID = Code(
    "AN637", "PodAnnotationInvalid", "a label or annotation of a pod has an invalid value", retriable=False
)
SIDECAR_PORT_TAKEN = Code(
    "AN638", "SidecarPortTaken", "a container of the pod has a port that its sidecar needs", retriable=False
)
NATIVE_SIDECARS_MISSING = Code(
    "AN639", "NativeSidecarsMissing", "the cluster is too old to run sidecar containers", retriable=False
)
SCHEMA_INVALID = Code("AN640", "SchemaInvalid", "a resource holds something that is no JSON Schema", retriable=False)
NAME_REPEATED = Code("AN641", "NameRepeated", "a resource names one thing twice", retriable=False)
TIME_ZONE_UNKNOWN = Code(
    "AN642", "TimeZoneUnknown", "a schedule names a time zone that does not exist", retriable=False
)
SCHEDULE_INVALID = Code("AN643", "ScheduleInvalid", "a schedule is no cron expression, or never due", retriable=False)
RUN_INPUT_INVALID = Code(
    "AN644", "RunInputInvalid", "the input of a run does not fit what its Workflow declares", retriable=False
)
FIELD_INVALID = Code("AN645", "FieldInvalid", "a field of a resource has a value that cannot be right", retriable=False)
ADMISSION_REQUEST_INVALID = Code(
    "AN646", "AdmissionRequestInvalid", "the webhook was called at a path or with a body that it does not know"
)
ADMISSION_NOT_READY = Code("AN647", "AdmissionNotReady", "the webhook has not read the cluster's resources yet")
WEBHOOK_CERTIFICATE_UNFIT = Code(
    "AN648", "WebhookCertificateUnfit", "the webhook's certificate is missing, broken or not what the API server trusts"
)

SETTING_INVALID = Code("AN701", "SettingInvalid", "a setting has an invalid value", retriable=False)
KEY_UNKNOWN = Code("AN702", "KeyUnknown", "a configuration file has an unknown key", retriable=False)
APP_ID_INVALID = Code("AN703", "AppIdInvalid", "an app ID has a wrong form", retriable=False)
PORT_IN_USE = Code("AN704", "PortInUse", "another process listens on this port", retriable=False)
HOST_NOT_FOUND = Code("AN705", "HostNotFound", "nothing runs on this machine with this store", retriable=False)
INPUT_INVALID = Code("AN706", "InputInvalid", "an input is not JSON", retriable=False)
CODE_UNKNOWN = Code("AN707", "CodeUnknown", "no error has this code or name", retriable=False)
TLS_MISMATCH = Code("AN710", "TlsMismatch", "a sidecar's port and a command's certificates do not fit", retriable=False)
ADDRESS_MISTAKEN = Code(
    "AN711", "AddressMistaken", "what listens at an address is no sidecar's peer port", retriable=False
)
REPLICA_SILENT = Code("AN712", "ReplicaSilent", "a replica is registered and does not answer")
SIDECAR_NOT_FOUND = Code("AN714", "SidecarNotFound", "no ready sidecar runs in a namespace that is asked about")
CLUSTER_REFUSED = Code("AN715", "ClusterRefused", "the API server does not answer, or does not allow what is needed")
EXTRA_MISSING = Code("AN716", "ExtraMissing", "a command needs a package that is not installed", retriable=False)
STORE_TOO_OLD = Code("AN713", "StoreTooOld", "the store's schema is older than this release", retriable=False)

CODES: tuple[Code, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Code))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for the nearest known name, or nothing."""
    names = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in names}
    if name.casefold() in folded:
        return f' Did you mean "{folded[name.casefold()]}"?'
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f' Did you mean "{matches[0]}"?' if matches else ""


def in_order(names: Iterable[str]) -> str:
    """Return quoted names in the order given, or `none`."""
    return ", ".join(f'"{name}"' for name in names) or "none"


def listing(known: Iterable[str], *, most: int = 20) -> str:
    """Return the names, sorted and bounded, as a sentence part: `a, b, c` or `nothing`."""
    names = sorted(known)
    if not names:
        return "nothing"
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
