"""What `antiphon workflow ...` asks of a host and how it ends."""

import json
import time

import grpc
import pytest
import yaml
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon import codec
from antiphon._payloads import Marker, Payloads
from antiphon_names.errors import INSTANCE_ID_IN_USE
from antiphon_proto.v1 import client_pb2, control_pb2, history_pb2
from tests.unit.cli.scripted_host import Answer, apps, failed, scripted, state

STARTED = client_pb2.CreateInstanceResponse(instance_id="i1")
STALLED = history_pb2.INSTANCE_STATUS_STALLED
RUNNING = history_pb2.INSTANCE_STATUS_RUNNING


def refusing(status: grpc.StatusCode, text: str) -> Answer:
    def refuse(request, context):
        context.abort(status, text)

    return refuse


def per_app(answers: dict[str, client_pb2.GetInstanceResponse]) -> Answer:
    missing = client_pb2.GetInstanceResponse(exists=False)
    return lambda request, context: answers.get(request.router.target_app_id, missing)


def test_start_prints_the_id_alone_and_hands_over_the_input_as_written():
    with scripted({"StartInstance": STARTED}) as antiphon:
        done = antiphon("workflow", "start", "buy", "--app", "orders", "--input", '{"total": 1.10}', "--id", "i1")
        request = antiphon.asked.only("StartInstance")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "i1\n", "")
    assert (request.name, request.input.value, request.instance_id) == ("buy", '{"total": 1.10}', "i1")
    assert request.router.target_app_id == "orders"


def test_start_gives_each_instance_an_id_of_its_own():
    def echo(request, context):
        return client_pb2.CreateInstanceResponse(instance_id=request.instance_id)

    with scripted({"StartInstance": echo}) as antiphon:
        ids = {antiphon("workflow", "start", "buy", "--app", "orders").stdout for _ in range(2)}
    assert len(ids) == 2
    assert all(len(line) == 21 for line in ids)


def test_start_needs_no_app_where_only_one_runs():
    with scripted({"StartInstance": STARTED, "ListApps": apps("orders")}) as antiphon:
        antiphon("workflow", "start", "buy")
        assert antiphon.asked.only("StartInstance").router.target_app_id == "orders"


def test_start_names_the_apps_where_several_run():
    with scripted({"StartInstance": STARTED, "ListApps": apps("orders", "payments")}) as antiphon:
        done = antiphon("workflow", "start", "buy")
    assert done.exit_code == 2
    assert "serves orders, payments; say which app with --app." in done.stderr


def test_run_prints_the_output_on_stdout_and_all_else_on_stderr():
    answers = {
        "StartInstance": STARTED,
        "GetInstance": state("RUNNING"),
        "WaitForInstanceCompletion": state("COMPLETED", output='{"sum": 1.10}'),
    }
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "run", "buy", "--app", "orders", "--input", "42")
    assert (done.exit_code, done.stdout) == (0, '{"sum": 1.10}\n')
    assert done.stderr == 'Instance i1 of workflow "buy" started in orders.\n'


def test_run_prints_null_for_a_workflow_without_output():
    answers = {
        "StartInstance": STARTED,
        "GetInstance": state("RUNNING"),
        "WaitForInstanceCompletion": state("COMPLETED"),
    }
    with scripted(answers) as antiphon:
        assert antiphon("workflow", "run", "buy", "--app", "orders").stdout == "null\n"


def test_run_exits_with_1_when_the_workflow_failed():
    answers = {
        "StartInstance": STARTED,
        "GetInstance": state("RUNNING"),
        "WaitForInstanceCompletion": failed("ValueError", "no such card"),
    }
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "run", "buy", "--app", "orders")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.endswith('Instance "i1" (orders) ended FAILED: ValueError: no such card\n')


