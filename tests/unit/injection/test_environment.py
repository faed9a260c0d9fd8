"""What the injected container is started with is what `antiphon sidecar` reads."""

from dataclasses import replace

import click
import pytest

from antiphon_cli.main import main
from antiphon_cli.sidecar import credentials, sidecar
from antiphon_operator.injection import Injected, InjectionSettings, inject
from antiphon_sidecar import settings_loading
from antiphon_sidecar.settings import Settings
from antiphon_sidecar.settings_loading import SETTINGS as KNOWN
from tests.unit.injection.examples import NAMESPACE, SETTINGS, known, pod, registration, store

#: What the kubelet puts in for references to fields.
FIELDS = {
    "metadata.name": "orders-6d4-x7",
    "metadata.uid": "3f0c",
    "metadata.namespace": NAMESPACE,
    "status.podIP": "10.1.2.3",
}
#: Of the environment of any process.
USUAL = {"HOME", "TMPDIR", "POD_NAME", "POD_UID", "POD_IP"}


def container(settings: InjectionSettings = SETTINGS) -> dict:
    outcome = inject(pod(), namespace=NAMESPACE, known=known(registration(), store()), settings=settings)
    assert isinstance(outcome, Injected)
    (operation,) = [each for each in outcome.patch if each["path"] == "/spec/initContainers"]
    return operation["value"][0]


def environment(settings: InjectionSettings = SETTINGS) -> dict[str, str]:
    return {
        variable["name"]: variable.get("value") or FIELDS[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        for variable in container(settings)["env"]
    }


def read_by_the_sidecar() -> set[str]:
    """Variables of settings, those of options, and the ones that the command reads by itself."""
    options = {str(option.envvar) for option in sidecar.params if isinstance(option, click.Option) and option.envvar}
    itself = {"ANTIPHON_APP_ID", "ANTIPHON_PEER_ADDRESS", "ANTIPHON_ETCD_CREDENTIALS"}
    return {setting.variable for setting in KNOWN} | options | itself


def test_every_variable_is_read_by_the_sidecar():
    with_credentials = replace(SETTINGS, etcd_credentials_secret="etcd-client")
    assert environment(with_credentials).keys() - USUAL - read_by_the_sidecar() == set()


def test_the_sidecars_own_loader_takes_the_environment():
    assert settings_loading.load(flags={}, env=environment(), file=None) == replace(
        Settings(),
        namespace=NAMESPACE,
        store_file="/var/run/secrets/antiphon.dev/store/url",
        etcd="http://etcd.antiphon.svc:2379",
        metrics_port=9095,
        peer_address="10.1.2.3",
        registry="operator",
    )


def test_the_arguments_are_a_command():
    (name,) = container()["args"]
    assert main.get_command(click.Context(main), name) is sidecar


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_levels_of_logs_are_those_of_the_command(level):
    (option,) = [option for option in sidecar.params if option.name == "log_level"]
    assert level in option.type.choices


def test_a_directory_of_credentials_fills_settings_that_are_not_given(tmp_path):
    for name, text in {"ca.crt": "ca", "username": "root\n", "password": "secret", "other": "x"}.items():
        (tmp_path / name).write_text(text)
    assert credentials(tmp_path, {"ANTIPHON_ETCD_PASSWORD_FILE": "/elsewhere"}) == {
        "etcd_ca_file": str(tmp_path / "ca.crt"),
        "etcd_user": "root",
    }
