"""Where a setting's value comes from, and what is said about one that cannot be used."""

import pytest

from antiphon_sidecar.marked_yaml import FileInvalid
from antiphon_sidecar.settings import Concurrency, Limits, Settings
from antiphon_sidecar.settings_loading import LIMITS, SETTINGS, SettingInvalid, load


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "settings.yaml"
        path.write_text(text)
        return path

    return write


def test_without_any_source_there_are_the_defaults():
    assert load(flags={}, env={}, file=None) == Settings()


def test_every_field_can_be_set_from_outside():
    assert {setting.field for setting in SETTINGS} == set(Settings.__slots__) - {
        "limits",
        "concurrency",
        "app_concurrency",
    }
    assert {limit.field for limit in LIMITS} == set(Limits.__slots__)


def test_flags_win_over_environment_over_file_over_defaults(file):
    text = "namespace: from-file\nstore_schema: from-file\nstore: from-file\n"
    env = {"ANTIPHON_NAMESPACE": "from-env", "ANTIPHON_STORE": "from-env"}
    found = load(flags={"namespace": "from-flag"}, env=env, file=file(text))
    assert (found.namespace, found.store, found.store_schema) == ("from-flag", "from-env", "from-file")
    assert found.unknown_app == "fail"


def test_what_is_empty_counts_as_not_given(file):
    found = load(flags={"namespace": None}, env={"ANTIPHON_NAMESPACE": ""}, file=file("namespace:\nlimits:\n"))
    assert found == Settings()


def test_an_empty_file_says_nothing(file):
    assert load(flags={}, env={}, file=file("# nothing yet\n")) == Settings()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("2m", 120), ("1h30m", 5400), ("1.5s", 1.5), ("0s", 0)],
)
def test_durations_carry_their_unit(text, seconds):
    assert load(flags={"unknown_app_grace": text}, env={}, file=None).unknown_app_grace_s == seconds


KEPT = (("completed", 604800.0), ("failed", 5400.0))


def test_retention_is_a_text_and_in_a_file_a_mapping_too(file):
    text = "completed=7d, failed=1h30m"
    assert load(flags={"retention": text}, env={}, file=None).retention == KEPT
    assert load(flags={}, env={"ANTIPHON_RETENTION": text}, file=None).retention == KEPT
    for written in (f"retention: {text}\n", "retention:\n  completed: 7d\n  failed: 1h30m\n"):
        assert load(flags={}, env={}, file=file(written)).retention == KEPT


@pytest.mark.parametrize(
    "text", ["7d", "completed", "completed=", "running=7d", "completed=7", "completed=0s", "failed=1d,failed=2d", ","]
)
def test_retention_that_cannot_be_meant_is_refused(text):
    with pytest.raises(SettingInvalid, match=r"AN701 .*accepted: completed=7d,failed=30d and the like: completed or"):
        load(flags={"retention": text}, env={}, file=None)


@pytest.mark.parametrize(
    ("text", "size"), [("4MiB", 4 << 20), ("512 KiB", 512 << 10), ("2000000", 2_000_000), ("5MB", 5_000_000)]
)
def test_sizes_may_carry_their_unit(file, text, size):
    found = load(flags={}, env={}, file=file(f"limits:\n  payload_size_max: {text}\n"))
    assert found.limits.payload_bytes_max == size