def test_run_says_what_the_instance_waits_for_when_time_is_up():
    waiting = control_pb2.WaitingOn(reason="TargetAppUnavailable", message="AN104 TargetAppUnavailable: payments")

    def block(request, context):
        refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "late")(request, context)

    answers = {
        "StartInstance": STARTED,
        "GetInstance": state("RUNNING"),
        "WaitForInstanceCompletion": block,
        "Why": control_pb2.WhyResponse(exists=True, status=RUNNING, waiting_on=[waiting]),
    }
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "run", "buy", "--app", "orders", "--timeout", "100ms")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[1:] == [
        'Instance "i1" (orders) is not finished after 0.1s: RUNNING. It waits for:',
        "  AN104 TargetAppUnavailable: payments",
        "It goes on. Wait again with: antiphon workflow wait i1 --app orders",
    ]


def test_wait_goes_on_while_the_host_is_restarted():
    answers = [
        refusing(grpc.StatusCode.UNAVAILABLE, "AN504 SidecarDraining: this sidecar is shutting down."),
        lambda request, context: state("COMPLETED", output="7"),
    ]
    with scripted(
        {
            "ListApps": apps("orders"),
            "GetInstance": state("RUNNING"),
            "WaitForInstanceCompletion": lambda request, context: answers.pop(0)(request, context),
        }
    ) as antiphon:
        done = antiphon("workflow", "wait", "i1")
    assert (done.exit_code, done.stdout) == (0, "7\n")
    assert done.stderr.startswith("AN504 SidecarDraining: this sidecar is shutting down.\nWaiting for it")


def test_a_refusal_is_shown_as_its_text():
    text = f"{INSTANCE_ID_IN_USE}: an active workflow with ID 'i1' already exists"
    with scripted({"StartInstance": refusing(grpc.StatusCode.ALREADY_EXISTS, text)}) as antiphon:
        done = antiphon("workflow", "start", "buy", "--app", "orders", "--id", "i1")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"{text}\n")


def test_get_finds_the_only_app_that_has_the_instance():
    answers = {"ListApps": apps("orders", "payments"), "GetInstance": per_app({"payments": state("RUNNING")})}
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "get", "i1", "-o", "json")
    assert json.loads(done.stdout) == {"app": "payments", "id": "i1", "workflow": "buy", "status": "RUNNING"}


def test_get_asks_which_app_when_two_have_the_instance():
    both = per_app({"orders": state("RUNNING"), "payments": state("RUNNING")})
    with scripted({"ListApps": apps("orders", "payments"), "GetInstance": both}) as antiphon:
        done = antiphon("workflow", "get", "i1")
    assert done.exit_code == 2
    assert 'orders and payments both have an instance "i1"; say which with --app.' in done.stderr


def test_get_says_where_it_looked_for_an_unknown_instance():
    with scripted({"ListApps": apps("orders", "payments"), "GetInstance": per_app({})}) as antiphon:
        done = antiphon("workflow", "get", "nope")
    assert done.exit_code == 1
    assert done.stderr == (
        'AN207 InstanceNotFound: no instance "nope" exists in the apps that are known here: orders, payments. '
        "See what exists with: antiphon workflow list\n"
    )


def test_get_shows_fields_and_leaves_out_what_there_is_not():
    with scripted({"GetInstance": state("COMPLETED", input="42", output='"receipt"')}) as antiphon:
        done = antiphon("workflow", "get", "i1", "--app", "orders")
    assert done.stdout.splitlines() == [
        "app       orders",
        "id        i1",
        "workflow  buy",
        "status    COMPLETED",
        "input     42",
        'output    "receipt"',
    ]


def test_get_shows_encoded_values_as_far_as_they_can_be_read():
    packed = Payloads([codec.Zlib(threshold_bytes=1)]).encode('"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"')
    sealed = Marker("fernet", b"123").text()
    with scripted({"GetInstance": state("COMPLETED", input=packed, output=sealed)}) as antiphon:
        done = antiphon("workflow", "get", "i1", "--app", "orders")
        value = antiphon("workflow", "get", "i1", "--app", "orders", "-o", "json")
    assert done.stdout.splitlines()[-2:] == [
        'input     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
        'output    <3 bytes, encoded with "fernet">',
    ]
    assert json.loads(value.stdout)["output"] == {"antiphon/codec": "fernet", "data": "MTIz"}


