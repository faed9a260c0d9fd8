"""What is said about the codes of admission on Kubernetes: pods that get a sidecar, and resources that are checked."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

_POD_EVENT = "As an event of the pod's ReplicaSet, Job or StatefulSet, and where a pod is created by hand."
_RESOURCE = "When the resource is applied, also with --dry-run=server."

INJECTION = {
    codes.APP_REGISTRATION_MISSING: Explanation(
        seen=_POD_EVENT,
        cause="The pod has the label that asks for a sidecar, and nothing says which app it is.",
        fix="Create an AppRegistration whose selector matches the pod's labels; the pod's controller tries again.",
        example=(
            "pod orders-6d4* asks for a sidecar by its label antiphon.dev/inject, and no AppRegistration of namespace "
            'shop selects its labels (app=orders); there is "payments" (app=payments). The pod is not started. Create '
            "an AppRegistration whose selector matches the pod, or remove the label."
        ),
    ),
    codes.APP_REGISTRATION_AMBIGUOUS: Explanation(
        seen=_POD_EVENT,
        cause="The selectors of two apps match the pod's labels.",
        fix="Make the selectors differ, or name the app with the annotation antiphon.dev/app-id.",
        example=(
            'pod orders-6d4* (namespace shop) has labels that several AppRegistrations select: "orders" (app orders), '
            '"orders-v2" (app orders2). The pod is not started. Name the app with the annotation antiphon.dev/app-id, '
            "or make the selectors differ."
        ),
    ),
    codes.APP_NOT_DECLARED: Explanation(
        seen=_POD_EVENT,
        cause="The annotation antiphon.dev/app-id names an app ID that no AppRegistration of the namespace has.",
        fix="Create the AppRegistration, or correct the annotation; case matters.",
        example=(
            'pod orders-6d4* has the annotation antiphon.dev/app-id "order", and no AppRegistration of namespace shop '
            'declares that app; declared: orders, payments. Did you mean "orders"? The pod is not started. Create the '
            "AppRegistration, or correct the annotation."
        ),
    ),
    codes.POD_NOT_SELECTED: Explanation(
        seen=_POD_EVENT,
        cause="A pod may only be an app whose AppRegistration selects it, whatever its annotation says.",
        fix="Give the pod the labels that are selected, or widen the selector.",
        example=(
            'pod orders-6d4* has the annotation antiphon.dev/app-id "payments", but AppRegistration "payments" of that '
            "app selects app=payments, and the pod has app=orders. The pod is not started. Give the pod the labels "
            "that are selected, or widen the selector."
        ),
    ),
    codes.SERVICE_ACCOUNT_MISMATCH: Explanation(
        seen=_POD_EVENT,
        cause="The AppRegistration says which service account the app runs as, and the pod runs as another.",
        fix="Set serviceAccountName in the pod, or change spec.serviceAccountName of the AppRegistration.",
        example=(
            'pod payments-5f7* runs as service account "default", but AppRegistration "payments" (app payments) wants '
            '"payments". The pod is not started. Set serviceAccountName in the pod, or change spec.serviceAccountName '
            "of the AppRegistration."
        ),
    ),
    codes.STATE_STORE_MISSING: Explanation(
        seen=f"{_POD_EVENT} As a warning, when an AppRegistration is applied.",
        cause="The sidecar would not know where its app keeps its state.",
        fix="Create the StateStore in the same namespace, or correct spec.storeRef.name.",
        example=(
            'pod orders-6d4* belongs to app orders, whose AppRegistration "orders" names the StateStore "mian", and '
            'namespace shop has main. Did you mean "main"? The pod is not started. Create the StateStore, or correct '
            "spec.storeRef.name."
        ),
    ),
    codes.SIDECAR_IMPOSSIBLE: Explanation(
        seen=_POD_EVENT,
        cause="The pod shares its node's network, or runs on Windows.",
        fix="Remove the label antiphon.dev/inject, or the cause.",
        example=(
            "pod agent-* asks for a sidecar, but it shares the network of its node (hostNetwork), where ports of "
            "sidecars would collide. The pod is not started. Remove the label antiphon.dev/inject, or the cause."
        ),
    ),
    codes.POD_ANNOTATION_INVALID: Explanation(
        seen=_POD_EVENT,
        cause="An annotation that sets something of the sidecar, or the label that asks for it, cannot be read.",
        fix="Correct it in the template of the pod.",
        example=(
            'annotation antiphon.dev/grpc-port is "http"; accepted: a port from 1 to 65535. The pod is not started. '
            "Correct the annotation in the template of the pod."
        ),
    ),
    codes.SIDECAR_PORT_TAKEN: Explanation(
        seen=_POD_EVENT,
        cause="All containers of a pod share its network, so that only one can listen on a port.",
        fix="Give the container another port, or the sidecar by an annotation of the pod.",
        example=(
            'container "web" of pod orders-6d4* has port 3500, on which the sidecar would listen (HTTP for the app). '
            "The pod is not started. Give the container or the sidecar another port; annotations of the pod for the "
            "latter: antiphon.dev/grpc-port, antiphon.dev/http-port, antiphon.dev/peer-port, antiphon.dev/metrics-port."
        ),
    ),
    codes.NATIVE_SIDECARS_MISSING: Explanation(
        seen=_POD_EVENT,
        cause="Before Kubernetes 1.29 a container could not start before the app and end after it.",
        fix="Upgrade the cluster.",
        example=(
            "pod orders-6d4* asks for a sidecar, and this cluster (1.28) has no sidecar containers: they came with "
            "Kubernetes 1.29. The pod is not started. Upgrade the cluster."
        ),
    ),
}

VALIDATION = {
    codes.SCHEMA_INVALID: Explanation(
        seen=_RESOURCE,
        cause="What stands where a JSON Schema of draft 2020-12 belongs is none.",
        fix="Correct the schema at the place that the message names.",
        example=(
            "spec.input.properties.cents is no JSON Schema: 'number of cents' is not valid under any of the given "
            "schemas. Correct it; draft 2020-12 applies."
        ),
    ),
    codes.NAME_REPEATED: Explanation(
        seen=_RESOURCE,
        cause="A list that holds each name once holds one twice.",
        fix="Remove one of the two.",
        example='spec.offers.activities names "charge" twice. Remove one of the two.',
    ),
    codes.TIME_ZONE_UNKNOWN: Explanation(
        seen=_RESOURCE,
        cause="The IANA database has no time zone of this name.",
        fix="Write a name such as Europe/Berlin or Etc/UTC.",
        example=(
            'spec.timeZone "Europe/Berlni" is no time zone. Did you mean "Europe/Berlin"? Write a name of the IANA '
            "database."
        ),
    ),
    codes.SCHEDULE_INVALID: Explanation(
        seen=_RESOURCE,
        cause="The schedule is no cron expression with five fields, or no day fulfils it.",
        fix="Write minute, hour, day of month, month and day of week; the time zone belongs in spec.timeZone.",
        example=(
            'spec.schedule "0 25 * * *" is no schedule (Bad hour). Write five fields: minute, hour, day of month, '
            "month, day of week."
        ),
    ),
    codes.RUN_INPUT_INVALID: Explanation(
        seen=_RESOURCE,
        cause="The Workflow that is to run declares what its input looks like, and this is something else.",
        fix="Correct the input at the place that the message names, or the Workflow's spec.input.",
        example=(
            "spec.input does not fit what Workflow \"process-order\" declares: 'orderId' is a required property. "
            "Correct the input, or spec.input of the Workflow."
        ),
    ),
    codes.FIELD_INVALID: Explanation(
        seen=_RESOURCE,
        cause="A field has a value that no later change elsewhere can make right.",
        fix="Correct the field as the message says.",
        example='spec.sidecar.resources.requests.memory is "96MB"; accepted: an amount such as 50m or 96Mi.',
    ),
}

WEBHOOK = {
    codes.ADMISSION_REQUEST_INVALID: Explanation(
        seen="In the log of the webhook, and as an error of what was being created.",
        cause="A webhook configuration names a path that the webhook does not have, or something else calls it.",
        fix="Correct the path in the configuration, or upgrade the chart and the webhook together.",
        example="the webhook has nothing at /mutate/pod. Correct the path in the webhook configuration.",
    ),
    codes.ADMISSION_NOT_READY: Explanation(
        seen="As an error of a pod that is created in the first moments of the webhook.",
        cause="The webhook has not read the AppRegistrations, StateStores and Workflows yet.",
        fix="Nothing, it is tried again; if it stays, see the webhook's log and its rights.",
        example="the webhook has not read appregistrations yet. Try again.",
    ),
    codes.WEBHOOK_CERTIFICATE_UNFIT: Explanation(
        seen="At /readyz and in the log of the webhook.",
        cause="The files of the certificate are missing or broken, or the caBundle does not vouch for them.",
        fix="See the log of the operator, which makes certificates and writes the caBundle; or renew your own.",
        example=(
            "the certificate in /certs cannot be used (No such file or directory). See the log of the operator, which "
            "writes it, or renew your own."
        ),
    ),
}
