"""`antiphon check` and `antiphon apps`: what is found, and the exit code."""

import json
import socket
from collections.abc import Iterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_cli.checking import _version
from antiphon_proto.v1 import control_pb2
from tests.unit.cli.scripted_host import scripted

NOW = Timestamp(seconds=1_700_000_000)


def host(**over: object) -> control_pb2.CheckResponse:
    made = control_pb2.CheckResponse(
        version=_version(),
        pid=4711,
        namespace="default",
        store="sqlite:///state.db",
        store_time=NOW,
        host_time=NOW,
        store_us=400,
    )
    made.MergeFrom(control_pb2.CheckResponse(**over))
    return made


@pytest.fixture
def address() -> Iterator[str]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def app(address: str, **over: object) -> control_pb2.AppSummary:
    return control_pb2.AppSummary(
        **{"app_id": "orders", "replicas": 1, "workers": 2, "grpc_address": address, "changed_at": NOW, **over}
    )


def checked(check: control_pb2.CheckResponse, *apps: control_pb2.AppSummary, words: tuple[str, ...] = ()):
    with scripted({"Check": check, "ListApps": control_pb2.ListAppsResponse(apps=apps)}) as antiphon:
        return antiphon("check", *words)


def problems(done) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if line.startswith("problem")]


def test_all_is_well(address):
    done = checked(host(), app(address))
    assert done.exit_code == 0, done.stdout
    assert [line.split(maxsplit=1)[0] for line in done.stdout.splitlines()] == ["RESULT", *["ok"] * 6]
    assert f"listens on {address}" in done.stdout
    assert "sqlite:///state.db answers in 0.4 ms" in done.stdout


@pytest.mark.parametrize(
    ("over", "told"),
    [
        pytest.param({"version": "9.9"}, "the host is 9.9, this command", id="another version"),
        pytest.param({"store_error": "AN301 StoreUnreachable: gone"}, "AN301 StoreUnreachable: gone", id="store away"),
        pytest.param({"host_time": Timestamp(seconds=1_700_000_009)}, "differ by 9.0 s", id="clock off"),
        pytest.param(
            {
                "held": [
                    control_pb2.HeldCalls(
                        caller_app_id="orders",
                        target_app_id="payments",
                        name="charge",
                        reason="TargetAppUnavailable",
                        count=3,
                    )
                ]
            },
            'app payments  3 calls of orders to activity "charge" wait: TargetAppUnavailable.',
            id="calls that nobody can take",
        ),
    ],
)
def test_a_problem_is_told_and_exits_with_1(address, over, told):
    done = checked(host(**over), app(address))
    assert done.exit_code == 1
    (found,) = problems(done)
    assert told in found


def test_an_app_without_workers_or_listener_is_a_problem():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{free.getsockname()[1]}"
    found = problems(checked(host(), app(gone, workers=0)))
    assert len(found) == 2
    assert "does not listen on" in found[0]
    assert "AN501 WorkerNotConnected: no worker of orders is connected" in found[1]


def test_an_app_that_was_seen_before_is_only_noted():
    done = checked(host(), app("", app_id="stock", workers=0, replicas=0, away=True))
    assert done.exit_code == 0
    assert "note    app stock  does not run; it was last seen at 2023-11-14T22:13:20Z" in done.stdout


ETCD = control_pb2.Coordination(kind=control_pb2.Coordination.KIND_ETCD, endpoints="http://e:2379", lease=True)


def sidecar(**over: object) -> control_pb2.CheckResponse:
    return host(**{"replica_id": "orders-1", "coordination": ETCD, **over})


def replica(name: str, **over: object) -> control_pb2.ReplicaSummary:
    known = {"app_id": "orders", "address": "10.0.0.7:50002", "workers": 1, "partitions": 32, "version": "1"}
    return control_pb2.ReplicaSummary(replica_id=name, **{**known, **over})


def test_a_sidecar_tells_of_etcd_and_of_every_replica():
    done = checked(
        sidecar(replicas=[replica("orders-1"), replica("orders-2", workers=2, partitions=1)]), app("there:1")
    )
    assert done.exit_code == 0, done.stdout
    assert "orders-1, process 4711, serves namespace default" in done.stdout
    assert "etcd              http://e:2379 answers\n" in done.stdout
    assert "replica orders-2  of orders at 10.0.0.7:50002: 2 workers, 1 partition\n" in done.stdout
    assert "there:1" not in done.stdout, "a listener on another machine"


@pytest.mark.parametrize(
    ("over", "told"),
    [
        pytest.param(
            {"coordination": control_pb2.Coordination(kind=control_pb2.Coordination.KIND_ETCD, endpoints="http://e:1")},
            "http://e:1 answers, but this replica has no lease there yet",
            id="no lease",
        ),
        pytest.param(
            {
                "coordination": control_pb2.Coordination(
                    kind=control_pb2.Coordination.KIND_ETCD, endpoints="http://e:2379", away_since=NOW
                )
            },
            "AN403 EtcdUnreachable: http://e:2379 has not answered since 2023-11-14T22:13:20Z; owners go on",
            id="etcd away",
        ),
        pytest.param(
            {"replicas": [replica("orders-2", problem="AN712 ReplicaSilent: silent.")]},
            "replica orders-2  AN712 ReplicaSilent: silent.",
            id="silent",
        ),
        pytest.param(
            {"unowned": [control_pb2.UnownedPartitions(app_id="orders", partitions=[0, 1, 2, 7])]},
            "app orders  4 partitions without owner: 0-2, 7; instances there wait until one takes them",
            id="partitions that nobody has",
        ),
        pytest.param(
            {"unowned": [control_pb2.UnownedPartitions(app_id="orders", partitions=[3], held_by="orders-9")]},
            "app orders  1 partition held by replica orders-9, which is gone",
            id="partitions of one that is gone",
        ),
    ],
)
def test_what_is_wrong_among_sidecars_is_a_problem(over, told):
    done = checked(sidecar(**over), app(""))
    assert done.exit_code == 1
    (found,) = problems(done)
    assert told in found


def test_replicas_of_different_releases_are_noted():
    done = checked(sidecar(replicas=[replica("orders-1"), replica("orders-2", version="2")]), app(""))
    assert (done.exit_code, "replicas run different releases: 1 of 1, 1 of 2. Finish the upgrade" in done.stdout) == (
        0,
        True,
    )


def test_findings_are_values_for_programs(address):
    done = checked(host(), app(address), words=("-o", "json"))
    assert {value["result"] for value in json.loads(done.stdout)} == {"ok"}


def test_without_a_host_the_way_to_start_one_is_told(tmp_path):
    with scripted({}) as antiphon:
        pass
    done = antiphon("check")
    assert done.exit_code == 1
    assert done.stderr.startswith("AN705 HostNotFound: nothing runs on this machine with the store")


def test_apps_shows_those_that_are_away_last(address):
    away = app("", app_id="stock", workers=0, replicas=0, away=True)
    with scripted({"ListApps": control_pb2.ListAppsResponse(apps=[app(address), away])}) as antiphon:
        lines = [line.split() for line in antiphon("apps").stdout.splitlines()]
    assert lines[1] == ["orders", "1", "2", address, "2023-11-14T22:13:20Z"]
    assert lines[2] == ["stock", "0", "0", "-", "2023-11-14T22:13:20Z"]


def test_an_app_that_is_away_is_not_one_to_start_in(address):
    away = app("", app_id="stock", away=True)
    with scripted({"ListApps": control_pb2.ListAppsResponse(apps=[away])}) as antiphon:
        done = antiphon("workflow", "start", "buy")
    assert "serves nothing" in done.stderr