def test_get_and_list_say_why_an_instance_is_stalled():
    found = state("STALLED")
    found.workflow_state.waiting_on = "PatchMismatch"
    summary = control_pb2.InstanceSummary(
        app_id="orders", instance_id="i1", name="buy", status=STALLED, waiting_on="PatchMismatch"
    )
    listed = control_pb2.ListInstancesResponse(instances=[summary])
    with scripted({"GetInstance": found, "ListInstances": listed}) as antiphon:
        shown = antiphon("workflow", "get", "i1", "--app", "orders")
        line = antiphon("workflow", "list").stdout.splitlines()[1]
        value = json.loads(antiphon("workflow", "list", "-o", "json").stdout)
    assert "waiting on  PatchMismatch" in shown.stdout.splitlines()
    assert line.split() == ["orders", "i1", "buy", "STALLED", "(PatchMismatch)"]
    assert (value[0]["status"], value[0]["waitingOn"]) == ("STALLED", "PatchMismatch")


def test_get_shows_yaml():
    with scripted({"GetInstance": state("COMPLETED", output='{"a": [1]}')}) as antiphon:
        done = antiphon("workflow", "get", "i1", "--app", "orders", "-o", "yaml")
    assert yaml.safe_load(done.stdout)["output"] == {"a": [1]}


def pages(request: control_pb2.ListInstancesRequest, context) -> control_pb2.ListInstancesResponse:
    number = int(request.continuation_token or "0")
    summary = control_pb2.InstanceSummary(app_id="orders", instance_id=f"i{number}", name="buy", status=RUNNING)
    return control_pb2.ListInstancesResponse(instances=[summary], continuation_token=str(number + 1))


def test_list_reads_page_after_page_up_to_its_limit():
    with scripted({"ListInstances": pages}) as antiphon:
        done = antiphon("workflow", "list", "--limit", "2", "--status", "running", "--name", "buy")
        request = antiphon.asked.calls[0][1]
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["APP", "ID", "WORKFLOW", "STATUS", "CREATED"],
        ["orders", "i0", "buy", "RUNNING"],
        ["orders", "i1", "buy", "RUNNING"],
    ]
    assert done.stderr == "There are more than these 2; see more with --limit, or all with --all.\n"
    assert (request.name, list(request.statuses)) == ("buy", [RUNNING])


def test_list_hands_over_all_that_instances_are_found_by():
    words = "--tag region=eu --tag plan=a=b --since 2026-11-23T05:29:48Z --until 2026-11-24 --ended-since 1970-01-02"
    words += " --ended-until 2026-11-24T00:00:00+01:00 --prefix order- --parent p1 --parent-app shop --roots"
    words += " --waiting-on AN202 --waiting-for-app payments --app orders"
    with scripted({"ListInstances": control_pb2.ListInstancesResponse()}) as antiphon:
        done = antiphon("workflow", "list", *words.split())
        request = antiphon.asked.only("ListInstances")
    assert done.exit_code == 0, done.stderr
    assert request == control_pb2.ListInstancesRequest(
        app_id="orders",
        page_size=200,
        tags={"region": "eu", "plan": "a=b"},
        created_from=Timestamp(seconds=1795411788),
        created_until=Timestamp(seconds=1795478400),
        completed_from=Timestamp(seconds=86400),
        completed_until=Timestamp(seconds=1795474800),
        id_prefix="order-",
        parent_app_id="shop",
        parent_instance_id="p1",
        roots=True,
        waiting_on="VersionNotAvailable",
        waiting_for_app_id="payments",
    )


def test_list_counts_a_duration_back_from_now():
    with scripted({"ListInstances": control_pb2.ListInstancesResponse()}) as antiphon:
        before = time.time_ns()
        antiphon("workflow", "list", "--since", "1h")
        request = antiphon.asked.only("ListInstances")
    hour = 3600 * 10**9
    assert before - hour <= request.created_from.ToNanoseconds() <= time.time_ns() - hour


