"""The operator's command line: flags, environment, and what is refused."""

import pytest

from antiphon_operator.main import parser, settings


def chosen(*arguments):
    return settings(parser().parse_args(["operator", *arguments]))


def test_flags_become_settings(monkeypatch):
    monkeypatch.setenv("POD_NAME", "antiphon-operator-1")
    monkeypatch.setenv("POD_NAMESPACE", "antiphon-system")
    found = chosen("--etcd", "http://a:2379,http://b:2379", "--watch-namespace", "shop", "--watch-namespace", "billing")
    assert found.identity == "antiphon-operator-1"
    assert found.etcd.endpoints == ("http://a:2379", "http://b:2379")
    assert found.namespaces == ("shop", "billing")
    assert (found.lease.namespace, found.lease.name) == ("antiphon-system", "antiphon-operator")
    assert (found.certificates.mode, found.metrics_port) == ("none", 8080)


def test_the_environment_says_what_flags_do_not(monkeypatch):
    monkeypatch.setenv("ANTIPHON_ETCD", "http://etcd:2379")
    monkeypatch.setenv("ANTIPHON_WATCH_NAMESPACE", "shop,billing")
    monkeypatch.setenv("ANTIPHON_CERTIFICATES", "self-managed")
    found = chosen("--metrics-port", "9000")
    assert found.etcd.endpoints == ("http://etcd:2379",)
    assert found.namespaces == ("shop", "billing")
    assert (found.certificates.mode, found.metrics_port) == ("self-managed", 9000)


def test_flags_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("ANTIPHON_ETCD", "http://etcd:2379")
    monkeypatch.setenv("ANTIPHON_WATCH_NAMESPACE", "shop")
    found = chosen("--etcd", "http://other:2379", "--watch-namespace", "billing")
    assert (found.etcd.endpoints, found.namespaces) == (("http://other:2379",), ("billing",))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--etcd", "http://etcd:2379", "--certificates", "mine"],
        ["--etcd", "http://etcd:2379", "--metrics-port", "x"],
        ["--etcd", "http://etcd:2379", "--unheard-of"],
    ],
)
def test_what_has_no_meaning_is_refused(arguments, monkeypatch):
    monkeypatch.delenv("ANTIPHON_ETCD", raising=False)
    with pytest.raises(SystemExit):
        chosen(*arguments)
