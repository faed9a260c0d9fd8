"""Where other replicas find a sidecar: the address that it was given, with a port."""

import pytest

from antiphon_sidecar.bootstrap.sidecar import SettingsClash, published_address


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ("10.0.0.7", "10.0.0.7:50002"),
        ("10.0.0.7:7000", "10.0.0.7:7000"),
        ("fe80::1", "[fe80::1]:50002"),
        ("FE80::1", "[fe80::1]:50002"),
        ("[fe80::1]", "[fe80::1]:50002"),
        ("[fe80::1]:7000", "[fe80::1]:7000"),
        ("pod-1.orders", "pod-1.orders:50002"),
        ("pod-1.orders:7000", "pod-1.orders:7000"),
    ],
)
def test_a_port_of_its_own_wins_over_that_of_the_listener(given: str, published: str) -> None:
    assert published_address(given, 50002) == published


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsClash, match="70000"):
        published_address("pod-1:70000", 50002)
