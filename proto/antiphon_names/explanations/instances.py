"""What is said about the codes of instances."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

INSTANCES = {
    codes.NON_DETERMINISM: Explanation(
        seen="As the failure of an instance.",
        cause="Its workflow's code has changed under it, or depends on something that differs between runs.",
        fix="Keep the old code for instances that run, or give the new code another name or version.",
        example=(
            'workflow "buy", instance "order-1": history says activity "charge" (#1); the code now asks for activity '
            '"refund" (#1). The workflow\'s code has changed since this instance started, or it depends on something '
            "that differs between runs (clock, randomness, environment). The instance fails. Keep the old code for "
            "instances that run, or give the new code another name."
        ),
    ),
    codes.VERSION_NOT_AVAILABLE: Explanation(
        seen="In `antiphon why` of an instance that has stalled.",
        cause="The instance is pinned to a version of its workflow that no connected worker has.",
        fix="Deploy a worker that has the version; the instance is tried again whenever a worker connects.",
        example=(
            'workflow "buy" runs in version "v1"; the worker that was asked does not have it. The instance waits for a '
            "worker that has it. Deploy one, or terminate the instance."
        ),
    ),
    codes.INSTANCE_ID_IN_USE: Explanation(
        seen="When an instance or a child workflow is started.",
        cause="An active instance of the app has this ID already, or any, where the start asked for a new one.",
        fix="Choose another ID, or wait for the other run to end. A repeated start is often just a repeat: look first.",
        example=(
            "an active workflow with ID 'order-1' already exists in app \"orders\". Choose another ID, or wait until "
            "that run has ended."
        ),
    ),
    codes.PAYLOAD_TOO_LARGE: Explanation(
        seen="As a refused request, or as the failure of an activity or a workflow.",
        cause="One input, output or event is larger than `limits.payload_size_max`.",
        fix="Store large data elsewhere and pass a reference, or raise the limit in the settings.",
        example=(
            "the activity's result has 5000002 bytes, the limit is 4194304. Store large data elsewhere and pass a "
            "reference, or raise limits.payload_size_max in the sidecar's settings."
        ),
    ),
    codes.HISTORY_TOO_LARGE_FOR_WORKER: Explanation(
        seen="In `antiphon why` of an instance that has stalled.",
        cause="The history has grown beyond what the workers can receive in one message.",
        fix="Let the worker's SDK receive more and say so in limits.worker_message_size_max; continue as new earlier.",
        example=(
            'the history of this instance of workflow "buy" has 5242880 bytes and its workers receive at most 4194304 '
            "in one message. It waits for a worker that receives more. Let the worker's SDK receive more and say so in "
            "the sidecar's setting limits.worker_message_size_max, or terminate the instance; use continue-as-new to "
            "keep histories short."
        ),
    ),
    codes.INSTANCE_POISONED: Explanation(
        seen="In `antiphon why` of an instance that has stalled.",
        cause="Workers were lost again and again while they had the same turn.",
        fix="Find out in the workers' logs why they die, fix that, and resume the instance; or terminate it.",
        example=(
            '10 times in a row a worker was lost while it had this turn of workflow "buy"; the instance is set aside, '
            "the others go on. Find out in the worker's log why it dies, then run `antiphon workflow resume order-1` "
            "for 10 more tries, or terminate the instance."
        ),
    ),
    codes.PATCH_MISMATCH: Explanation(
        seen="In `antiphon why` of an instance that has stalled.",
        cause="The code of the worker that was asked lacks a patch that the instance went through, or has another.",
        fix="Deploy a worker whose code has the patches, in the order that the text names.",
        example=(
            'the history of this instance went through the patches "fees"; the worker\'s code of workflow "buy" went '
            "through none. The instance waits for a worker whose code has them, in this order. Deploy one, or "
            "terminate the instance."
        ),
    ),
    codes.INSTANCE_NOT_FOUND: Explanation(
        seen="When an instance is asked for, or is sent an event.",
        cause="No instance of this app has the ID; an event also finds none that has finished.",
        fix="Check the ID and the app; `antiphon workflow list` shows what there is.",
        example=(
            'no such instance exists: "order-1" in app "orders" is unknown or has finished. Check the ID and the app; '
            "`antiphon workflow list` shows what there is."
        ),
    ),
    codes.INSTANCE_NOT_FINISHED: Explanation(
        seen="When an instance is purged or run again.",
        cause="It has not ended.",
        fix="Terminate it first, or purge it with --force.",
        example='instance "order-1" in app "orders" is RUNNING; only a finished instance can be purged '
        "or run again. Terminate it first.",
    ),
    codes.ACTION_NOT_SUPPORTED: Explanation(
        seen="As the failure of an instance.",
        cause="Its SDK let the workflow ask for something that this release does not carry out.",
        fix="Do it from an activity, with a client, instead.",
        example=(
            "the workflow asked for sendEvent (id 3), which this release does not carry out. Raise events through a "
            "client from an activity instead."
        ),
    ),
    codes.EVENT_NOT_FOUND: Explanation(
        seen="When an instance is run again from an event.",
        cause="The history of its latest generation has no activity, child or timer of this number.",
        fix="Take one of the numbers that the text names, or run the instance again from its start.",
        example=(
            'instance "order-1" in app "orders" cannot be run again like this: it has no event 9 to go on from; it '
            'has: 0 (activity "charge"), 1 (child "ship"). Name one of these.'
        ),
    ),
    codes.HISTORY_NOT_PROPAGATED: Explanation(
        seen="As the failure of a call that hands a history on.",
        cause="The call hands a history to another app, or hands on more than the workflow's own.",
        fix="Hand on the workflow's own history inside its app, or pass what the other side needs as input.",
        example=(
            'workflow "buy" (orders) calls "charge" and hands on its own history to app "payments", but a history '
            "stays inside its app: it holds inputs and results of others. Pass what the other app needs as input."
        ),
    ),
}
