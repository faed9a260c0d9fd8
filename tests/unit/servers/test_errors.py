"""One table from errors to gRPC statuses, complete for everything that the runtime and the stores raise."""

import grpc
import pytest

from antiphon_names import errors as codes
from antiphon_sidecar.runtime import errors as runtime
from antiphon_sidecar.servers.errors import STATUS, Rejected, status_of, text_of
from antiphon_sidecar.stores import errors as stores


def _leaves(root: type[Exception]) -> list[type[Exception]]:
    return [leaf for child in root.__subclasses__() for leaf in (_leaves(child) or [child])]


@pytest.mark.parametrize("error", _leaves(runtime.RuntimeFailure))
def test_every_error_of_the_runtime_has_a_status(error: type[Exception]):
    assert error in STATUS


@pytest.mark.parametrize("error", _leaves(stores.StoreError))
def test_every_error_of_a_store_says_that_a_repeat_may_help(error: type[Exception]):
    assert status_of(error("text")) is grpc.StatusCode.UNAVAILABLE


def test_a_rejected_request_carries_its_own_status():
    rejected = Rejected(grpc.StatusCode.INVALID_ARGUMENT, codes.REQUEST_INVALID, "no name")
    assert (status_of(rejected), text_of(rejected)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "AN503 RequestInvalid: no name",
    )


def test_a_bug_is_internal():
    assert status_of(KeyError("x")) is grpc.StatusCode.INTERNAL


def test_texts_stay_below_what_every_sdk_can_read():
    text = text_of(runtime.NotFound("a", "x" * 10_000))
    assert len(text) <= 4_000
    assert text.endswith("...")


def test_an_unknown_instance_is_told_as_sdks_expect():
    assert "no such instance exists" in str(runtime.NotFound("orders", "4711"))


def test_a_duplicate_start_is_told_as_sdks_expect():
    assert "an active workflow with ID '4711' already exists" in str(runtime.Exists("orders", "4711", finished=False))
