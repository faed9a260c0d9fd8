"""Which app gets the ports that SDKs look for by themselves."""

from antiphon_cli.ports import AppPorts, parse, with_defaults


def test_reads_an_app_with_its_port():
    assert parse("app.2_x-y:6001") == AppPorts("app.2_x-y", grpc_port=6001)


def test_the_first_app_without_ports_gets_the_usual_ones():
    found = with_defaults([AppPorts("a", grpc_port=6001), AppPorts("b"), AppPorts("c")])
    assert found == [AppPorts("a", grpc_port=6001), AppPorts("b", 50001, 3500), AppPorts("c")]


def test_a_usual_port_that_another_app_asks_for_is_left_to_it():
    found = with_defaults([AppPorts("a"), AppPorts("b", grpc_port=50001)])
    assert found == [AppPorts("a", None, 3500), AppPorts("b", grpc_port=50001)]


def test_an_http_port_that_was_asked_for_stays():
    assert with_defaults([AppPorts("a", http_port=8080)]) == [AppPorts("a", 50001, 8080)]
