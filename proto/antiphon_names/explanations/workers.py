"""What is said about the codes of workers and the app-facing API."""

from antiphon_names import errors as codes
from antiphon_names.explanations.base import Explanation

WORKERS = {
    codes.WORKER_NOT_CONNECTED: Explanation(
        seen="In `antiphon why`.",
        cause="The instance's own app has no worker that could take its next step.",
        fix="Start the app; the instance goes on when a worker connects.",
        example=(
            'workflow "buy" needs app "orders" for its next step, but no worker of it is connected; it last offered: '
            "buy, refund. Nothing is lost; it goes on when a worker connects. Start the app."
        ),
    ),
    codes.TOKEN_WRONG: Explanation(
        seen="As a refused request of a client or worker.",
        cause="The sidecar requires an API token, and the app sends none or another.",
        fix="Set DAPR_API_TOKEN in the app to the token that its sidecar was given.",
        example=(
            "the metadata key dapr-api-token is missing or wrong. Set DAPR_API_TOKEN in the app to the token that its "
            "sidecar was given."
        ),
    ),
    codes.REQUEST_INVALID: Explanation(
        seen="As a refused request, or as the failure of an instance whose worker answered so.",
        cause="A field is missing, too long or cannot be read.",
        fix="Correct what the text names; if an SDK made it, update that SDK.",
        example="the request names no workflow. Set its name.",
    ),
    codes.SIDECAR_DRAINING: Explanation(
        seen="As a refused request, for a moment.",
        cause="The sidecar is shutting down.",
        fix="Try again: another one takes over.",
        example="this sidecar is shutting down. Try again: another one takes over.",
    ),
    codes.SIDECAR_STARTING: Explanation(
        seen="As a refused request, for a moment.",
        cause="The sidecar has been started and has not opened its store or not read the registry yet.",
        fix="Try again; if it lasts, look into the sidecar's log for what it waits for.",
        example='the sidecar of app "orders" is starting. Try again in a moment; if it lasts, its log says why.',
    ),
    codes.NOT_SUPPORTED: Explanation(
        seen="As a refused request.",
        cause="The protocol has it and this release does not.",
        fix="Do it another way, which the text names.",
        example='a sidecar serves one app. Start another one for "orders": antiphon sidecar --app orders.',
    ),
    codes.VALUE_INVALID: Explanation(
        seen="As the failure of an activity or a workflow, or as an error of the SDK.",
        cause="A value cannot become JSON, or JSON does not fit the type that is declared for it.",
        fix="Return what JSON can say, or declare the type that really comes.",
        example=(
            'result of activity "charge" does not fit its type hint at $: int is declared, a string came. Declare what '
            "really comes, or send what is declared."
        ),
    ),
    codes.WORKFLOW_RULE_BROKEN: Explanation(
        seen="As the failure of an instance.",
        cause="Workflow code awaited or called something that a replay cannot repeat.",
        fix="Use what the text names instead; I/O belongs into activities.",
        example=(
            'workflow "buy" awaited asyncio.sleep; its code runs again on replay and may wait for workflow tasks '
            "only. Use ctx.sleep(...) instead."
        ),
    ),
    codes.HISTORY_INVALID: Explanation(
        seen="When a recorded history is replayed.",
        cause="The file is no history, or one of a workflow that is not there.",
        fix="Write it with `antiphon workflow history ID -o json`, and name the module that has its workflow.",
        example=(
            "order-1.json is not JSON (Expecting value: line 1 column 1 (char 0)); write it with: antiphon workflow "
            "history ID -o json"
        ),
    ),
    codes.PAYLOAD_NOT_DECODED: Explanation(
        seen="As the failure of an activity or a workflow, or as an error of the SDK.",
        cause="A value was encoded by a codec that this worker or client does not have, or that cannot read it.",
        fix="Give the codec to this Worker or Client: codecs=[...].",
        example=(
            'result of activity "charge" was encoded with "aes"; known here: zlib. Give the codec to this Worker or '
            "Client: codecs=[...]"
        ),
    ),
    codes.CONTRACT_INVALID: Explanation(
        seen="When a test reads a file of contracts.",
        cause="The file cannot be read, or does not hold the app or name.",
        fix="Write it again with `antiphon apps export`, or correct the app or name.",
        example="contracts.json cannot be written: No such file or directory. Name another file.",
    ),
    codes.MODULE_INVALID: Explanation(
        seen="By `antiphon replay`; exit code 2.",
        cause="The module cannot be imported, or has no workflow.",
        fix="Name a module that can be imported from here and that defines or imports the workflows.",
        example="shop.flows has no function made with @workflow.define. Name the module with them.",
    ),
    codes.METHOD_UNKNOWN: Explanation(
        seen="As a refused call of a program that speaks another protocol.",
        cause="A client or worker of something else, or of a much newer SDK, reached this port.",
        fix="Point that program to its own server, or update Antiphon.",
        example=(
            "this port serves Dapr's workflow protocol (TaskHubSidecarService) and Antiphon's own, which have no "
            '"/temporal.api.workflowservice.v1.WorkflowService/PollWorkflowTaskQueue". Nothing was done. Point that '
            "program to its own server; if it is an SDK for Dapr Workflow, it is newer than this release."
        ),
    ),
    codes.ACTIVITY_CANCELLED: Explanation(
        seen="As the exception in an activity, by `activity.heartbeat()` or where an `async def` activity waits.",
        cause="Nobody waits for its result any more: its workflow has ended, or one of its timeouts is over.",
        fix="Let it pass and end the activity; undo what was begun, if need be.",
        example='nobody waits for activity "charge" any more: end it',
    ),
}
