"""AdmissionReviews of admission.k8s.io/v1, from JSON and back."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon_names import errors as codes

_API_VERSION = "admission.k8s.io/v1"
_KIND = "AdmissionReview"
_FORBIDDEN = 403


class ReviewInvalid(ValueError):
    """A body is no AdmissionReview that is understood here."""

    code = codes.ADMISSION_REQUEST_INVALID

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is being done to an object; `found` is how it would be, `old` how it is when there is one."""

    uid: str
    resource: str
    operation: str
    namespace: str
    found: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    dry_run: bool = False

    @property
    def name(self) -> str:
        """Return the object's name, as far as it has one."""
        metadata = self.found.get("metadata") or {}
        return str(metadata.get("name") or f"{metadata.get('generateName', '')}*")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: with a message the request is refused. `notes` go to the audit log."""

    patch: Sequence[Mapping[str, Any]] = ()
    message: str | None = None
    reason: str = "Forbidden"
    warnings: Sequence[str] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def read(body: bytes, *, resource: str) -> Request:
    """Read a review of one resource, named by its plural.

    Raises:
        ReviewInvalid: it is none, or one of another resource.
    """
    try:
        review = json.loads(body)
        request = review["request"]
        asked = (review["apiVersion"], review["kind"], request["resource"]["resource"])
        read = Request(
            uid=str(request["uid"]),
            resource=resource,
            operation=str(request["operation"]),
            namespace=str(request.get("namespace") or ""),
            found=request.get("object") or {},
            old=request.get("oldObject"),
            dry_run=bool(request.get("dryRun")),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ReviewInvalid(f"the body is no AdmissionReview ({error!r}). Only an API server calls this.") from error
    if asked != (_API_VERSION, _KIND, resource):
        raise ReviewInvalid(
            f"the body is a {asked[1]} of {asked[0]} about {asked[2]}, and this path takes an {_KIND} of "
            f"{_API_VERSION} about {resource}. Correct the path in the webhook configuration."
        )
    return read


def written(request: Request, answer: Answer) -> Mapping[str, Any]:
    """Return the review that is the answer."""
    response: dict[str, Any] = {"uid": request.uid, "allowed": answer.message is None}
    if answer.message is not None:
        response["status"] = {
            "status": "Failure",
            "code": _FORBIDDEN,
            "reason": answer.reason,
            "message": answer.message,
        }
    if answer.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(list(answer.patch)).encode()).decode()
    if answer.warnings:
        response["warnings"] = list(answer.warnings)
    if answer.notes:
        response["auditAnnotations"] = dict(answer.notes)
    return {"apiVersion": _API_VERSION, "kind": _KIND, "response": response}
