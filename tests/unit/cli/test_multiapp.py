"""The file of several apps: what it says, and what is said about one that cannot be used."""

import pytest

from antiphon_cli import multiapp
from antiphon_cli.ports import AppPorts
from antiphon_sidecar.marked_yaml import FileInvalid
from antiphon_sidecar.settings import Concurrency


@pytest.fixture
def read(tmp_path):
    (tmp_path / "pay").mkdir()

    def write_and_read(text, *, name="antiphon.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return multiapp.read(path)

    return write_and_read


FULL = """
version: 1
store: sqlite:///data/state.db
namespace: shop
common:
  env: {LEVEL: info, REGION: eu}
apps:
  - appID: orders
    appDirPath: .
    command: [python, orders.py, --port, 010]
    env: {LEVEL: debug, VERBOSE: yes}
    daprGRPCPort: 6001
    daprHTTPPort: 6002
  - appDirPath: ./pay
"""


def test_everything_is_read(read, tmp_path):
    plan = read(FULL)
    orders, pay = plan.apps
    assert (plan.store, plan.namespace) == (f"sqlite:///{tmp_path}/data/state.db", "shop")
    assert orders.ports == AppPorts("orders", grpc_port=6001, http_port=6002)
    assert orders.directory == tmp_path
    assert (pay.ports, pay.directory, pay.command) == (AppPorts("pay"), tmp_path / "pay", ())


def test_texts_stay_as_they_were_written(read):
    orders = read(FULL).apps[0]
    assert orders.command == ("python", "orders.py", "--port", "010")
    assert orders.env["VERBOSE"] == "yes"


def test_the_apps_own_environment_wins_over_the_common_one(read):
    orders, pay = read(FULL).apps
    assert (orders.env["LEVEL"], orders.env["REGION"]) == ("debug", "eu")
    assert dict(pay.env) == {"LEVEL": "info", "REGION": "eu"}


@pytest.mark.parametrize("url", ["sqlite:////var/state.db", "postgresql://me@db/antiphon"])
def test_a_store_that_is_not_relative_stays_as_it_is(read, url):
    assert read(f"version: 1\nstore: {url}\napps: [{{appID: a}}]\n").store == url


def test_unknown_keys_of_daprs_own_file_are_collected(read):
    text = """
version: 1
common:
  resourcesPath: ./components
apps:
  - appID: a
    appPort: 80
    appLogDestination: file
"""
    plan = read(text, name="dapr.yaml")
    assert plan.ignored == ("resourcesPath (line 4)", "appPort (line 7)", "appLogDestination (line 8)")
    assert [app.ports.app for app in plan.apps] == ["a"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "version: 1\napps:\n  - appID: a\n    comand: [x]\n",
            'AN702 KeyUnknown: FILE, line 4: unknown key "comand"; an app knows: appDirPath, appID, command, '
            'daprGRPCPort, daprHTTPPort, env, limits. Did you mean "command"? Correct or remove it.',
            id="key of an app",
        ),
        pytest.param(
            "version: 1\nAPPS: []\n",
            'AN702 KeyUnknown: FILE, line 2: unknown key "APPS"; the file knows: apps, common, namespace, store, '
            'version. Did you mean "apps"? Correct or remove it.',
            id="key of the file",
        ),
        pytest.param(
            "version: 1\ncommon: {zebra: 1}\n",
            'AN702 KeyUnknown: FILE, line 2: unknown key "zebra"; common knows: env. Correct or remove it.',
            id="key of common",
        ),
        pytest.param(
            "apps: [{appID: a}]\n",
            "AN701 SettingInvalid: FILE: no version; begin the file with version: 1",
            id="no version",
        ),
        pytest.param(
            "version: 2\napps: [{appID: a}]\n",
            'AN701 SettingInvalid: FILE, line 1: found "2"; accepted: version 1.',
            id="version from elsewhere",
        ),
        pytest.param("version: 1\n", "AN701 SettingInvalid: FILE: no apps; list them under apps.", id="no apps"),
        pytest.param(
            "version: 1\napps: []\n", "AN701 SettingInvalid: FILE: no apps; list them under apps.", id="empty apps"
        ),
        pytest.param(
            "version: 1\napps: {a: 1}\n",
            "AN701 SettingInvalid: FILE, line 2: found a mapping; accepted: a list of apps.",
            id="apps that are no list",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a\n    command: python a.py\n",
            'AN701 SettingInvalid: FILE, line 4: found "python a.py"; '
            "accepted: a list of words, such as [python, app.py].",
            id="command as a text",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a\n    appDirPath: ./none\n",
            'AN701 SettingInvalid: FILE, line 4: found "./none"; accepted: a directory that exists; there is no '
            "BASE/none.",
            id="directory that is not there",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a b\n",
            'AN703 AppIdInvalid: FILE, line 3: app ID "a b" has to be 1-63 letters, digits, ".", "_" or "-". '
            "Rename it.",
            id="app ID with a space",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a\n  - appID: a\n",
            'AN701 SettingInvalid: FILE, line 4: app "a" was given in line 3 already. Rename one.',
            id="one app twice",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a\n    daprGRPCPort: 70000\n",
            'AN701 SettingInvalid: FILE, line 4: found "70000"; accepted: a port from 1 to 65,535.',
            id="port that is none",
        ),
        pytest.param(
            "version: 1\napps:\n  - appID: a\n    env: [A=1]\n",
            "AN701 SettingInvalid: FILE, line 4: found a list; accepted: a mapping of variables to texts.",
            id="env as a list",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(read, tmp_path, text, told):
    with pytest.raises(FileInvalid) as caught:
        read(text)
    assert str(caught.value) == told.replace("FILE", str(tmp_path / "antiphon.yaml")).replace("BASE", str(tmp_path))


def test_an_app_may_have_limits(read):
    plan = read(
        "version: 1\napps:\n"
        "  - {appID: payments, limits: {activities: {charge: 3}, workflows: {ship: 2}}}\n  - {appID: a}"
    )
    assert [app.concurrency for app in plan.apps] == [Concurrency({"charge": 3}, {"ship": 2}), Concurrency()]


def test_an_unknown_kind_of_limit_is_refused(read):
    with pytest.raises(FileInvalid, match=r'unknown key "activitys".*Did you mean "activities"'):
        read("version: 1\napps:\n  - {appID: payments, limits: {activitys: {charge: 3}}}")
