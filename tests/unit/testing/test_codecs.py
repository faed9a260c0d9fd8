"""Payload codecs: what leaves a process, what comes back, and who can read it."""

import base64
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet

from antiphon import (
    ActivityFailure,
    Client,
    DefinitionError,
    PayloadNotDecoded,
    Status,
    Worker,
    activity,
    codec,
    testing,
    workflow,
)
from antiphon._payloads import Marker, Payloads, readable, shown
from antiphon_proto.v1 import history_pb2
from examples.encryption.sealing import Sealing

LONG = "tea " * 5000


class Rot13:
    """Stands for encryption: nobody without it can read the values."""

    name = "rot13"

    def encode(self, data: bytes) -> bytes:
        return bytes((byte + 13) % 256 for byte in data)

    def decode(self, data: bytes) -> bytes:
        return bytes((byte - 13) % 256 for byte in data)


@activity.define
async def twice(text: str) -> str:
    return text * 2


@activity.define
async def explode(text: str) -> None:
    raise ValueError(f"secret {text}")


@workflow.define
async def child(ctx: workflow.Context, text: str) -> str:
    return text + await ctx.wait_for_event("more", result=str)


@workflow.define
async def whole(ctx: workflow.Context, text: str) -> list[str]:
    ctx.set_custom_status(text)
    doubled = await ctx.call_activity(twice, text)
    ended = await ctx.call_workflow(child, text, instance_id="child")
    try:
        await ctx.call_activity(explode, text)
    except ActivityFailure as failure:
        return [doubled, ended, failure.message]
    raise AssertionError


@workflow.define
async def again(ctx: workflow.Context, left: int) -> int:
    if left:
        ctx.continue_as_new(left - 1)
    return left


FUNCTIONS: dict[str, Any] = {"workflows": [whole, child, again], "activities": [twice, explode]}


async def run(env: testing.Environment, text: str) -> testing.App:
    app = await env.app("app", **FUNCTIONS)
    await app.client.start(whole, text, instance_id="i")
    await env.settle()
    await app.client.raise_event("child", "more", "!")
    return app


def encoded(history: list[Any]) -> list[str]:
    """Which members of which events are markers."""
    found = []
    for entry in history:
        for key, value in entry.details.items():
            if isinstance(value, str) and Marker.read(value) is not None:
                found.append(f"{entry.kind}.{key}")
    return found


async def test_values_are_encoded_on_the_way_and_plain_for_code():
    async with testing.Environment(codecs=[codec.Zlib(), Rot13()]) as env:
        app = await run(env, LONG)
        state = await app.client.wait("i", result=list[str])
        assert state.output is not None
        assert state.output[:2] == [LONG * 2, f"{LONG}!"]
        assert state.output[2].startswith("secret tea")
        assert (state.input, state.custom_status) == (LONG, LONG)
        history = await app.client.history("i")
        assert encoded(history) == [
            "execution_started.input",
            "task_scheduled.input",
            "task_completed.result",
            "child_workflow_instance_created.input",
            "child_workflow_instance_completed.result",
            "task_scheduled.input",
            "execution_completed.result",
        ]
        assert "event_raised.input" in encoded(await app.client.history("child"))
        assert testing.replay([whole], history, codecs=[Rot13()]).finished


async def test_a_client_without_the_codec_names_it():
    async with testing.Environment(codecs=[Rot13()]) as env:
        app = await run(env, "tea")
        await app.client.wait("i")
        async with Client(address=app.address) as other:
            with pytest.raises(PayloadNotDecoded, match=r'AN531 .*input of instance "i" was encoded with "rot13"'):
                await other.get("i")


