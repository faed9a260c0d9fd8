"""Host and command line find each other by the store's URL alone."""

import os

import pytest

from antiphon_names import hosts


def socket_path(url: str, *, schema: str = "antiphon", namespace: str = "default") -> str:
    return hosts.socket_path(url, schema=schema, namespace=namespace)


def test_the_socket_lies_beside_the_database(tmp_path):
    assert socket_path("sqlite:////var/lib/state.db") == "/var/lib/state.db.sock"


def test_every_way_to_name_a_database_leads_to_one_socket(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to(tmp_path / "state.db")
    urls = [f"sqlite:///{tmp_path}/state.db", "sqlite:///~/state.db", "sqlite:///state.db", "sqlite:///link.db"]
    assert len({socket_path(url) for url in urls}) == 1


def test_a_path_too_long_for_a_socket_goes_to_the_runtime_directory(monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    first, second = (socket_path(f"sqlite:////{'x' * 100}/{name}.db") for name in ("a", "b"))
    assert os.path.dirname(first) == "/run/user/7/antiphon"
    assert first != second


def test_the_password_does_not_decide_where_a_postgres_host_listens(monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    urls = [
        "postgresql://me:one@db:5432/antiphon?sslmode=require",
        "postgresql://me:two@db:5432/antiphon?sslmode=require&password=x",
        "postgres://me@db:5432/antiphon?sslmode=require",
    ]
    assert len({socket_path(url) for url in urls}) == 1
    assert socket_path(urls[0]) != socket_path("postgresql://me@db:5432/other")


def test_each_schema_and_namespace_of_a_database_has_a_socket_of_its_own(monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    url = "postgresql://me@db/antiphon"
    named = [{"schema": schema, "namespace": space} for schema in ("a", "b") for space in ("a", "b", "default")]
    assert len({hosts.socket_path(url, **each) for each in named}) == len(named)
    assert len({hosts.identity_path("abc", **each) for each in named}) == len(named)
    assert hosts.identity_path("abc", **named[0]).startswith("/run/user/7/antiphon/")


def test_without_a_runtime_directory_each_user_has_one_below_tmp(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert hosts.runtime_directory() == f"/tmp/antiphon-{os.getuid()}"


@pytest.mark.parametrize("url", ["memory:", "sqlite:///", "sqlite://state.db", "mysql://db/antiphon", ""])
def test_other_urls_have_no_socket(url):
    with pytest.raises(ValueError, match=r"is n"):
        socket_path(url)
