"""Whether every value that one JSON schema allows is allowed by another: proven, disproven, or not known.

A plain structural check. `FITS` is a proof. `CLASHES` is one too: nothing that the first schema allows, the second
accepts. Everything in between is `UNKNOWN`, with what could not be shown. Keywords of the first schema that are not
understood only narrow it, so leaving them out is safe; those of the second one are not left out.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Schema = Mapping[str, Any]


class Fit(Enum):
    """What could be shown."""

    FITS = "fits"
    UNKNOWN = "unknown"
    CLASHES = "clashes"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What could be shown, and where and why it is no more; `why` is empty when it fits."""

    fit: Fit
    why: str = ""


FITS = Comparison(Fit.FITS)

#: Steps of one comparison; schemas beyond that are not compared to the end.
_STEPS_MOST = 5_000
_DEPTH_MOST = 60
#: What says nothing about which values are allowed.
_REMARKS = frozenset(
    [
        "$schema",
        "$id",
        "$anchor",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentMediaType",
        "contentEncoding",
        "format",
    ]
)
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
#: Keywords that are compared one by one; `$ref`, `anyOf`, `oneOf`, `allOf`, `enum` and `const` are taken apart before.
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
#: To which type a keyword speaks.
_SPEAKS_TO = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("minLength", "maxLength", "pattern"), "string"),
    **dict.fromkeys(("minItems", "maxItems", "items", "prefixItems", "uniqueItems", "contains"), "array"),
    **dict.fromkeys(("minProperties", "maxProperties", "properties", "required", "additionalProperties"), "object"),
}


