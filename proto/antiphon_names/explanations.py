"""What the docs and `antiphon explain` say about each code: when it is seen, why, and what to do.

`example` is a text as it is printed, behind the code and its name; a test holds it against the sources. A reserved
code belongs to a later release: nothing prints it yet, and it has no example.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon_names import errors as codes
from antiphon_names.errors import Code


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences about one code; `seen`: where a person meets it, `cause`: what has happened, `fix`: what to do."""

    seen: str
    cause: str
    fix: str
    example: str = ""
    reserved: bool = False


_BETWEEN_APPS = {
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
        fix="Give both apps the same state store.",
        reserved=True,
    ),
    codes.CALL_DENIED: Explanation(
        seen="As the failure of a call.",
        cause="The target app's policy does not let this app call this name.",
        fix="Have the owners of the target app allow it.",
        reserved=True,
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
        reserved=True,
    ),
}

_INSTANCES = {
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
        seen="When an instance is purged.",
        cause="It has not ended.",
        fix="Terminate it first, or purge it with --force.",
        example='instance "order-1" in app "orders" is RUNNING; only a finished instance can be purged. '
        "Terminate it first.",
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
}

_STORE = {
    codes.STORE_UNREACHABLE: Explanation(
        seen="When a host starts, in its log, and as a refused request.",
        cause="The database server or the disk does not answer.",
        fix="Bring it back; a host that runs goes on by itself then, and has acknowledged nothing meanwhile.",
        example="/srv/state.db does not answer (disk I/O error)",
    ),
    codes.STORE_TOO_NEW: Explanation(
        seen="When a host starts.",
        cause="A newer release has written the store; this one changed nothing.",
        fix="Run the newer release, or name another file or schema.",
        example=(
            "/srv/state.db has schema 9, this release knows schemas up to 4; nothing was changed. Run the newer "
            "release, or name another file."
        ),
    ),
    codes.STORE_DAMAGED: Explanation(
        seen="When a host starts, or when a damaged page is met.",
        cause="The file or schema is another program's, or its pages do not fit together.",
        fix="Put a backup in its place, or name another file.",
        example=(
            "/srv/state.db is damaged or no SQLite file (file is not a database). Put a backup in its place, or move "
            "the file and its -wal and -shm away to begin with an empty store."
        ),
    ),
    codes.STORE_NOT_WRITABLE: Explanation(
        seen="When a host starts.",
        cause="The user that runs the host lacks rights.",
        fix="Give this user write access to the file and its folder, or the rights that the text names.",
        example=(
            "/srv/state.db cannot be opened for writing (attempt to write a readonly database). This user needs "
            "write access to the file and to the folder /srv."
        ),
    ),
    codes.STORE_URL_INVALID: Explanation(
        seen="When a command or a host reads where the store is.",
        cause="The URL names no kind of store.",
        fix="Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
        example='"mysql://db/antiphon" names no kind of store. Use sqlite:///FILE or postgresql://USER@HOST/DATABASE.',
    ),
    codes.STORE_FULL: Explanation(
        seen="In the host's log and as a refused request.",
        cause="The disk or the database has no space left.",
        fix="Make space; work goes on by itself then.",
        example="no space is left for /srv/state.db; work goes on as soon as there is some (database or disk is full)",
    ),
}

_COORDINATION = {
    codes.HOST_RUNNING: Explanation(
        seen="When a host starts.",
        cause="Another process serves the same store.",
        fix="Join it with `antiphon run --app APP -- COMMAND`, end it, or choose another store.",
        example=(
            "process 4711 on this machine already holds the store sqlite:///state.db. Join it (its socket is "
            "/srv/state.db.sock), end it, or choose another store."
        ),
    ),
    codes.ETCD_UNREACHABLE: Explanation(
        seen="In a sidecar's log, and where `antiphon why` is asked.",
        cause="Calls to etcd fail; what this replica owns stays its own, and nothing new is claimed.",
        fix="Bring etcd back; work goes on by itself, and went on meanwhile for all that had an owner.",
        reserved=True,
    ),
    codes.PEER_MISTAKEN: Explanation(
        seen="In the log of a sidecar, for a moment.",
        cause="An address was given to another replica, and the caller has not heard of it yet.",
        fix="Nothing: the caller's view will be right as soon as etcd tells it.",
        example=(
            '"orders-1" means replica "payments-1" of namespace "default", but this is "payments-2" of "default". Its '
            "view will be right as soon as etcd tells it."
        ),
    ),
    codes.PEER_TOO_DIFFERENT: Explanation(
        seen="In the log of a sidecar.",
        cause="Two replicas run releases that are too far apart.",
        fix="Upgrade one release at a time.",
        example=('"orders-1" (orders) speaks protocols 3 to 4, this replica 1 to 2. Upgrade one release at a time.'),
    ),
    codes.PARTITION_LOST: Explanation(
        seen="As a refused request.",
        cause="Another replica owns the instance now.",
        fix="Try again; the request goes to the new owner.",
        reserved=True,
    ),
}

