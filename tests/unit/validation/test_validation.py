"""Checks of resources at admission: what is refused for good, and what is only a warning."""

import json
import time

import pytest

from antiphon_names import errors as codes
from antiphon_operator.injection import Known
from antiphon_operator.validation import PLURALS, Verdict, check
from tests.unit.injection.examples import NAMESPACE, known, registration, store, workflow

ORDER = {"type": "object", "required": ["orderId"], "properties": {"orderId": {"type": "string"}}}
NOTHING = Known()


def resource(plural: str, **spec) -> dict:
    kind = {"workflowruns": "WorkflowRun", "workflowschedules": "WorkflowSchedule"}[plural]
    whole = {"workflowRef": {"name": "process-order"}, **spec}
    return {"kind": kind, "metadata": {"name": "first", "namespace": NAMESPACE}, "spec": whole}


def run(**spec) -> dict:
    return resource("workflowruns", **spec)


def schedule(**spec) -> dict:
    return resource("workflowschedules", **{"schedule": "0 3 * * *", **spec})


def problem(plural: str, found: dict, given: Known = NOTHING) -> tuple[codes.Code, str]:
    (only,) = check(plural, found, known=given).problems
    assert only.message.startswith(f"{only.code}: ")
    assert only.message.endswith(".")
    return only.code, only.message


def warnings(plural: str, found: dict, given: Known) -> list[str]:
    verdict = check(plural, found, known=given)
    assert not verdict.problems
    return list(verdict.warnings)


OFFERS = {"workflows": [{"name": "refund", "input": ORDER}], "activities": [{"name": "charge", "output": {}}]}
FINE = {
    "appregistrations": registration(offers=OFFERS, allowFrom=[], limits={"activities": [{"name": "charge"}]}),
    "workflows": workflow(input=ORDER, calls=[{"appId": "orders", "activity": "charge", "sends": ORDER}]),
    "workflowruns": run(input={"orderId": "4711"}),
    "workflowschedules": schedule(timeZone="Europe/Berlin", input={"orderId": "4711"}),
    "statestores": store(),
}


@pytest.mark.parametrize("plural", PLURALS)
def test_what_is_right_is_taken_without_a_word(plural):
    offered = {"workflows": [{"name": "process_order"}], "activities": [{"name": "charge"}]}
    there = known(registration(offers=offered), store(), workflow(input=ORDER))
    assert check(plural, FINE[plural], known=there) == Verdict([], [])


SCHEMAS = {
    "a type that there is not": ({"type": "strin"}, "'strin' is not valid"),
    "a list where an object belongs": ({"properties": []}, "[] is not of type 'object'"),
    "a reference to nothing": ({"$ref": "#/$defs/order"}, '"#/$defs/order", which is not in this schema'),
    "a reference to elsewhere": ({"items": {"$ref": "https://example.test/s.json"}}, "nothing is fetched"),
}


@pytest.mark.parametrize(("schema", "said"), SCHEMAS.values(), ids=SCHEMAS)
@pytest.mark.parametrize("where", ["offers", "input", "sends"])
def test_something_that_is_no_schema_is_refused_with_its_place(schema, said, where):
    plural, found, place = {
        "offers": (
            "appregistrations",
            registration(offers={"activities": [{"name": "charge", "input": schema}]}),
            "spec.offers.activities[charge].input",
        ),
        "input": ("workflows", workflow(input=schema), "spec.input"),
        "sends": (
            "workflows",
            workflow(calls=[{"appId": "a", "activity": "b", "sends": schema}]),
            "spec.calls[0].sends",
        ),
    }[where]
    code, message = problem(plural, found)
    assert code is codes.SCHEMA_INVALID
    assert place in message
    assert said in message


