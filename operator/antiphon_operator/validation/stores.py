"""Checks of a StateStore."""

from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_names import errors as codes
from antiphon_operator.injection import resources
from antiphon_operator.injection.resources import Known
from antiphon_operator.validation.problems import Problem

_RESERVED = ("pg_", "information_schema")


def problems(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what can never be right."""
    schema = resources.read_store(found).schema
    if schema.startswith(_RESERVED):
        yield Problem(
            codes.FIELD_INVALID,
            f'spec.postgresql.schema is "{schema}", and PostgreSQL keeps names that begin with pg_ and '
            "information_schema for itself. Choose another.",
        )


def warnings(found: Mapping[str, Any], old: Mapping[str, Any] | None, known: Known) -> Iterator[str]:
    """Yield what does not work now, and may later."""
    store = resources.read_store(found)
    if old is None or resources.read_store(old) == store:
        return
    users = sorted(each.app_id for each in known.registrations if each.store == store.name)
    if users:
        yield (
            f'pods of {codes.listing(users)} use StateStore "{store.name}" as it was until they are replaced: what '
            "they share with pods that are created from now on is in neither. Restart all of them together."
        )
