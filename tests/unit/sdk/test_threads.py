"""The threads of activities: kept, made when none is idle, and no reason for a process to stay."""

import subprocess
import sys
import threading

import pytest

from antiphon._threads import Threads


def test_an_idle_thread_is_used_again():
    threads = Threads("kept")
    names = set()
    for _ in range(20):
        names.add(threads.submit(lambda: threading.current_thread().name).result(10))
        # Idle only once it waits for the next call: until then another may be made.
        while threads._idle._value == 0:
            threading.Event().wait(0.001)
    threads.shutdown()
    assert names == {"kept-1"}


def test_calls_run_side_by_side():
    threads = Threads("many")
    meeting = threading.Barrier(5, timeout=10)
    assert len({threads.submit(meeting.wait) for _ in range(5)}) == 5
    threads.shutdown()


def test_an_error_reaches_whoever_waits():
    threads = Threads("one")
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(10)
    assert threads.submit(lambda: 5).result(10) == 5
    threads.shutdown()


def test_a_call_that_never_returns_does_not_keep_the_process():
    code = (
        "import threading; from antiphon._threads import Threads; began = threading.Event();"
        "Threads('stuck').submit(lambda: (began.set(), threading.Event().wait())); began.wait(); print('over')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "over\n"
