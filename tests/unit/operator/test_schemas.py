"""Comparing schemas: a proof that they fit, a proof that they do not, or neither."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from antiphon_operator.contracts import schemas
from antiphon_operator.contracts.schemas import Fit, compare

STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
ORDER = {"type": "object", "required": ["id"], "properties": {"id": STRING}}
TREE = {"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {"left": {"$ref": "#/$defs/T"}}}}}


def members(**properties):
    return {"type": "object", "properties": properties, "required": sorted(properties)}


@pytest.mark.parametrize(
    ("sent", "taken", "fit"),
    [
        (STRING, STRING, Fit.FITS),
        (STRING, {}, Fit.FITS),
        (STRING, True, Fit.FITS),
        (STRING, False, Fit.CLASHES),
        (INTEGER, NUMBER, Fit.FITS),
        (NUMBER, INTEGER, Fit.UNKNOWN),
        (STRING, INTEGER, Fit.CLASHES),
        ({}, STRING, Fit.UNKNOWN),
        ({"type": ["string", "null"]}, STRING, Fit.UNKNOWN),
        (STRING, {"type": ["string", "null"]}, Fit.FITS),
        (STRING, {"type": "string", "description": "x", "title": "y"}, Fit.FITS),
        (STRING, {"type": "string", "minLength": 1}, Fit.UNKNOWN),
        ({"type": "string", "minLength": 2}, {"type": "string", "minLength": 1}, Fit.FITS),
        ({"type": "integer", "maximum": 9}, {"type": "integer", "maximum": 5}, Fit.UNKNOWN),
        (STRING, {"type": "string", "pattern": "^a"}, Fit.UNKNOWN),
        (STRING, {"type": "string", "x-unheard-of": 1}, Fit.UNKNOWN),
        ({"type": "object"}, {"type": "object", "minLength": 3}, Fit.FITS),
        ({"const": "a"}, {"enum": ["a", "b"]}, Fit.FITS),
        ({"enum": ["a", "c"]}, {"enum": ["a", "b"]}, Fit.UNKNOWN),
        ({"enum": ["c"]}, {"enum": ["a", "b"]}, Fit.CLASHES),
        ({"enum": ["a"]}, INTEGER, Fit.CLASHES),
        ({"const": True}, {"enum": [1]}, Fit.CLASHES),
        (STRING, {"enum": ["a"]}, Fit.UNKNOWN),
        (ORDER, {"type": "object"}, Fit.FITS),
        ({"type": "object"}, ORDER, Fit.UNKNOWN),
        ({"type": "object", "additionalProperties": False}, ORDER, Fit.CLASHES),
        (members(id=INTEGER), ORDER, Fit.CLASHES),
        ({"type": "object", "properties": {"id": INTEGER}}, ORDER, Fit.CLASHES),
        (
            {"type": "object", "properties": {"id": INTEGER}},
            {"type": "object", "properties": {"id": STRING}},
            Fit.UNKNOWN,
        ),
        (members(id=STRING, more=STRING), {**ORDER, "additionalProperties": False}, Fit.CLASHES),
        (
            {**members(id=STRING, more=STRING), "additionalProperties": False},
            {**ORDER, "additionalProperties": False},
            Fit.CLASHES,
        ),
        ({**ORDER, "additionalProperties": False}, {**ORDER, "additionalProperties": False}, Fit.FITS),
        ({"type": "array", "items": INTEGER}, {"type": "array", "items": NUMBER}, Fit.FITS),
        ({"type": "array", "items": STRING}, {"type": "array", "items": NUMBER}, Fit.UNKNOWN),
        ({"type": "array", "items": STRING, "minItems": 1}, {"type": "array", "items": NUMBER}, Fit.CLASHES),
        ({"anyOf": [STRING, INTEGER]}, {"anyOf": [NUMBER, STRING]}, Fit.FITS),
        ({"anyOf": [STRING, INTEGER]}, STRING, Fit.UNKNOWN),
        ({"anyOf": [STRING, INTEGER]}, {"type": "object"}, Fit.CLASHES),
        (STRING, {"oneOf": [STRING, NUMBER]}, Fit.UNKNOWN),
        (STRING, {"allOf": [STRING, {"minLength": 1}]}, Fit.UNKNOWN),
        (STRING, {"allOf": [STRING, INTEGER]}, Fit.CLASHES),
        (TREE, {**TREE, "title": "another"}, Fit.FITS),
        (TREE, {"$ref": "#/$defs/nowhere"}, Fit.UNKNOWN),
        (STRING, {"$ref": "https://elsewhere/schema"}, Fit.UNKNOWN),
        (
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": STRING}, "type": "object"},
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": INTEGER}, "type": "object", "required": ["a"]},
            Fit.CLASHES,
        ),
    ],
)
def test_two_schemas_compare(sent, taken, fit):
    found = compare(sent, taken)
    assert found.fit is fit, found
    assert bool(found.why) != (fit is Fit.FITS)


def test_what_does_not_fit_is_said_by_its_place():
    found = compare(members(order=members(cents=STRING)), members(order=members(cents=INTEGER)))
    assert found.why == "at $.order.cents: string is sent, integer is accepted"


def test_schemas_that_are_too_large_are_not_known_to_fit():
    deep = INTEGER
    for _ in range(100):
        deep = members(a=deep, b=deep)
    assert compare(deep, {**deep, "title": "other"}).fit is Fit.UNKNOWN


def test_a_digest_is_that_of_the_sdk():
    from antiphon._schemas import digest_of, schema_of

    text = schema_of(dict[str, int])
    assert text is not None
    assert schemas.digest({"type": "object", "additionalProperties": {"type": "integer"}}) == digest_of(text)


scalars = st.sampled_from([STRING, INTEGER, NUMBER, {"type": "null"}, {"const": 1}, {"enum": ["a", 2]}, {}])
bounds = st.fixed_dictionaries(
    {"type": st.just("integer")}, optional={"minimum": st.integers(0, 3), "maximum": st.integers(0, 3)}
)


def _objects(inner):
    return st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            "required": sorted(set(required)),
            **({"additionalProperties": False} if closed else {}),
        },
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        st.lists(st.sampled_from("ab"), max_size=2),
        st.booleans(),
    )


trees = st.recursive(
    scalars | bounds,
    lambda inner: (
        _objects(inner)
        | st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=2))
    ),
    max_leaves=5,
)
values = st.recursive(
    st.sampled_from([None, True, 0, 1, 2, 5, 1.5, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


@given(trees, trees, st.lists(values, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_value_speaks_against_a_proof(sent, taken, found):
    fit = compare(sent, taken).fit
    for value in found:
        if Draft202012Validator(sent).is_valid(value):
            accepted = Draft202012Validator(taken).is_valid(value)
            assert not (fit is Fit.FITS and not accepted), (sent, taken, value)
            assert not (fit is Fit.CLASHES and accepted), (sent, taken, value)