@pytest.mark.parametrize(
    ("flags", "env", "told"),
    [
        pytest.param(
            {"unknown_app_grace": "5"},
            {},
            'unknown_app_grace is "5" (flag --unknown-app-grace); '
            "accepted: a duration such as 500ms, 5s, 2m or 1h30m, from 0s to 86400s.",
            id="duration without unit, from a flag",
        ),
        pytest.param(
            {},
            {"ANTIPHON_UNKNOWN_APP": "ask"},
            'unknown_app is "ask" (environment variable ANTIPHON_UNKNOWN_APP); accepted: fail or wait.',
            id="none of the choices, from the environment",
        ),
        pytest.param(
            {"metrics_port": "70000"},
            {},
            'metrics_port is "70000" (flag --metrics-port); accepted: a port from 0 (any free one) to 65,535.',
            id="port that is none",
        ),
        pytest.param(
            {"store_pool_size": "many"},
            {},
            'store_pool_size is "many" (flag --store-pool-size); accepted: a whole number from 1 to 1,000.',
            id="number that is none",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_source(flags, env, told):
    with pytest.raises(SettingInvalid) as caught:
        load(flags=flags, env=env, file=None)
    assert str(caught.value) == f"AN701 SettingInvalid: {told}"


def test_a_value_of_the_file_is_named_with_its_line(file):
    path = file("limits:\n  sweep: 1s\n  lease: 1s\n")
    with pytest.raises(SettingInvalid) as caught:
        load(flags={}, env={}, file=path)
    assert str(caught.value) == (
        f'AN701 SettingInvalid: lease is "1s" ({path}, line 3); '
        "accepted: a duration such as 500ms, 5s, 2m or 1h30m, from 2s to 60s."
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "store: x\nunknown-app: wait\n",
            'AN702 KeyUnknown: FILE, line 2: unknown key "unknown-app"; a settings file knows: api_token, etcd, '
            "etcd_ca_file, etcd_cert_file, etcd_key_file, etcd_password_file, etcd_user, limits, metrics_port, "
            "namespace, peer_address, peer_ca_file, peer_cert_file, peer_key_file, peer_port, registry, retention, "
            "store, store_file, store_pool_size, store_schema, unknown_app, unknown_app_grace. "
            'Did you mean "unknown_app"?',
            id="nearest key",
        ),
        pytest.param("limits: {zebra: 1}", 'AN702 KeyUnknown: FILE, line 1: unknown key "zebra"; limits', id="limit"),
        pytest.param("- a\n", "AN701 SettingInvalid: FILE, line 1: found a list; accepted: a mapping", id="a list"),
        pytest.param("a: [\n", "AN701 SettingInvalid: FILE, line 2: not YAML: ", id="no YAML"),
        pytest.param(
            "store: a\nnamespace: b\nstore: c\n",
            'AN701 SettingInvalid: FILE, line 3: "store" was given in line 1 already. Remove one of them.',
            id="key given twice",
        ),
        pytest.param("store: [a]\n", "AN701 SettingInvalid: FILE, line 1: found a list; accepted: the URL", id="value"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_line(file, text, told):
    path = file(text)
    with pytest.raises(FileInvalid) as caught:
        load(flags={}, env={}, file=path)
    assert str(caught.value).startswith(told.replace("FILE", str(path)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileInvalid, match=r"AN701 SettingInvalid: .*/none\.yaml cannot be read: No such file"):
        load(flags={}, env={}, file=tmp_path / "none.yaml")


def test_names_have_limits(file):
    found = load(
        flags={}, env={}, file=file("limits:\n  activities: {charge: 3, refund: 1}\n  workflows: {ship: 20}\n")
    )
    assert found.concurrency == Concurrency({"charge": 3, "refund": 1}, {"ship": 20})
    assert found.concurrency_of("payments") == found.concurrency


def test_an_apps_own_limits_win():
    settings = Settings(
        concurrency=Concurrency({"charge": 3, "refund": 1}),
        app_concurrency={"payments": Concurrency({"charge": 5}, {"ship": 2})},
    )
    assert settings.concurrency_of("payments") == Concurrency({"charge": 5, "refund": 1}, {"ship": 2})
    assert settings.concurrency_of("orders") == Concurrency({"charge": 3, "refund": 1})


@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5", "[3]"])
def test_a_limit_is_a_whole_number_of_at_least_one(file, count):
    with pytest.raises(FileInvalid, match=r"line 2.*whole number from 1"):
        load(flags={}, env={}, file=file(f"limits:\n  activities: {{charge: {count}}}\n"))
