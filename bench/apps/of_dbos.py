# ruff: noqa: ANN001, ANN201, D103  (written as users of that SDK write)
"""The apps of the benchmark with DBOS: `of_dbos.py APP URL SECONDS`; a call to another app is a workflow on its queue.

SECONDS lie between two polls, of queues and of results: DBOS's own default, one second, would be all that is measured.
"""

import signal
import sys

from dbos import DBOS

APP, URL, POLL_S = sys.argv[1], sys.argv[2], float(sys.argv[3])
OTHERS = ("app2", "app3", "app4")

DBOS(config={"name": APP, "system_database_url": URL, "log_level": "WARNING"})


@DBOS.step()
def echo_step(text):
    return text


@DBOS.workflow(name="echo")
def echo(text):
    return text


@DBOS.workflow(name="chain_over_apps")
def chain_over_apps(text):
    for number in range(5):
        other = OTHERS[number % 3]
        asked = {"queue_name": other, "workflow_name": "echo", "application_name": other}
        text = DBOS.enqueue_workflow_with_options(asked, text).get_result(polling_interval_sec=POLL_S)
    return text


@DBOS.workflow(name="chain_in_one_app")
def chain_in_one_app(text):
    for _ in range(5):
        text = echo_step(text)
    return text


ending = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, ending)
DBOS.listen_queues([APP])
DBOS.launch()
DBOS.register_queue(APP, polling_interval_sec=POLL_S)
print(f"{APP} is ready", flush=True)
signal.sigwait(ending)
DBOS.destroy()
