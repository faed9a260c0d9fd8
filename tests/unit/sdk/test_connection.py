"""Where the sidecar is, from arguments and environment."""

import pytest

from antiphon import _connection


@pytest.mark.parametrize(
    ("address", "environment", "target", "tls"),
    [
        (None, {}, "127.0.0.1:50001", False),
        (None, {"DAPR_GRPC_PORT": "4000"}, "127.0.0.1:4000", False),
        (None, {"DAPR_GRPC_PORT": "1", "ANTIPHON_GRPC_PORT": "2"}, "127.0.0.1:2", False),
        (None, {"DAPR_GRPC_ENDPOINT": "https://host"}, "host:443", True),
        ("http://host:5", {"DAPR_GRPC_ENDPOINT": "x:1"}, "host:5", False),
        ("http://[::1]:5", {}, "[::1]:5", False),
        ("dns:host:5?tls=true", {}, "dns:host:5", True),
        ("unix:/run/a.sock", {}, "unix:/run/a.sock", False),
        ("host:1", {}, "host:1", False),
    ],
)
def test_finds_the_sidecar(address: str | None, environment: dict[str, str], target: str, tls: bool):
    found = _connection.endpoint(address, None, environment)
    assert (found.target, found.tls) == (target, tls)


@pytest.mark.parametrize("address", ["host", "http://", "?tls=true"])
def test_refuses_an_address_it_does_not_understand(address: str):
    with pytest.raises(ValueError, match="the sidecar's address"):
        _connection.endpoint(address, None, {})


def test_takes_the_token_of_the_environment_unless_one_is_given():
    environment = {"DAPR_API_TOKEN": "env"}
    assert _connection.endpoint("a:1", None, environment).metadata == (("dapr-api-token", "env"),)
    assert _connection.endpoint("a:1", "own", environment).metadata == (("dapr-api-token", "own"),)
    assert _connection.endpoint("a:1", None, {}).metadata == ()
