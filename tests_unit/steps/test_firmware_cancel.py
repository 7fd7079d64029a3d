import os
import signal
import threading

import pytest

from rig.errors import BenchError
from rig.steps.firmware.cancel import cancel_waits

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_a_cancel_waits_for_the_end_and_says_so(number):
    told, done, before = [], [], handlers()
    with pytest.raises(KeyboardInterrupt), cancel_waits(told.append):
        os.kill(os.getpid(), number)
        done.append("the burn went on")
    assert done == ["the burn went on"]
    assert told == ["cancelled: firmware is being burned, waiting for its end; do not switch anything off"]
    assert handlers() == before


def test_an_impatient_cancel_is_one_cancel():
    told = []
    with pytest.raises(KeyboardInterrupt), cancel_waits(told.append):
        for number in SIGNALS:
            os.kill(os.getpid(), number)
    assert len(told) == 3


def test_without_a_cancel_nothing_is_raised_and_the_handlers_are_back():
    told, before = [], handlers()
    with cancel_waits(told.append):
        assert handlers() != before
    assert handlers() == before
    assert told == []


def test_a_failure_inside_comes_out_with_the_handlers_back():
    before = handlers()
    with pytest.raises(BenchError, match="the flash is gone"), cancel_waits(lambda text: None):
        raise BenchError("the flash is gone")
    assert handlers() == before


def test_a_cancel_counts_also_where_the_block_failed():
    before = handlers()
    with pytest.raises(KeyboardInterrupt) as e, cancel_waits(lambda text: None):
        os.kill(os.getpid(), signal.SIGINT)
        raise BenchError("the flash is gone")
    assert str(e.value.__context__) == "the flash is gone"
    assert handlers() == before


def test_a_thread_that_cannot_be_told_of_signals_leaves_them_alone():
    before, seen = handlers(), []

    def burn():
        with cancel_waits(lambda text: None):
            seen.append(handlers())

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert seen == [before]