def test_a_schema_that_refers_to_itself_is_one():
    tree = {"$defs": {"node": {"properties": {"left": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}
    assert not check("workflows", workflow(input=tree), known=NOTHING).problems


def test_a_property_of_the_name_of_a_keyword_is_no_reference():
    odd = {"properties": {"$ref": {"type": "string"}}, "examples": [{"$ref": "https://example.test"}]}
    assert not check("workflows", workflow(input=odd), known=NOTHING).problems


def test_a_name_that_stands_twice_is_refused():
    twice = [{"appId": "a", "activity": "b"}, {"from": "orders", "appId": "a", "activity": "b"}]
    assert problem("workflows", workflow(calls=twice)) == (
        codes.NAME_REPEATED,
        f'{codes.NAME_REPEATED}: spec.calls names "orders -> activity b of a" twice. Remove one of the two.',
    )
    offers = {"activities": [{"name": "charge"}, {"name": "charge"}]}
    assert problem("appregistrations", registration(offers=offers))[0] is codes.NAME_REPEATED


def test_versions_of_a_workflow_are_offered_side_by_side():
    offers = {"workflows": [{"name": "refund", "version": "1"}, {"name": "refund", "version": "2"}]}
    assert not check("appregistrations", registration(offers=offers), known=NOTHING).problems


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"requests": {"memory": "96MB"}}, '"96MB"; accepted: an amount such as 50m or 96Mi'),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "500m"}}, "is above the limit"),
    ],
)
def test_resources_that_no_container_can_have_are_refused(resources, said):
    code, message = problem("appregistrations", registration(sidecar={"resources": resources}))
    assert code is codes.FIELD_INVALID
    assert said in message


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 25 * * *", "Bad hour"),
        ("* * * * * *", "6 fields"),
        ("every day", "2 fields"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("@reboot", "1 fields"),
        ("TZ=Europe/Berlin 0 3 * * *", "spec.timeZone"),
    ],
)
def test_a_schedule_that_is_none_is_refused(expression, said):
    code, message = problem("workflowschedules", schedule(schedule=expression))
    assert code is codes.SCHEDULE_INVALID
    assert f'spec.schedule "{expression}"' in message
    assert said in message


@pytest.mark.parametrize("expression", ["@daily", "*/5 8-18 * * MON-FRI", "0 0 29 2 *", "0 0 1,15 JAN *"])
def test_a_schedule_is_taken(expression):
    assert not check("workflowschedules", schedule(schedule=expression), known=NOTHING).problems


def test_a_time_zone_that_does_not_exist_is_refused_with_the_nearest():
    code, message = problem("workflowschedules", schedule(timeZone="Europe/Berlni"))
    assert code is codes.TIME_ZONE_UNKNOWN
    assert 'Did you mean "Europe/Berlin"?' in message


@pytest.mark.parametrize("make", [run, schedule], ids=["run", "schedule"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"input": {"order": 1}}, "'orderId' is a required property"),
        ({"input": {"orderId": 1}}, "orderId: 1 is not of type 'string'"),
        ({"inputJson": "[1]"}, "[1] is not of type 'object'"),
        ({}, "None is not of type 'object'"),
        ({"inputJson": "{"}, "spec.inputJson is no JSON"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(make, given, said):
    found = make(**given)
    plural = f"{found['kind'].lower()}s"
    code, message = problem(plural, found, known(workflow(input=ORDER)))
    assert code is codes.RUN_INPUT_INVALID
    assert said in message


@pytest.mark.parametrize("declared", [{}, {"input": {}}], ids=["nothing", "an empty schema"])
def test_any_input_fits_a_workflow_that_declares_nothing(declared):
    assert not check("workflowruns", run(inputJson="17"), known=known(workflow(**declared))).problems


def test_patterns_are_not_held_against_inputs():
    evil = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
    began = time.monotonic()
    assert not check("workflowruns", run(input={"x": "a" * 60 + "!"}), known=known(workflow(input=evil))).problems
    assert time.monotonic() - began < 5


def test_a_schema_that_asks_for_too_much_is_given_up_with_a_warning():
    laughs = {
        "$defs": {f"n{i}": {"allOf": [{"$ref": f"#/$defs/n{i + 1}"}] * 2} for i in range(40)} | {"n40": {}},
        "$ref": "#/$defs/n0",
    }
    verdict = check("workflowruns", run(input={}), known=known(workflow(input=laughs)))
    assert not verdict.problems
    assert "was not held against" in " ".join(verdict.warnings)


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#/nowhere"}, {"$ref": "https://example.test/s.json"}, {"$ref": "#"}, {"type": "strin"}, {"items": 7}],
)
def test_a_schema_that_is_none_refuses_no_input(schema):
    verdict = check("workflowruns", run(inputJson="[1]"), known=known(workflow(input=schema)))
    assert not verdict.problems