_WORKERS = {
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
    codes.NOT_SUPPORTED: Explanation(
        seen="As a refused request.",
        cause="The protocol has it and this release does not.",
        fix="Do it another way, which the text names.",
        example="purging by filter is not supported by this release. Purge by instance ID.",
    ),
    codes.VALUE_INVALID: Explanation(
        seen="As the failure of an activity or a workflow, or as an error of the SDK.",
        cause="A value cannot become JSON, or JSON does not fit the type that is declared for it.",
        fix="Return what JSON can say, or declare the type that really comes.",
        example='result of activity "charge" does not fit its type hint at $: int is declared, a string came',
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
        example="contracts.json cannot be written: No such file or directory.",
    ),
    codes.MODULE_INVALID: Explanation(
        seen="By `antiphon replay`; exit code 2.",
        cause="The module cannot be imported, or has no workflow.",
        fix="Name a module that can be imported from here and that defines or imports the workflows.",
        example="shop.flows has no function made with @workflow.define",
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
}

_COMMAND_LINE = {
    codes.SETTING_INVALID: Explanation(
        seen="When a command or a host starts; exit code 2.",
        cause="A flag, an environment variable or a key of a file has a value that cannot be used.",
        fix="Give one of the values that the text accepts, at the place that it names.",
        example='unknown_app is "maybe" (environment variable ANTIPHON_UNKNOWN_APP); accepted: fail or wait.',
    ),
    codes.KEY_UNKNOWN: Explanation(
        seen="When a settings file or a file of apps is read; exit code 2.",
        cause="A key of a YAML file is one that nobody reads.",
        fix="Correct the key in the line that the text names.",
        example=(
            'antiphon.yaml, line 3: unknown key "storre"; the file knows: apps, common, namespace, store, version. '
            'Did you mean "store"?'
        ),
    ),
    codes.APP_ID_INVALID: Explanation(
        seen="When an app is added; exit code 2.",
        cause="The ID has a character that app IDs cannot have, is empty or too long.",
        fix='Choose 1 to 63 letters, digits, ".", "_" or "-".',
        example='"my app" has to be 1-63 letters, digits, ".", "_" or "-".',
    ),
    codes.PORT_IN_USE: Explanation(
        seen="When a host opens its listeners.",
        cause="Another process listens on the port; the text names it where the system tells.",
        fix="End that process, or choose another port.",
        example=(
            'the gRPC listener of app "orders" was to listen on 127.0.0.1:50001, but process 4711 (python orders.py) '
            "does already. End that process, or choose another port."
        ),
    ),
    codes.HOST_NOT_FOUND: Explanation(
        seen="When a command looks for the host it is to ask.",
        cause="No process of this machine serves that store, or it has just ended.",
        fix="Start one, or name the store that it runs with.",
        example=(
            "nothing runs on this machine with the store sqlite:///state.db (no process listens on "
            "/srv/state.db.sock). Start it with: antiphon dev --store sqlite:///state.db\n"
            "If it runs with another store, name that one with --store or ANTIPHON_STORE."
        ),
    ),
    codes.INPUT_INVALID: Explanation(
        seen="When a command reads an input; exit code 2.",
        cause="The input is not JSON, or its file cannot be read.",
        fix="Correct it at the line and column that the text names; a text needs double quotes.",
        example="--input is not JSON: Expecting value at line 1, column 7.",
    ),
    codes.CODE_UNKNOWN: Explanation(
        seen="By `antiphon explain`; exit code 2.",
        cause="No error of this release has the code or name.",
        fix="Look it up in docs/errors.md.",
        example='"AN110" is no code and no name of an error. Did you mean "AN101"? All of them: docs/errors.md.',
    ),
}

EXPLANATIONS: Mapping[Code, Explanation] = MappingProxyType(
    _BETWEEN_APPS | _INSTANCES | _STORE | _COORDINATION | _WORKERS | _COMMAND_LINE
)


def of(number: str) -> Explanation | None:
    """Return what is said about the code of this number, such as AN101."""
    return next((told for code, told in EXPLANATIONS.items() if code.number == number), None)
