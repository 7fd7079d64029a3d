"""pytest-xdist's scheduling by scope, where a scope is one insert of a unit and a bench has one at a time.

Ref: pytest-xdist 3.8, `scheduler/loadscope.py`: it gives a worker its next scope while two tests of the last are left,
runs a test again that a worker died in (here: the whole unit, as another run), and starts no worker before all have
collected. All three are changed here.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from rig.plugin.fleet.hand import KEY
from rig.plugin.fleet.ledger import Ledger
from rig.plugin.fleet.worker import END, OPEN, READY


class UnitScheduling(LoadScopeScheduling):
    """Hands a unit to a bench once the bench is open and free, as `ledger` says; `names` are the inserts' ids."""

    collection: list[str] | None

    def __init__(
        self,
        config: pytest.Config,
        log: Producer | None,
        ledger: Ledger,
        names: Sequence[str],
        benches: dict[str, str],
    ) -> None:
        super().__init__(config, log)
        self._ledger, self._names, self._bench_of = ledger, list(names), benches
        self._expected = set(benches)
        """Workers that have not come up yet."""
        self._waiting = [self._names[n] for n in ledger.first]
        self._steps: dict[str, list[str]] = {}
        self.stopping = False

    def bench(self, node: WorkerController) -> str | None:
        """The name of a worker's bench; None: xdist started it in place of one that died."""
        return self._bench_of.get(node.gateway.id)

    # --- what xdist asks ---------------------------------------------------------------------------------------------

    @property
    def collection_is_completed(self) -> bool:
        """Each bench begins when it has collected: none waits for the slowest, or for one that never comes up."""
        return bool(self.registered_collections)

    @property
    def tests_finished(self) -> bool:
        """Nothing is left to give or to end, or nobody is left; a bench that waits may still get another's unit."""
        if self.stopping:
            return True
        if self._expected:
            return False
        alive = [name for node in self.nodes if (name := self.bench(node)) and not node.shutting_down]
        if any(self._ledger.is_busy(name) for name in alive):
            return False
        return not any(self._next(name) is not None for name in alive if not self._ledger.is_out(name))

    @property
    def has_pending(self) -> bool:
        return not self.tests_finished

    def add_node(self, node: WorkerController) -> None:
        """A worker is up; one that stands in for a dead one has no bench and goes."""
        self._expected.discard(node.gateway.id)
        if self.bench(node) is None or self.stopping:
            node.shutdown()
        else:
            super().add_node(node)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        if node not in self.assigned_work or node in self.registered_collections:
            return
        self.registered_collections[node] = list(collection)
        if self.collection is None:
            self.collection = list(collection)
            self._steps = self._by_scope(collection)
        if list(collection) == self.collection:
            self._send(node, [f"{KEY}::{OPEN}"])
        else:
            self.lost(node, "its worker found other tests than the first")
            node.shutdown()

    def schedule(self) -> None:
        """Nothing to do: every worker got its first test when it had collected."""

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """A bench is free once it was opened, or its unit has ended."""
        nodeid = self.registered_collections[node][item_index]
        if nodeid.startswith((f"{KEY}::{OPEN}", f"{KEY}::{END}")):
            self.assigned_work[node].clear()
            self._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker is gone; KeyError for one that has no bench. The unit that it had goes to another."""
        self._expected.discard(node.gateway.id)
        name = self.bench(node)
        if name is None:
            raise KeyError(node)
        self.assigned_work.pop(node, None)
        if self._ledger.is_busy(name) and not self.stopping:
            self.lost(node, "its worker ended before its unit did")
        # a run that began and has no end is a crash on record; no test of it is run again by itself
        return None

    def _split_scope(self, nodeid: str) -> str:
        """`tests_hil/test_link.py::test_x[3-A-1-C-1]` belongs to the insert `3-A-1-C-1`."""
        return nodeid.partition("[")[2].removesuffix("]")

    def _reschedule(self, node: WorkerController) -> None:
        """Give a free bench the next unit; one that is out goes."""
        name = self.bench(node)
        if name is None or node.shutting_down or self.stopping:
            return
        if self._ledger.is_out(name):
            node.shutdown()
        elif not self._ledger.is_busy(name) and self._is_open(node) and self._next(name) is not None:
            self._assign_work_unit(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        scope = self._next(str(self.bench(node)))
        if scope is None:
            return
        self._waiting.remove(scope)
        tests = [*self._steps[scope], f"{KEY}::{END}[{scope}]"]
        self.assigned_work[node][scope] = dict.fromkeys(tests, False)
        self._ledger.given(str(self.bench(node)), self._names.index(scope))
        self._send(node, tests)

    # --- what the rig tells ------------------------------------------------------------------------------------------

    def lost(self, node: WorkerController, why: str) -> None:
        """The bench of a worker is out, and the unit on it goes to another."""
        if (name := self.bench(node)) is not None:
            self.again(self._ledger.lost(name, why))

    def again(self, inserts: Sequence[int]) -> None:
        """Inserts that are taken next, by whoever is free."""
        self._waiting[:0] = [self._names[n] for n in inserts]
        for node in self.nodes:
            self._reschedule(node)

    def _next(self, name: str) -> str | None:
        """The first insert that waits and that this bench may have."""
        return next((s for s in self._waiting if self._ledger.may(name, self._names.index(s))), None)

    def _is_open(self, node: WorkerController) -> bool:
        """Whether it stands at `ready`: it was given something, and has done all of it."""
        return node in self.registered_collections and not self.assigned_work[node]

    def _send(self, node: WorkerController, tests: Sequence[str]) -> None:
        """The tests, and `ready` behind them: without it the last would wait for the next unit."""
        place = {nodeid: n for n, nodeid in enumerate(self.registered_collections[node])}
        if not self.assigned_work[node]:
            self.assigned_work[node][OPEN] = dict.fromkeys(tests, False)
        node.send_runtest_some([place[nodeid] for nodeid in [*tests, f"{KEY}::{READY}"]])

    def _by_scope(self, collection: Sequence[str]) -> dict[str, list[str]]:
        """Steps of every insert, in their order."""
        found: dict[str, list[str]] = {}
        for nodeid in collection:
            if not nodeid.startswith(f"{KEY}::"):
                found.setdefault(self._split_scope(nodeid), []).append(nodeid)
        return found
