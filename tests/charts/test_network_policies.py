"""Network policies: which ports of which pods are open to whom."""

import pytest

from tests.charts.rendering import Object, of_kind, rendered

PEER_PORT = 50002


def _policies(case: str, suffix: str) -> list[Object]:
    return [found for found in of_kind(rendered(case), "NetworkPolicy") if found["metadata"]["name"].endswith(suffix)]


def _open(policy: Object, port: int, protocol: str = "TCP") -> list[Object]:
    """Return the rules of a policy that admit somebody to a port."""
    return [
        rule
        for rule in policy["spec"]["ingress"]
        for each in rule["ports"]
        if each.get("protocol", "TCP") == protocol
        and isinstance(each["port"], int)
        and each["port"] <= port <= each.get("endPort", each["port"])
    ]


@pytest.mark.parametrize("port", [1, 80, 8080, 9095, PEER_PORT - 1, PEER_PORT + 1, 65535])
def test_an_apps_own_ports_stay_open_to_everyone(port: int) -> None:
    for policy in _policies("namespaces", "-sidecars"):
        assert ["from" in rule for rule in _open(policy, port)] == [False]


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
def test_other_protocols_stay_open(protocol: str) -> None:
    for policy in _policies("namespaces", "-sidecars"):
        assert _open(policy, PEER_PORT, protocol)


def test_the_peer_port_is_for_sidecars_of_the_namespace_and_the_operator() -> None:
    policies = _policies("namespaces", "-sidecars")
    assert {policy["metadata"]["namespace"] for policy in policies} == {"shop", "ml"}
    for policy in policies:
        (rule,) = _open(policy, PEER_PORT)
        sidecars, operator = rule["from"]
        assert sidecars == {"podSelector": {"matchLabels": {"antiphon.dev/injected": "true"}}}
        assert operator["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "antiphon-system"}}
        assert operator["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"


def test_no_app_namespace_is_touched_unless_it_is_named() -> None:
    assert {policy["metadata"]["namespace"] for policy in of_kind(rendered(), "NetworkPolicy")} == {"antiphon-system"}


def test_etcd_admits_the_operator_and_sidecars_of_the_named_namespaces() -> None:
    (policy,) = _policies("namespaces", "-etcd")
    operator, sidecars = policy["spec"]["ingress"][0]["from"]
    assert operator["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "operator"
    assert sidecars["podSelector"]["matchLabels"] == {"antiphon.dev/injected": "true"}
    assert sidecars["namespaceSelector"]["matchExpressions"][0]["values"] == ["shop", "ml"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
