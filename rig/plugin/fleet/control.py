"""The controller's side of several benches: workers, what they say, and a cancel that ends them all."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from rig.plugin.campaign import Campaign, Part
from rig.plugin.fleet.hand import KEY, Hand, packed, word
from rig.plugin.fleet.ledger import Ledger
from rig.plugin.fleet.schedule import UnitScheduling
from rig.plugin.fleet.worker import SIGNALS
from rig.plugin.order import Order, for_seat, insert_id

CANCEL_S = 900.0
"""A burn is never cut, and a guardian guards one for ten minutes; a worker that takes longer hangs and is killed."""


class Control:
    """Registered in the controller's session; `ledger` knows afterwards what became of the benches."""

    def __init__(self, order: Order, campaign: Campaign) -> None:
        self._order, self._campaign = order, campaign
        self.ledger = Ledger(order.inserts, order.plan.retry, [s.name for s in order.benches])
        self.not_off: dict[str, str] = {}
        """Benches that are not proven off, and what they said."""
        self._bench_of: dict[str, str] = {}
        self._nodes: list[WorkerController] = []
        self._scheduling: UnitScheduling | None = None
        self._setup_error: dict[str, str] = {}

    # --- workers -----------------------------------------------------------------------------------------------------

    def pytest_configure_node(self, node: WorkerController) -> None:
        """Hand each worker its bench; one that xdist starts for a dead one gets none."""
        number = len(self._nodes)
        self._nodes.append(node)
        if number >= len(self._order.benches):
            node.workerinput[KEY] = b""
            return
        seat = self._order.benches[number]
        self._bench_of[node.gateway.id] = seat.name
        part = Part(self._campaign.folder, self._campaign.batch_id)
        node.workerinput[KEY] = packed(Hand(for_seat(self._order, seat), part))

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> UnitScheduling:
        names = [insert_id(self._order, insert) for insert in self._order.inserts]
        self._scheduling = UnitScheduling(config, log, self.ledger, names, self._bench_of)
        return self._scheduling

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What a worker says of its bench, as soon as it is said."""
        node = getattr(report, "node", None)
        name = self._bench_of.get(node.gateway.id) if node is not None else None
        if name is None or self._scheduling is None:
            return
        if report.when == "setup" and report.failed:
            self._setup_error[name] = str(report.longrepr).strip().splitlines()[-1][:500]
        said = word(report.user_properties) if report.when == "call" else None
        if said is None:
            return
        self._scheduling.again(self.ledger.said(name, said))
        if said.broken:
            self._tell_out(name, self._setup_error.get(name, said.broken) if said.verdict is None else said.broken)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController, error: object | None) -> None:
        """A worker ended: by itself, with its last words, or it was killed."""
        name = self._bench_of.get(node.gateway.id)
        if name is None or self._scheduling is None:
            return
        if error is not None and not self._scheduling.stopping:
            why = f"its worker died: {error}"
            self._scheduling.lost(node, why)
            self._tell_out(name, f"{why}; its guardian switches off")
        output: dict[str, Any] = getattr(node, "workeroutput", {})
        if last := output.get(KEY):
            self.not_off[name] = str(last)

    def _tell_out(self, name: str, why: str) -> None:
        self._campaign.tell("error", f"{name} is taken out: {why}")

    # --- the end -----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionstart(self) -> Generator[None, object, object]:
        """Workers are started here; none opens a bench before the loop tells it to, so a cancel just ends them."""
        try:
            return (yield)
        except KeyboardInterrupt:
            self._campaign.cancelled = True
            with _deaf():
                self._kill()
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Whatever ends the loop, no worker is left with a bench under power."""
        try:
            return (yield)
        except BaseException as e:
            self._campaign.cancelled = isinstance(e, KeyboardInterrupt)
            with _deaf():
                self._end(session.config.pluginmanager.getplugin("dsession"))
            raise

    def _end(self, dsession: Any) -> None:
        """Cancel every worker as Ctrl-C does, and wait until each has said that it ended, or died."""
        if self._scheduling is None:
            return
        self._scheduling.stopping = True
        for node in self._nodes:
            _signal(node, signal.SIGTERM)
        late = threading.Timer(CANCEL_S, self._kill)
        late.daemon = True
        late.start()
        # xdist would start a worker for each that dies now (Ref: pytest-xdist 3.8, `worker_errordown`)
        dsession._max_worker_restart = 0
        dsession.triggershutdown()
        while not dsession.session_finished:
            dsession.loop_once()
        late.cancel()

    def _kill(self) -> None:
        for node in self._nodes:
            _signal(node, signal.SIGKILL)


def _signal(node: WorkerController, number: signal.Signals) -> None:
    """To a worker that is still there: its process ends only after it was told to, so the id is not another's."""
    popen = getattr(node.gateway._io, "popen", None)
    if popen is not None and popen.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(popen.pid, number)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Signals are not heard meanwhile: a second one must not cut the end short."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
