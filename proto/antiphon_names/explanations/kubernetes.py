"""What is said about the codes of resources on Kubernetes."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

KUBERNETES = {
    codes.APP_ID_CONFLICT: Explanation(
        seen="As the reason of an AppRegistration's condition Ready.",
        cause="Two AppRegistrations of a namespace have one app ID; the younger one counts for nothing.",
        fix="Delete one of the two, or give the younger one another app ID by making it anew.",
        example=(
            'app ID "payments" belongs to AppRegistration payments, which is older, so this one counts for nothing. '
            "Delete one of the two, or give this one another spec.appId."
        ),
    ),
    codes.PODS_WITHOUT_SIDECAR: Explanation(
        seen="As the reason of an AppRegistration's conditions Ready and SidecarInjected.",
        cause="Pods that the registration selects were made without asking for a sidecar.",
        fix="Label the pods' template, or the namespace, with antiphon.dev/inject=true, and restart the pods.",
        example=(
            "1 of 3 pods of payments run without the sidecar: payments-7d4b9-x2x1x. Their workers reach nobody. Set "
            "the label antiphon.dev/inject=true on pods or namespace, and restart them."
        ),
    ),
    codes.ETCD_CREDENTIALS_MISSING: Explanation(
        seen="As the reason of an AppRegistration's conditions Ready and SidecarInjected.",
        cause=(
            "The chart's etcd.external.credentialsSecret names a Secret, which every namespace of apps must have: the "
            "operator copies none. Pods with a sidecar stay in ContainerCreating."
        ),
        fix="Create the Secret in the namespace, with the keys that docs/kubernetes/injection.md lists.",
        example=(
            'namespace "shop" has no Secret "antiphon-etcd", with which sidecars reach etcd: pods of payments with a '
            "sidecar cannot start. Create it in this namespace; they start then."
        ),
    ),
    codes.WORKFLOW_SUSPENDED: Explanation(
        seen="As the refusal of a start.",
        cause="The Workflow resource of this name has spec.suspend set; instances under way go on.",
        fix="Set spec.suspend to false.",
        example=(
            'Workflow process-order admits no new instances of "process_order" (orders): spec.suspend is true. Set it '
            "to false."
        ),
    ),
    codes.WORKFLOW_MISSING: Explanation(
        seen="As the reason of a WorkflowRun's condition Started, or of a WorkflowSchedule's condition Ready.",
        cause="The object's spec.workflowRef names a Workflow that the namespace does not have.",
        fix="Create the Workflow; a run that waits starts then. A run's workflowRef cannot change: make another one.",
        example=(
            'this namespace has no Workflow "process-ordr"; it has process-order, ship. Did you mean '
            '"process-order"? It goes on as soon as there is one. Create it.'
        ),
    ),
    codes.SIDECARS_SILENT: Explanation(
        seen="As the reason of a WorkflowRun's conditions, while its instance cannot be asked about.",
        cause="Sidecars are registered, and none of them answers the operator at its peer port.",
        fix="Look whether a network policy keeps the operator from the sidecars' peer port, and into a sidecar's log.",
        example=(
            "none of the sidecars of app orders' state store answers: 10.0.0.7:50002: UNAVAILABLE failed to connect. "
            "The instance does not depend on it. Look whether the operator reaches their peer ports; it asks again."
        ),
    ),
    codes.RUN_REFUSED: Explanation(
        seen="As the reason of a WorkflowSchedule's condition Ready.",
        cause="A tick's WorkflowRun was refused when it was created: by a quota, a policy, or for its input.",
        fix="Correct what the message names; the last tick is made up for then, within spec.startingDeadlineSeconds.",
        example=(
            "WorkflowRun nightly-29500000 could not be created: 403 exceeded quota: runs. Correct what that names; "
            "it is tried again, and the last tick is made up for."
        ),
    ),
}