def test_list_reads_on_behind_pages_that_hold_nothing():
    answers = [pages_end("next"), pages_end("last"), pages_end("", "i9")]

    def answer(request, context):
        return answers.pop(0)

    with scripted({"ListInstances": answer}) as antiphon:
        done = antiphon("workflow", "list", "--all", "-o", "json")
        tokens = [request.continuation_token for _, request in antiphon.asked.calls]
    assert ([each["id"] for each in json.loads(done.stdout)], done.stderr) == (["i9"], "")
    assert len(tokens) == 3


def pages_end(token: str, *ids: str) -> control_pb2.ListInstancesResponse:
    found = [control_pb2.InstanceSummary(app_id="orders", instance_id=each) for each in ids]
    return control_pb2.ListInstancesResponse(instances=found, continuation_token=token)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param(["--tag", "region"], '"region" is not NAME=VALUE', id="tag"),
        pytest.param(["--tag", "a=1", "--tag", "a=2"], '--tag gives "a" two values, "1" and "2"', id="two values"),
        pytest.param(["--since", "soon"], '"soon" is neither a time such as', id="time"),
        pytest.param(["--waiting-on", "VersionNotAvailble"], 'Did you mean "VersionNotAvailable"?', id="code"),
        pytest.param(["--parent-app", "shop"], "--parent-app says in which app --parent ID is", id="parent"),
    ],
)
def test_list_refuses_what_it_does_not_understand(words: list[str], text: str):
    with scripted({}) as antiphon:
        done = antiphon("workflow", "list", *words)
        assert antiphon.asked.calls == []
    assert done.exit_code == 2
    assert text in done.stderr


def test_raise_hands_over_the_event():
    answers = {"GetInstance": state("RUNNING"), "RaiseEvent": client_pb2.RaiseEventResponse()}
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "raise", "i1", "approval", "--app", "orders", "--input-file", "-", input="true")
        request = antiphon.asked.only("RaiseEvent")
    assert done.exit_code == 0
    assert (request.instance_id, request.name, request.input.value) == ("i1", "approval", "true")


@pytest.mark.parametrize(
    ("words", "method", "response"),
    [
        pytest.param(["suspend"], "SuspendInstance", client_pb2.SuspendResponse(), id="suspend"),
        pytest.param(["resume"], "ResumeInstance", client_pb2.ResumeResponse(), id="resume"),
        pytest.param(["terminate"], "TerminateInstance", client_pb2.TerminateResponse(), id="terminate"),
        pytest.param(
            ["purge"], "PurgeInstances", client_pb2.PurgeInstancesResponse(deleted_instance_count=1), id="purge"
        ),
    ],
)
def test_steering_names_instance_and_app(words, method, response):
    with scripted({"GetInstance": state("RUNNING"), method: response}) as antiphon:
        done = antiphon("workflow", *words, "i1", "--app", "orders")
        request = antiphon.asked.only(method)
    assert done.exit_code == 0
    assert (request.instance_id, request.router.target_app_id) == ("i1", "orders")


@pytest.mark.parametrize("flag", ["--recursive", "--not-recursive"])
def test_terminate_reaches_children_unless_told_otherwise(flag):
    with scripted({"TerminateInstance": client_pb2.TerminateResponse()}) as antiphon:
        antiphon("workflow", "terminate", "i1", "--app", "orders", flag, "--result", '"stop"')
        request = antiphon.asked.only("TerminateInstance")
    assert (request.recursive, request.output.value) == (flag == "--recursive", '"stop"')


@pytest.mark.parametrize(
    ("command", "method", "response"),
    [
        pytest.param("suspend", "SuspendInstance", client_pb2.SuspendResponse(), id="suspend"),
        pytest.param("resume", "ResumeInstance", client_pb2.ResumeResponse(), id="resume"),
    ],
)
def test_suspend_and_resume_reach_children_only_when_told(command, method, response):
    with scripted({method: response}) as antiphon:
        alone = antiphon("workflow", command, "i1", "--app", "orders")
        together = antiphon("workflow", command, "i1", "--app", "orders", "--recursive")
        requests = [request.recursive for called, request in antiphon.asked.calls if called == method]
    assert requests == [False, True]
    assert "child workflows" not in alone.stderr
    assert together.stderr.endswith('"i1" (orders) and its child workflows.\n')