async def test_a_worker_without_the_codec_fails_the_workflow_and_names_it(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app", **FUNCTIONS)
    async with Client(address=app.address, codecs=[Rot13()]) as other:
        await other.start(whole, "tea", instance_id="i")
        state = await other.wait("i", result=str)
    assert state.status is Status.FAILED
    assert state.failure.error_type == "PayloadNotDecoded"


async def test_compressed_values_are_read_by_everybody(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app", **FUNCTIONS)
    async with Client(address=app.address, codecs=[codec.Zlib()]) as other:
        await other.start(again, 0, instance_id="i")
        await other.start(child, LONG, instance_id="c")
        await other.raise_event("c", "more", LONG)
    assert (await app.client.wait("c", result=str)).output == LONG * 2


async def test_continue_as_new_hands_over_an_encoded_input():
    async with testing.Environment(codecs=[Rot13()]) as env:
        app = await env.app("app", **FUNCTIONS)
        state = await app.client.wait(await app.client.start(again, 3), result=int)
        assert (state.output, state.input) == (0, 0)


async def test_terminate_gives_an_encoded_output():
    async with testing.Environment(codecs=[Rot13()]) as env:
        app = await env.app("app", **FUNCTIONS)
        await app.client.start(child, "x", instance_id="c")
        await app.client.terminate("c", "stopped")
        assert (await app.client.wait("c")).output == "stopped"


async def test_texts_of_failures_are_encoded_on_request_only(antiphon_env: testing.Environment):
    app = await antiphon_env.app("app")
    for hide, text in ((False, "secret tea"), (True, "{")):
        async with (
            Worker(**FUNCTIONS, address=app.address, codecs=[Rot13()], encode_failures=hide),
            Client(address=app.address, codecs=[Rot13()]) as client,
        ):
            await client.start(whole, "tea", instance_id="i")
            await antiphon_env.settle()
            await client.raise_event("child", "more", "!")
            assert (await client.wait("i", result=list[str])).output[2] == "secret tea"
            failed = next(e for e in await client.history("i") if e.kind == "task_failed").details["failure_details"]
            assert failed["error_type"] == "ValueError"
            assert failed["error_message"].startswith(text)
            await client.purge("i")


def test_only_a_whole_marker_is_one():
    assert Payloads([Rot13()]).decode('{"antiphon/codec":"x"}', what="v") == '{"antiphon/codec":"x"}'
    assert Marker.read('{"antiphon/codec": "x", "data": "!"}') is None
    assert Marker.read('["antiphon/codec"]') is None


def test_small_and_random_values_are_not_compressed():
    zip = codec.Zlib(threshold_bytes=10)
    assert zip.encode(b"short") is None
    assert zip.encode(base64.b64encode(bytes(range(256)))) is None


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"x" + data])
def test_damaged_values_are_refused(damage):
    data = codec.Zlib().encode(LONG.encode())
    assert data is not None
    with pytest.raises(PayloadNotDecoded, match="cannot be decoded"):
        Payloads().decode(Marker("zlib", damage(data)).text(), what="v")


def test_a_value_that_would_fill_the_memory_is_refused():
    data = codec.Zlib().encode(b"a" * 100_000)
    assert data is not None
    with pytest.raises(ValueError, match="larger than 1000"):
        codec.Zlib(decoded_bytes_max=1000).decode(data)


def test_what_is_no_codec_is_refused():
    with pytest.raises(DefinitionError, match="is no codec: it needs a name"):
        Client(codecs=["zlib"])  # type: ignore[list-item]


def test_two_codecs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="rot13"):
        Payloads([Rot13(), Rot13()])


def test_people_see_what_can_be_read():
    assert readable(Payloads([codec.Zlib()]).encode(json.dumps(LONG)) or "") == json.dumps(LONG)
    assert shown(Payloads([Rot13()]).encode('"tea"') or "") == '<5 bytes, encoded with "rot13">'


def test_an_encoded_failure_that_cannot_be_read_is_still_seen():
    details = history_pb2.FailureDetails(error_type="E", error_message="m")
    Payloads([Rot13()], failures=True).encode_failure(details)
    assert Payloads().decode_failure(details).error_message.startswith('{"antiphon/codec":"rot13"')


async def test_the_example_encrypts_and_changes_its_key():
    old, new = Fernet.generate_key(), Fernet.generate_key()
    async with testing.Environment(codecs=[codec.Zlib(), Sealing([old])]) as env:
        app = await env.app("app", **FUNCTIONS)
        await app.client.start(again, 2, instance_id="i")
        await app.client.wait("i")
        async with Client(address=app.address, codecs=[Sealing([new, old])]) as client:
            assert (await client.get("i")).output == 0
        async with Client(address=app.address, codecs=[Sealing([new])]) as client:
            with pytest.raises(PayloadNotDecoded, match="InvalidToken"):
                await client.get("i")