def test_a_schema_of_postgresql_itself_is_refused():
    assert problem("statestores", store(schema="information_schema"))[0] is codes.FIELD_INVALID


def test_what_is_missing_and_may_come_is_a_warning():
    (missing,) = warnings("appregistrations", registration(storeRef={"name": "mian"}), known(store()))
    assert str(codes.STATE_STORE_MISSING) in missing
    assert 'Did you mean "main"?' in missing
    (absent,) = warnings("workflowruns", run(), known(workflow("process-orders")))
    assert 'Did you mean "process-orders"?' in absent


def test_a_run_of_a_suspended_workflow_is_a_warning():
    (said,) = warnings("workflowruns", run(), known(workflow(suspend=True)))
    assert str(codes.WORKFLOW_SUSPENDED) in said


def test_an_app_id_that_an_older_registration_has_is_a_warning():
    younger = registration("again", appId="orders", selector={"matchLabels": {"app": "again"}}, created="")
    (said,) = warnings("appregistrations", younger, known(registration(), store()))
    assert str(codes.APP_ID_CONFLICT) in said
    assert 'app ID "orders" belongs to AppRegistration "orders", which is older' in said


def test_a_selector_that_another_app_has_is_a_warning():
    same = registration("again", selector={"matchLabels": {"app": "orders"}})
    (said,) = warnings("appregistrations", same, known(registration(), store()))
    assert "selects the same pods (app=orders)" in said


def test_names_of_a_contract_that_nobody_offers_are_warnings():
    there = known(registration(offers={"workflows": [{"name": "process_orders"}]}), registration("payments"))
    calls = [
        {"appId": "orders", "activity": "charge"},
        {"appId": "payment", "activity": "charge"},
        {"appId": "payments", "activity": "anything"},
    ]
    entry, charge, payment = warnings("workflows", workflow(calls=calls), there)
    assert str(codes.WORKFLOW_NOT_REGISTERED) in entry
    assert 'Did you mean "process_orders"?' in entry
    assert str(codes.ACTIVITY_NOT_REGISTERED) in charge
    assert str(codes.TARGET_APP_NOT_FOUND) in payment
    assert 'Did you mean "payments"?' in payment


def test_what_live_workers_offer_counts_where_nothing_is_declared():
    live = {**registration(), "status": {"offered": {"workflows": ["process_order"], "activities": []}}}
    (said,) = warnings("workflows", workflow(calls=[{"appId": "orders", "activity": "charge"}]), known(live))
    assert "offers nothing" in said


def test_a_call_that_is_not_allowed_is_a_warning():
    there = known(registration(), registration("payments", allowFrom=[{"appId": "billing"}]))
    (said,) = warnings("workflows", workflow(calls=[{"appId": "payments", "activity": "charge"}]), there)
    assert str(codes.CALL_DENIED) in said


def test_a_change_is_not_refused_for_what_was_there_before():
    old = workflow(input={"type": "strin"})
    new = workflow(input={"type": "strin"}, suspend=True)
    verdict = check("workflows", new, known=known(), old=old)
    assert not verdict.problems
    assert any("is no JSON Schema" in warning for warning in verdict.warnings)
    worse = workflow(input={"type": "strin"}, calls=[{"appId": "orders", "activity": "a", "sends": {"type": "x"}}])
    assert [each.code for each in check("workflows", worse, known=known(), old=old).problems] == [codes.SCHEMA_INVALID]


def test_a_finalizer_can_be_taken_off_whatever_the_workflow_says_by_now():
    old = run(input={"order": 1})
    new = json.loads(json.dumps(old))
    new["metadata"]["finalizers"] = []
    assert check("workflowruns", new, known=known(workflow(input=ORDER)), old=old) == Verdict()
    ending = run(input={"order": 1}, desired="Terminated")
    ending["metadata"]["deletionTimestamp"] = "2026-11-01T00:00:00Z"
    assert check("workflowruns", ending, known=known(workflow(input=ORDER)), old=old) == Verdict()


def test_a_store_that_changes_under_its_apps_is_a_warning():
    verdict = check("statestores", store(schema="other"), known=known(registration(), store()), old=store())
    (said,) = verdict.warnings
    assert "pods of orders use" in said
