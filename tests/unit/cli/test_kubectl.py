"""`kubectl antiphon`: where its options stand, which pod is asked, and how connections reach it."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon_cli import kubectl
from antiphon_cli.failures import Unreachable
from antiphon_cli.forwarding import forwarded
from antiphon_cli.kubectl import Pod, chosen, in_front

LINES = {
    "-n shop why x": "--namespace shop why x",
    "why x -n shop": "--namespace shop why x",
    "why x --namespace=shop --context kind": "--namespace shop --context kind why x",
    "workflow list --app a -n shop -o json": "--namespace shop workflow list --app a -o json",
    "workflow start buy -- -n shop": "workflow start buy -- -n shop",
    "why x -n": "--namespace why x",
}


@pytest.mark.parametrize("line", LINES)
def test_options_of_the_cluster_stand_anywhere(line: str) -> None:
    assert " ".join(in_front(line.split())) == LINES[line]


def test_a_ready_sidecar_is_asked() -> None:
    pods = [Pod("a", 50002, ready=False), Pod("c", 50002, ready=True), Pod("b", 7, ready=True)]
    assert chosen(pods, namespace="shop", place="kind").name == "b"


def test_a_namespace_without_sidecars_is_told_what_to_start() -> None:
    with pytest.raises(Unreachable, match=r'AN714 .* "shop" \(context kind\) .*antiphon\.dev/inject: "true".* -n'):
        chosen([], namespace="shop", place="kind")
    with pytest.raises(Unreachable, match=r"AN714 .* with a sidecar: a\. See kubectl -n shop logs"):
        chosen([Pod("a", 50002, ready=False)], namespace="shop", place="kind")


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while data := connection.recv(1_000):
                        connection.sendall(data)

        thread = threading.Thread(target=serve, name="echo")
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_each_connection_is_brought_to_the_pod(echo: int) -> None:
    opened = []

    def connect() -> socket.socket:
        opened.append(socket.create_connection(("127.0.0.1", echo)))
        return opened[-1]

    with forwarded(connect) as address:
        host, _, port = address.partition(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b"there")
                assert connection.recv(100) == b"there"
    assert len(opened) == 3


def test_a_pod_that_cannot_be_reached_any_more_ends_the_connection(echo: int) -> None:
    first = [socket.create_connection(("127.0.0.1", echo))]

    def connect() -> socket.socket:
        if not first:
            raise Unreachable("gone")
        return first.pop()

    with forwarded(connect) as address:
        host, _, port = address.partition(":")
        socket.create_connection((host, int(port)), timeout=10).close()
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            assert connection.recv(100) == b""


def plugin(tmp_path: Path, *words: str, context: str = "here") -> Result:
    """Call the plugin with a kubeconfig of a cluster that does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        f"apiVersion: v1\nkind: Config\ncurrent-context: {context}\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
        "users: [{name: u, user: {}}]\ncontexts: [{name: here, context: {cluster: c, user: u}}]\n"
    )
    return CliRunner().invoke(kubectl.plugin, in_front([*words, "--kubeconfig", str(kubeconfig)]))


def test_what_asks_nobody_needs_no_cluster(tmp_path: Path) -> None:
    assert "TargetAppNotFound" in plugin(tmp_path, "explain", "AN103").stdout


def test_a_context_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    done = plugin(tmp_path, "apps", "--context", "her")
    assert done.exit_code == 2
    assert 'no context "her"; it has here. Did you mean "here"?' in done.stderr


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path) -> None:
    done = plugin(tmp_path, "apps", "-n", "shop")
    assert done.exit_code == 1
    assert "AN715 ClusterRefused: the API server of context here does not answer" in done.stderr
