"""What is said of a failed call of etcd or of another replica: its status and its text, in one line."""

import grpc
import grpc.aio
import pytest

from antiphon_proto.etcd.cluster import code_of, said


@pytest.fixture
def refused() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, details="connection refused")


def test_an_error_of_the_event_loop_is_one_line(refused: grpc.aio.AioRpcError) -> None:
    assert said(refused) == "UNAVAILABLE connection refused"


def test_an_error_of_the_event_loop_has_its_status(refused: grpc.aio.AioRpcError) -> None:
    assert code_of(refused) is grpc.StatusCode.UNAVAILABLE
