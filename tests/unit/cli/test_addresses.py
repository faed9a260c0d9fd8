"""Sidecars by address: how it is written, what listens there, and which certificates fit."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon_cli.addresses import parsed
from antiphon_cli.certificates import Certificates, misfit
from antiphon_cli.failures import Misused
from antiphon_cli.main import main
from tests import pki


def antiphon(*words: str, **env: str) -> Result:
    return CliRunner().invoke(main, words, env={"ANTIPHON_CONFIG": "", "ANTIPHON_STORE": "", **env})


def test_an_address_needs_no_port_and_several_may_stand_together() -> None:
    assert parsed(["10.0.0.7", "[::1]:1, db.example:2  h:3"]) == ["10.0.0.7:50002", "[::1]:1", "db.example:2", "h:3"]
    assert parsed([""]) == []


@pytest.mark.parametrize("text", ["http://h:1", "h:x", "h:70000", ":50002", "h:1/path", "me@h:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Misused, match=r'AN701 SettingInvalid: ".*" is no address\. Give HOST:PORT'):
        parsed([text])


def test_each_address_that_cannot_be_asked_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{free.getsockname()[1]}"
        done = antiphon("apps", "--address", gone, "--address", "name.invalid:1")
    assert done.exit_code == 1
    first, second, third = done.stderr.splitlines()
    assert first == "AN705 HostNotFound: none of 2 addresses can be asked:"
    assert second.startswith(f"  AN705 HostNotFound: nothing answers at {gone} (Connection refused).")
    assert third.startswith("  AN705 HostNotFound: nothing answers at name.invalid:1 (")


def test_the_environment_names_addresses_unless_a_store_is_named(tmp_path: Path) -> None:
    done = antiphon("apps", ANTIPHON_ADDRESS="127.0.0.1:1 127.0.0.1:2")
    assert "none of 2 addresses can be asked" in done.stderr
    done = antiphon("apps", "--db", str(tmp_path / "none.db"), ANTIPHON_ADDRESS="127.0.0.1:1")
    assert done.stderr.startswith("AN705 HostNotFound: nothing runs on this machine with the store")


def test_certificates_come_all_three_or_not_at_all(tmp_path: Path) -> None:
    done = antiphon("apps", "--address", "h", "--ca-file", "ca.pem")
    assert (done.exit_code, "belong together: give all three, or none." in done.stderr) == (2, True)
    done = antiphon("apps", "--address", "h", "--ca-file", "a", "--cert-file", "b", "--key-file", "c")
    assert (done.exit_code, done.stderr) == (2, "AN701 SettingInvalid: a cannot be read: No such file or directory.\n")


@contextmanager
def speaking(context: ssl.SSLContext | None) -> Iterator[int]:
    """Take connections, with TLS or with a word that is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                with plain:
                    try:
                        if context is None:
                            plain.sendall(b"PRI * HTTP/2.0")
                            plain.recv(1)
                        else:
                            with context.wrap_socket(plain, server_side=True) as secure:
                                secure.sendall(b"x")
                                secure.recv(1)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def demanding(files: pki.Files) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.ca)
    context.load_cert_chain(files.server_cert, files.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    return context


def test_why_tls_does_not_fit_is_found_out(tmp_path: Path) -> None:
    files, others = pki.made(tmp_path), pki.made(tmp_path, name="others-")
    ours = Certificates(files.ca, files.client_cert, files.client_key)
    with speaking(demanding(files)) as port:
        assert misfit("127.0.0.1", port, ours) is None
        assert misfit("127.0.0.1", port, None) == (
            f"AN710 TlsMismatch: 127.0.0.1:{port} speaks TLS. Give --ca-file, --cert-file and --key-file."
        )
        told = misfit("127.0.0.1", port, Certificates(others.ca, files.client_cert, files.client_key))
        assert told is not None
        assert f"shows a certificate that {others.ca} does not vouch for: " in told
        told = misfit("127.0.0.1", port, Certificates(files.ca, others.client_cert, others.client_key))
        assert told is not None
        assert f"does not accept {others.client_cert}: " in told
        told = misfit("127.0.0.1", port, Certificates(files.ca, files.client_cert, files.client_key, "orders.example"))
        assert told is not None
        assert told.endswith("Name what it is made for with --server-name, if that is not orders.example.")
    with speaking(None) as port:
        told = misfit("127.0.0.1", port, ours)
        assert told is not None
        assert "speaks no TLS (" in told
        assert misfit("127.0.0.1", port, None) is None
