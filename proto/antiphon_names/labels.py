"""Labels, annotations and names in pods that users and the operator agree on (docs/kubernetes/injection.md)."""

PREFIX = "antiphon.dev/"

#: On a pod, or on its namespace: "true" asks for a sidecar, "false" on a pod declines one.
INJECT = f"{PREFIX}inject"
#: On a pod that has been given a sidecar.
INJECTED = f"{PREFIX}injected"

#: Annotations of a pod that users write: which app it is, and what its sidecar is given.
APP_ID = f"{PREFIX}app-id"
LOG_LEVEL = f"{PREFIX}log-level"
CPU_REQUEST = f"{PREFIX}sidecar-cpu-request"
CPU_LIMIT = f"{PREFIX}sidecar-cpu-limit"
MEMORY_REQUEST = f"{PREFIX}sidecar-memory-request"
MEMORY_LIMIT = f"{PREFIX}sidecar-memory-limit"
GRPC_PORT = f"{PREFIX}grpc-port"
HTTP_PORT = f"{PREFIX}http-port"
PEER_PORT = f"{PREFIX}peer-port"
METRICS_PORT = f"{PREFIX}metrics-port"

#: Annotations that the injector writes: the sidecar's release, and a digest of all that was put into the pod.
SIDECAR_VERSION = f"{PREFIX}sidecar-version"
CONFIG_DIGEST = f"{PREFIX}config-digest"

#: On a WorkflowRun: the WorkflowSchedule that made it.
SCHEDULE = f"{PREFIX}schedule"
#: On a WorkflowRun whose deletion terminates its instance, while that has not ended.
FINALIZER = f"{PREFIX}finalizer"

#: The container that is the sidecar.
SIDECAR_CONTAINER = "antiphon-sidecar"
#: Its port for other sidecars, the operator and the command line.
PEER_PORT_NAME = "antiphon-peer"

#: All of the annotations above that a pod may carry.
POD_ANNOTATIONS = frozenset(
    (
        APP_ID,
        LOG_LEVEL,
        CPU_REQUEST,
        CPU_LIMIT,
        MEMORY_REQUEST,
        MEMORY_LIMIT,
        GRPC_PORT,
        HTTP_PORT,
        PEER_PORT,
        METRICS_PORT,
        SIDECAR_VERSION,
        CONFIG_DIGEST,
    )
)