def digest(schema: Schema) -> str:
    """Return the name of a schema, as workers publish it: SHA-256 of its canonical JSON."""
    text = json.dumps(schema, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def compare(sent: Schema | bool, taken: Schema | bool) -> Comparison:
    """Compare what is sent with what is taken."""
    if sent == taken:
        return FITS
    return _Comparing(sent, taken).compare(sent, taken, "$", 0)


def _unknown(path: str, why: str) -> Comparison:
    return Comparison(Fit.UNKNOWN, f"at {path}: {why}")


def _clash(path: str, why: str) -> Comparison:
    return Comparison(Fit.CLASHES, f"at {path}: {why}")


def _worst(found: Iterable[Comparison]) -> Comparison:
    """Return the first clash, else the first doubt, else that it fits: all have to hold for every value."""
    doubt = None
    for each in found:
        if each.fit is Fit.CLASHES:
            return each
        if each.fit is Fit.UNKNOWN and doubt is None:
            doubt = each
    return doubt or FITS


def _branches(found: Iterable[Comparison]) -> Comparison:
    """Judge alternatives of what is sent: some that fit and some that clash make a doubt."""
    results = list(found)
    fits = {result.fit for result in results}
    if fits == {Fit.CLASHES}:
        return results[0]
    trouble = next((result for result in results if result.fit is not Fit.FITS), None)
    return FITS if trouble is None else Comparison(Fit.UNKNOWN, trouble.why)


@dataclass(slots=True)
class _Comparing:
    """One comparison under way."""

    sent: Schema | bool
    taken: Schema | bool
    steps: int = 0
    # Pairs that are being compared: schemas that contain themselves are taken to fit, as long as nothing speaks
    # against it.
    under_way: set[tuple[int, int]] = field(default_factory=set)

    def compare(self, sent: Any, taken: Any, path: str, depth: int) -> Comparison:  # noqa: ANN401  (JSON)
        self.steps += 1
        if self.steps > _STEPS_MOST or depth > _DEPTH_MOST:
            return _unknown(path, "the schemas are too large to be compared")
        if taken is True or taken == {} or sent is False:
            return FITS
        if taken is False:
            return _clash(path, "nothing is accepted here")
        sent = {} if sent is True else sent
        if not isinstance(sent, Mapping) or not isinstance(taken, Mapping):
            return _unknown(path, "this is no schema")
        pair = (id(sent), id(taken))
        if pair in self.under_way:
            return FITS
        self.under_way.add(pair)
        try:
            return self._apart(sent, taken, path, depth)
        finally:
            self.under_way.discard(pair)

    def _apart(self, sent: Schema, taken: Schema, path: str, depth: int) -> Comparison:
        """Take references, alternatives and lists of values apart before keywords are compared."""
        if "$ref" in taken:
            parts = _referred(self.taken, taken)
            if parts is None:
                return _unknown(path, f"the reference {taken['$ref']} cannot be followed")
            return _worst(self.compare(sent, part, path, depth + 1) for part in parts)
        if "$ref" in sent:
            parts = _referred(self.sent, sent)
            if parts is None:
                return _unknown(path, f"the reference {sent['$ref']} cannot be followed")
            # What stands beside a reference only narrows what is sent.
            return self.compare(parts[0], taken, path, depth + 1)
        if (values := _values(sent)) is not None:
            return _branches(self._takes(value, taken, path, depth) for value in values)
        for word in ("anyOf", "oneOf"):
            if word in sent:
                rest = {key: value for key, value in sent.items() if key != word}
                return _branches(self.compare(_both(rest, each), taken, path, depth + 1) for each in sent[word])
        types = _types(sent)
        if len(types) > 1 and ("anyOf" in taken or "oneOf" in taken):
            return _branches(self.compare({**sent, "type": each}, taken, path, depth + 1) for each in types)
        return _worst(self._conditions(sent, taken, path, depth))

    def _conditions(self, sent: Schema, taken: Schema, path: str, depth: int) -> Iterable[Comparison]:
        """Compare with each thing that is asked for."""
        yield self._type(sent, taken, path)
        if (values := _values(taken)) is not None:
            yield _unknown(path, f"only {_shown(values)} is accepted, and nothing says that it is one of these")
        for each in taken.get("allOf", ()):
            yield self.compare(sent, each, path, depth + 1)
        if "anyOf" in taken:
            yield self._one_of_many(sent, taken["anyOf"], path, depth)
        types = _types(sent)
        for word in taken:
            if word in _REMARKS or word in ("type", "allOf", "anyOf", "enum", "const"):
                continue
            # What is additional depends on which members are named beside it.
            if sent.get(word) == taken[word] and _plain(taken[word]) and word != "additionalProperties":
                continue
            concerned = [kind for kind in types if _among(kind, (_SPEAKS_TO.get(word, kind),))]
            if not concerned:
                continue
            result = self._keyword(word, sent, taken, path, depth)
            # A keyword judges values of its own type alone.
            only_these = len(concerned) == len(types)
            yield result if only_these or result.fit is not Fit.CLASHES else Comparison(Fit.UNKNOWN, result.why)

    def _type(self, sent: Schema, taken: Schema, path: str) -> Comparison:
        if "type" not in taken:
            return FITS
        types, accepted = _types(sent), _types(taken)
        if all(_among(each, accepted) for each in types):
            return FITS
        if not any(_overlap(each, other) for each in types for other in accepted):
            return _clash(path, f"{_or(types)} is sent, {_or(accepted)} is accepted")
        said = _or(types) if "type" in sent else "anything"
        return _unknown(path, f"{said} may be sent, {_or(accepted)} is accepted")

    def _one_of_many(self, sent: Schema, choices: Any, path: str, depth: int) -> Comparison:  # noqa: ANN401
        results = []
        for each in choices:
            result = self.compare(sent, each, path, depth + 1)
            if result.fit is Fit.FITS:
                return FITS
            results.append(result)
        if all(result.fit is Fit.CLASHES for result in results):
            return results[0] if results else _clash(path, "nothing is accepted here")
        return _unknown(path, "it cannot be shown which of several forms is sent")

    def _keyword(self, word: str, sent: Schema, taken: Schema, path: str, depth: int) -> Comparison:
        asked = taken[word]
        match word:
            case "required":
                return _required(sent, asked, path)
            case "properties":
                needed = {*sent.get("required", ()), *taken.get("required", ())}
                found = (self._property(name, sent, asked[name], path, depth, name in needed) for name in asked)
                return _worst(found)
            case "additionalProperties":
                return self._further(sent, taken, path, depth)
            case "items":
                return self._items(sent, taken, path, depth)
        if word in _LOWER or word in _UPPER:
            return _bound(word, sent.get(word), asked, path)
        return _unknown(path, f'"{word}" is asked for, and cannot be shown to hold')

    def _property(
        self, name: str, sent: Schema, asked: Schema | bool, path: str, depth: int, needed: bool
    ) -> Comparison:
        place = f"{path}.{name}"
        given = _member(sent, name)
        if given is None:
            return _unknown(place, "a pattern of names decides what may be sent")
        result = self.compare(given, asked, place, depth + 1)
        if result.fit is Fit.CLASHES and not needed:
            # Left out, it harms nobody; what is needed may not be left out by one side or the other.
            return Comparison(Fit.UNKNOWN, result.why)
        return result

    def _further(self, sent: Schema, taken: Schema, path: str, depth: int) -> Comparison:
        """Compare members that `taken` does not name."""
        asked, named = taken["additionalProperties"], taken.get("properties", {})
        if "patternProperties" in taken or "patternProperties" in sent:
            return _unknown(path, "patterns of names are not compared")
        surplus = [name for name in sent.get("properties", {}) if name not in named]
        always = sent.get("required", ())
        results = [self._property(name, sent, asked, path, depth, name in always) for name in surplus]
        rest = sent.get("additionalProperties", True)
        if rest is not False:
            result = self.compare(rest, asked, f"{path}.*", depth + 1)
            results.append(result if result.fit is Fit.FITS else Comparison(Fit.UNKNOWN, result.why))
        return _worst(results)

    def _items(self, sent: Schema, taken: Schema, path: str, depth: int) -> Comparison:
        if sent.get("prefixItems") != taken.get("prefixItems"):
            return _unknown(path, "the first items are not compared")
        result = self.compare(sent.get("items", True), taken["items"], f"{path}[]", depth + 1)
        # An empty list fits everything.
        empty = not sent.get("minItems", 0)
        return Comparison(Fit.UNKNOWN, result.why) if result.fit is Fit.CLASHES and empty else result

    def _takes(self, value: Any, schema: Schema, path: str, depth: int) -> Comparison:  # noqa: ANN401  (JSON)
        """Compare one value with a schema."""
        if (values := _values(schema)) is not None:
            known = any(_same(value, each) for each in values)
            return FITS if known else _clash(path, f"{json.dumps(value)} is sent, {_shown(values)} is accepted")
        return self.compare(_exactly(value), schema, path, depth + 1)


def _plain(value: object) -> bool:
    """Tell whether a keyword's value holds no schemas, whose references mean what their own document says."""
    if isinstance(value, list | tuple):
        return all(_plain(each) for each in value)
    return not isinstance(value, Mapping)


def _referred(root: Schema | bool, schema: Schema) -> list[Schema] | None:
    """Return what a reference leads to, and what is asked for beside it; None when it cannot be followed."""
    target: Any = root
    reference = schema["$ref"]
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    for part in reference.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, Mapping) else None
    if not isinstance(target, Mapping):
        return None
    beside = {key: value for key, value in schema.items() if key != "$ref" and key not in _REMARKS}
    return [target, beside] if beside else [target]


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return list(found) if isinstance(found, list | tuple) else None


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _exactly(value: Any) -> Schema:  # noqa: ANN401  (JSON)
    """Return a schema of a value that says all that the comparison reads."""
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int() | float():
            whole = isinstance(value, int) or value.is_integer()
            return {"type": "integer" if whole else "number", "minimum": value, "maximum": value}
        case str():
            return {"type": "string", "minLength": len(value), "maxLength": len(value)}
        case list():
            return {"type": "array", "minItems": len(value), "maxItems": len(value)}
        case _:
            members = {name: {"const": each} for name, each in value.items()}
            return {
                "type": "object",
                "properties": members,
                "required": sorted(members),
                "additionalProperties": False,
            }