def test_purge_says_when_nothing_was_there():
    answers = {"GetInstance": state("COMPLETED"), "PurgeInstances": client_pb2.PurgeInstancesResponse()}
    with scripted(answers) as antiphon:
        done = antiphon("workflow", "purge", "i1", "--app", "orders")
    assert (done.exit_code, done.stderr) == (1, 'Nothing was purged: "i1" (orders) was gone already.\n')


def test_start_takes_tags_and_a_time():
    with scripted({"StartInstance": STARTED}) as antiphon:
        words = ["--tag", "team=a", "--tag", "x=y=z", "--at", "2030-01-31T18:00:00+01:00"]
        assert antiphon("workflow", "start", "buy", "--app", "orders", *words).exit_code == 0
        request = antiphon.asked.only("StartInstance")
    assert dict(request.tags) == {"team": "a", "x": "y=z"}
    assert request.scheduled_start_timestamp.ToJsonString() == "2030-01-31T17:00:00Z"


def test_start_without_a_time_is_now():
    with scripted({"StartInstance": STARTED}) as antiphon:
        antiphon("workflow", "start", "buy", "--app", "orders")
        assert not antiphon.asked.only("StartInstance").HasField("scheduled_start_timestamp")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        pytest.param(["--tag", "team"], '"team" is not NAME=VALUE', id="tag"),
        pytest.param(["--at", "soon"], '"soon" is not a time such as', id="time"),
        pytest.param(["--at", "2030-01-31T18:00:00"], "write 2030-01-31T18:00:00Z for UTC", id="no zone"),
        pytest.param(["--after", "2h", "--at", "2030-01-31T18:00:00Z"], "both say when", id="both"),
    ],
)
def test_start_says_what_is_wrong_with_its_options(words, text):
    with scripted({}) as antiphon:
        done = antiphon("workflow", "start", "buy", "--app", "orders", *words)
    assert done.exit_code == 2
    assert text in done.stderr


RERUN = client_pb2.RerunWorkflowFromEventResponse(new_instance_id="i2")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param([], (0, True, False, ""), id="from the start"),
        pytest.param(["--from-event", "0"], (0, False, False, ""), id="event 0"),
        pytest.param(["--from-event", "3", "--new-id", "i2"], (3, False, False, "i2"), id="given ID"),
        pytest.param(["--same-id"], (0, True, True, ""), id="same ID"),
    ],
)
def test_rerun_says_from_where_and_under_which_id(words, expected):
    with scripted({"RerunWorkflowFromEvent": RERUN}) as antiphon:
        done = antiphon("workflow", "rerun", "i1", "--app", "orders", *words)
        request = antiphon.asked.only("RerunWorkflowFromEvent")
    assert (done.exit_code, done.stdout) == (0, "i2\n")
    assert (request.event_id, request.from_start, request.same_instance_id) == expected[:3]
    given = request.new_instance_id
    assert given == expected[3] or (given and not expected[3] and not request.same_instance_id)
    assert not request.overwrite_input


def test_rerun_replaces_the_input_when_one_is_given():
    with scripted({"RerunWorkflowFromEvent": RERUN}) as antiphon:
        antiphon("workflow", "rerun", "i1", "--app", "orders", "--from-event", "3", "--input", "7")
        request = antiphon.asked.only("RerunWorkflowFromEvent")
    assert (request.overwrite_input, request.input.value) == (True, "7")


PURGED = client_pb2.PurgeInstancesResponse


def test_purge_by_filter_counts_asks_and_then_deletes_until_nothing_is_left():
    dry = PURGED(deleted_instance_count=3)
    answers = [dry, PURGED(deleted_instance_count=2, more=True), PURGED(deleted_instance_count=1)]
    with scripted({"PurgeInstances": lambda request, context: answers.pop(0)}) as antiphon:
        done = antiphon(
            "workflow",
            "purge",
            "--status",
            "failed",
            "--older-than",
            "30d",
            "--name",
            "buy",
            "--app",
            "orders",
            input="y\n",
        )
        asked = antiphon.asked.all("PurgeInstances")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Delete 3 instances in orders? [y/N]:" in done.stderr
    assert done.stderr.endswith("Purged orders; instances deleted: 3.\n")
    assert [request.dry_run for request in asked] == [True, False, False]
    wanted = asked[1].purge_instance_filter
    assert ([*wanted.runtime_status], wanted.name) == ([history_pb2.INSTANCE_STATUS_FAILED], "buy")
    assert wanted.HasField("created_time_to")


