"""What is said about the codes of calls between apps."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

CALLS = {
    codes.ACTIVITY_NOT_REGISTERED: Explanation(
        seen="As the failure of a call, and in `antiphon why` while a rollout may still bring the name.",
        cause="Workers of the target app are connected and none of them offers an activity of this name.",
        fix="Fix the name where it is called, or register the activity in the target app.",
        example=(
            'instance "order-1" (orders) calls activity "chargee" in app "payments"; payments offers: charge, refund '
            '(2 workers). Did you mean "charge"? The call fails, and is tried again only by a retry policy. Fix the '
            "name in orders, or register it in payments."
        ),
    ),
    codes.WORKFLOW_NOT_REGISTERED: Explanation(
        seen="As the failure of an instance or of a child workflow, and in `antiphon why`.",
        cause="Workers of the app are connected and none of them offers a workflow of this name.",
        fix="Fix the name where it is started, or register the workflow in the app.",
        example=(
            'instance "order-1" (orders) is to run workflow "bye", but orders offers: buy, refund. Did you mean '
            '"buy"? The instance has failed. Fix the name where it is started, or register it in orders.'
        ),
    ),
    codes.TARGET_APP_NOT_FOUND: Explanation(
        seen="As the failure of a call after the grace (`unknown_app_grace`), and in `antiphon why` before.",
        cause="No app of this ID was ever seen with this namespace and this store.",
        fix="Fix the app ID, or start that app with the same namespace and state store.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "paymints", but no app of that ID was ever '
            'seen here; known apps: orders, payments. Did you mean "payments"? The call fails, and is tried again '
            "only by a retry policy. Fix the app ID, or start that app with the same namespace and state store."
        ),
    ),
    codes.TARGET_APP_UNAVAILABLE: Explanation(
        seen="In `antiphon why` while a call waits; as its failure only after a schedule-to-start timeout.",
        cause="The target app was seen before, and no worker of it is connected now.",
        fix="Start the target app; the call waits for it and nothing is lost. Or allow more time.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", which had no worker free for it '
            "within its schedule-to-start timeout. Start payments, or allow more time."
        ),
    ),
    codes.NAMESPACE_MISMATCH: Explanation(
        seen="As the failure of a call, and as a refused request.",
        cause="The call or request names an app of another namespace.",
        fix="Deploy the app in the caller's namespace, or leave the namespace out.",
        example=(
            'the call names app "payments" in namespace "shop", but calls stay inside their own, "default". Deploy '
            "the app there, or drop the namespace."
        ),
    ),
    codes.STATE_STORE_MISMATCH: Explanation(
        seen="As the failure of a call.",
        cause="The target app keeps its state in another store, so that one commit cannot hold both sides.",
        fix="Give both apps the same state store. A copied database has its own rows, and counts as another one.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", but the sidecars of payments keep '
            "their state in another store than those of orders, so that one commit cannot hold both sides. The call "
            "fails for good. Give both apps the same state store; two databases are two stores, also when one is a "
            "copy of the other."
        ),
    ),
    codes.CALL_DENIED: Explanation(
        seen="As the failure of a call, and as the reason of a Workflow's conditions Ready and CallsAllowed.",
        cause="The target app's policy does not let this app call this name.",
        fix="Have the owners of the target app allow it.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", which takes calls only from: '
            "shipping. The call fails for good. Let allowFrom of the AppRegistration of payments name orders."
        ),
    ),
    codes.SCHEMA_MISMATCH: Explanation(
        seen="In tests with fakes that are checked against contracts.",
        cause="Caller and target declare schemas that do not fit each other, or a value does not fit what is declared.",
        fix="Agree on one schema, and deploy the side that is behind.",
        example=(
            'result of activity "charge" in app "payments", as the fake gives it, does not fit its contract '
            "(contracts.json) at $: 42 is not of type 'string'"
        ),
    ),
    codes.REGISTRY_NOT_SYNCED: Explanation(
        seen="In `antiphon why`.",
        cause="The operator has not yet written which apps there are.",
        fix="Look whether the operator runs; calls wait meanwhile.",
        example=(
            'activity "charge" (#1) in app "payments" waits: the operator has not yet written what it knows of '
            "payments into the registry, so that nobody can tell whether the name is right. It goes on when that is "
            "written. Look whether the operator runs, and reaches etcd."
        ),
    ),
    codes.CONCURRENCY_LIMITED: Explanation(
        seen="In `antiphon why` while an activity or a new run waits.",
        cause="As many activities or workflows of this name run in the app as its limit allows.",
        fix="Wait, for it begins when one of them ends; or raise the limit under `concurrency` in the settings.",
        example=(
            'activity "charge" (#1) in app "payments" waits: as many of that name run in payments as its limit '
            "allows. It begins when one of them ends; raise the limit in the configuration of payments if it is too "
            "low."
        ),
    ),
    codes.ACTIVITY_START_TO_CLOSE_TIMED_OUT: Explanation(
        seen="As the failure of a call that has a start-to-close timeout.",
        cause="A worker had the attempt for longer than that timeout and has not returned a result.",
        fix="Allow more time, or find out what the activity waits for.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", and attempt 1 had no result within '
            "its start-to-close timeout of 30 s. The activity is told to stop, and what it still returns has no "
            "effect. The call fails, and is tried again only by a retry policy. Allow more time, or find out what the "
            "activity waits for."
        ),
    ),
    codes.ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT: Explanation(
        seen="As the failure of a call that has a schedule-to-close timeout.",
        cause="The call had no result within that timeout, which counts waiting, running and attempts after a crash.",
        fix="Allow more time, or find out what it waited for: workers, a limit, or the activity's own work.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", which had no result within its '
            "schedule-to-close timeout of 60 s. The activity is told to stop, and what it still returns has no effect. "
            "The call fails, and is tried again only by a retry policy. Allow more time, or find out what it waited "
            "for."
        ),
    ),
    codes.ACTIVITY_HEARTBEAT_TIMED_OUT: Explanation(
        seen="As the failure of a call that has a heartbeat timeout.",
        cause="The activity gave no sign of life for longer than that timeout: it hangs, or does not call heartbeat().",
        fix="Call activity.heartbeat() more often than the timeout, or allow more time.",
        example=(
            'instance "order-1" (orders) calls activity "charge" in app "payments", and attempt 1 gave no sign of life '
            "within its heartbeat timeout of 10 s. The activity is told to stop, and what it still returns has no "
            "effect. The call fails, and is tried again only by a retry policy. Call activity.heartbeat() more often, "
            "or allow more time."
        ),
    ),
}
