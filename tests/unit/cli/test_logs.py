"""Log records as lines and as JSON: the sentence, and the data beside it."""

import json
import logging
import sys

from antiphon_cli import logs


def record(**data):
    made = logging.makeLogRecord({"name": "antiphon_sidecar.x", "levelname": "INFO", "msg": "an app is served", **data})
    made.created, made.msecs = 1_700_000_000.123, 123.0
    return made


def test_a_line_shows_the_data_beside_the_sentence():
    line = logs.Text().format(record(app="orders", grpc_port=50001))
    assert line.endswith(":20.123 INFO    an app is served  app=orders  grpc_port=50001")


def test_json_holds_the_data_as_keys():
    value = json.loads(logs.Json().format(record(app="orders", made_of=frozenset({"x"}))))
    assert value == {
        "time": "2023-11-14T22:13:20.123+00:00",
        "level": "info",
        "logger": "antiphon_sidecar.x",
        "message": "an app is served",
        "app": "orders",
        "made_of": "frozenset({'x'})",
    }


def test_a_traceback_follows_its_record():
    try:
        raise ValueError("broken")
    except ValueError:
        made = record(exc_info=sys.exc_info())
    assert logs.Text().format(made).splitlines()[-1] == "ValueError: broken"
    assert json.loads(logs.Json().format(made))["exception"].endswith("ValueError: broken")
