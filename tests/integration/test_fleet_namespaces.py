"""Namespaces are separated in a fleet too, although its apps share etcd and the store: AN105, at once and for good."""

import asyncio
from pathlib import Path

import grpc
import pytest

from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from tests.compat.wire import Wire, new_events, schedule
from tests.integration.fleets import fleet

pytestmark = pytest.mark.integration


async def test_calls_and_requests_into_another_namespace_are_refused(tmp_path: Path) -> None:
    with fleet(tmp_path, apps=("orders", "payments"), replicas=1) as made:
        made.etcd.start()
        (orders,), (payments,) = made.pods["orders"], made.pods["payments"]
        # The same app, in the namespace that is meant, on the same servers: it must not get the call.
        payments.sidecar.environment = {**payments.sidecar.environment, "ANTIPHON_NAMESPACE": "elsewhere"}
        for program in (orders.sidecar, payments.sidecar, payments.worker):
            program.start()
        for program in (orders.sidecar, payments.sidecar, payments.worker):
            await asyncio.to_thread(program.wait_until_ready)
        await asyncio.to_thread(_refused, orders.grpc_port)
        assert made.effects.read_text() == "", "payments ran it"


def _refused(port: int) -> None:
    wire = Wire(port, app="orders")
    try:
        stream = wire.work()
        router = pb.TaskRouter(target_app_id="payments", target_app_namespace="elsewhere")
        child = wk.WorkflowAction(id=2, create_child_workflow=wk.CreateChildWorkflowAction(name="pay"), router=router)
        instance_id = wire.start()
        wire.answer(stream.turn(), schedule(1, "work", router=router), child)
        failures = [
            getattr(event, str(event.WhichOneof("event_type"))).failure_details
            for event in new_events(stream.turn())
            if str(event.WhichOneof("event_type")).endswith("failed")
        ]
        assert [(each.error_type, each.is_non_retriable) for each in failures] == [("NamespaceMismatch", True)] * 2
        assert all(each.error_message.startswith("AN105 NamespaceMismatch") for each in failures)
        start = cl.CreateInstanceRequest(instance_id="there", name="pay", router=router)
        with pytest.raises(grpc.RpcError) as caught:
            wire.call("StartInstance", start)
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "AN105 NamespaceMismatch" in str(caught.value.details())
        assert not wire.get(instance_id).HasField("completed_timestamp")
    finally:
        wire.close()