def _types(schema: Schema) -> tuple[str, ...]:
    found = schema.get("type", _TYPES)
    return (found,) if isinstance(found, str) else tuple(found)


def _among(kind: str, accepted: Iterable[str]) -> bool:
    return kind in accepted or (kind == "integer" and "number" in accepted)


def _overlap(one: str, other: str) -> bool:
    return one == other or {one, other} == {"integer", "number"}


def _both(one: Schema, other: Any) -> Schema:  # noqa: ANN401  (JSON)
    """Return what both say, as far as it can be put into one schema; leaving out what is sent is safe."""
    return {**one, **other} if isinstance(other, Mapping) else one


def _member(sent: Schema, name: str) -> Any:  # noqa: ANN401  (JSON)
    """Return what is said of a member; None when patterns decide."""
    if name in sent.get("properties", {}):
        return sent["properties"][name]
    if "patternProperties" in sent:
        return None
    return sent.get("additionalProperties", True)


def _required(sent: Schema, asked: Iterable[str], path: str) -> Comparison:
    missing = [name for name in asked if name not in sent.get("required", ())]
    if not missing:
        return FITS
    closed = sent.get("additionalProperties", True) is False and "patternProperties" not in sent
    never = [name for name in missing if closed and name not in sent.get("properties", {})]
    if never and _types(sent) == ("object",):
        return _clash(path, f"{_and(never)} is required and never sent")
    return _unknown(path, f"{_and(missing)} is required and may be left out")


def _bound(word: str, given: Any, asked: Any, path: str) -> Comparison:  # noqa: ANN401  (JSON)
    if isinstance(given, int | float) and isinstance(asked, int | float):
        within = given >= asked if word in _LOWER else given <= asked
        if within:
            return FITS
    return _unknown(path, f'"{word}": {json.dumps(asked)} is asked for, and cannot be shown to hold')


def _or(types: Iterable[str]) -> str:
    return " or ".join(types)


def _and(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _shown(values: list[Any]) -> str:
    shown = ", ".join(json.dumps(value) for value in values[:5])
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5} more"