def test_purge_by_filter_deletes_nothing_without_a_yes():
    with scripted({"PurgeInstances": PURGED(deleted_instance_count=3)}) as antiphon:
        done = antiphon("workflow", "purge", "--name", "buy", "--app", "orders", input="n\n")
        request = antiphon.asked.only("PurgeInstances")
    assert (done.exit_code, request.dry_run) == (1, True)


def test_purge_of_several_apps_goes_through_all_without_asking():
    with scripted({"ListApps": apps("orders", "payments"), "PurgeInstances": PURGED()}) as antiphon:
        done = antiphon("workflow", "purge", "--older-than", "1h", "--yes")
        asked = antiphon.asked.all("PurgeInstances")
    assert done.exit_code == 0
    assert [request.router.target_app_id for request in asked] == ["orders", "payments"]


def test_a_dry_run_of_a_purge_says_what_would_go():
    answer = PURGED(deleted_instance_count=2, later_instance_count=1)
    with scripted({"GetInstance": state("COMPLETED"), "PurgeInstances": answer}) as antiphon:
        done = antiphon("workflow", "purge", "i1", "--app", "orders", "--dry-run")
        assert antiphon.asked.only("PurgeInstances").dry_run
    assert done.stderr == ('"i1" (orders): 2 instances would be deleted; 1 more would be as soon as they have ended.\n')


@pytest.mark.parametrize("words", [[], ["i1", "--name", "buy"]])
def test_purge_wants_ids_or_a_description(words):
    with scripted({}) as antiphon:
        done = antiphon("workflow", "purge", *words, "--app", "orders")
    assert done.exit_code == 2
    assert "say which instances: by ID, or by --status, --older-than and --name" in done.stderr


def test_why_shows_each_reason():
    waits = [
        control_pb2.WaitingOn(reason="Timer", message="sleeps until 10:41"),
        control_pb2.WaitingOn(reason="CallDenied", message="AN107 CallDenied: refused"),
    ]
    with scripted({"Why": control_pb2.WhyResponse(exists=True, status=RUNNING, waiting_on=waits)}) as antiphon:
        done = antiphon("why", "i1", "--app", "orders")
    assert done.stdout.splitlines() == [
        '"i1" (orders) is RUNNING, waiting for:',
        "  Timer: sleeps until 10:41",
        "  AN107 CallDenied: refused",
    ]


def test_apps_shows_what_each_offers():
    with scripted({"ListApps": apps("orders")}) as antiphon:
        rows = [line.split(maxsplit=5) for line in antiphon("apps").stdout.splitlines()]
        values = json.loads(antiphon("apps", "-o", "json").stdout)
    assert rows == [
        ["APP", "REPLICAS", "WORKERS", "GRPC", "CHANGED", "OFFERS"],
        ["orders", "1", "2", "127.0.0.1:50001", "-", "workflow buy, activity charge"],
    ]
    assert values[0]["offers"] == [{"kind": "workflow", "name": "buy"}, {"kind": "activity", "name": "charge"}]


def test_apps_names_the_nearest_app():
    with scripted({"ListApps": apps("orders", "payments")}) as antiphon:
        done = antiphon("apps", "--app", "Orders")
    assert (done.exit_code, done.stderr) == (
        1,
        'AN103 TargetAppNotFound: no app "Orders" runs here; there are: orders, payments. Did you mean "orders"?\n',
    )


def test_the_token_travels_with_each_call():
    def look(request, context):
        tokens.append(dict(context.invocation_metadata()).get("dapr-api-token"))
        return apps("orders")

    tokens: list[str | None] = []
    with scripted({"ListApps": look}) as antiphon:
        antiphon("apps", env={"ANTIPHON_API_TOKEN": "secret"})
        antiphon("apps")
    assert tokens == ["secret", None]
