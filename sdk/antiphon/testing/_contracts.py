"""What other teams' apps declare, as `antiphon apps export` wrote it, and whether values fit it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from antiphon.errors import ContractInvalid
from antiphon_names import errors as names

Kind = Literal["workflow", "activity"]
FORMAT = "antiphon.dev/contracts/v1"


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that an app offers, with the schemas it declares; None: it declares none."""

    kind: Kind
    name: str
    input: Mapping[str, Any] | None
    output: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Contract:
    """What one app offers."""

    app: str
    offers: tuple[Offer, ...]
    source: str

    def offer(self, name: str, kind: Kind | None = None) -> Offer:
        """Return what is offered under a name.

        Raises:
            ContractInvalid: nothing is, or nothing of that kind.
        """
        for offer in self.offers:
            if offer.name == name and kind in (None, offer.kind):
                return offer
        known = [offer.name for offer in self.offers if kind in (None, offer.kind)]
        raise ContractInvalid(
            f'app "{self.app}" offers no {kind or "workflow or activity"} "{name}" ({self.source}); it offers: '
            f"{names.listing(known)}.{names.nearest(name, known)} Fix the name, or export the contracts again."
        )


class Contracts:
    """The contracts of one or several files; of an app that stands in several, the last one counts."""

    def __init__(self, *files: str | PathLike[str]) -> None:
        """Read the files.

        Raises:
            ContractInvalid: one cannot be read, or was not written by `antiphon apps export`.
        """
        self._apps: dict[str, Contract] = {}
        self._files = [fspath(file) for file in files]
        for file in self._files:
            for app, offers in _read(file).items():
                self._apps[app] = Contract(app, offers, file)

    def __bool__(self) -> bool:
        return bool(self._files)

    def of(self, app: str) -> Contract:
        """Return an app's contract.

        Raises:
            ContractInvalid: no file has it.
        """
        if app not in self._apps:
            raise ContractInvalid(
                f'no contract of app "{app}" stands in {", ".join(self._files)}; there are: '
                f"{names.listing(self._apps)}.{names.nearest(app, self._apps)} Write it with: antiphon apps export"
            )
        return self._apps[app]


def _read(file: str) -> Mapping[str, tuple[Offer, ...]]:
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ContractInvalid(f"{file} has the format {content['format']!r}; this release reads {FORMAT!r}")
        return {app: tuple(_offer(each) for each in about["offers"]) for app, about in content["apps"].items()}
    except OSError as error:
        raise ContractInvalid(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractInvalid(f"{file} was not written by `antiphon apps export`: {error!r}") from error


def _offer(content: Mapping[str, Any]) -> Offer:
    return Offer(content["kind"], content["name"], content.get("input"), content.get("output"))


def misfit(value: object, schema: Mapping[str, Any] | None) -> str | None:
    """Say where a JSON value does not fit a schema; None when it does, or there is no schema."""
    if schema is None:
        return None
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
    except ImportError as error:
        raise ImportError(
            "checking fakes against contracts needs jsonschema: pip install 'antiphon[testing]'"
        ) from error
    worst = best_match(Draft202012Validator(schema).iter_errors(value))
    return None if worst is None else f"at {worst.json_path}: {worst.message}"
