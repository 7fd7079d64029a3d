"""Probe relays: labgrid digital outputs that put the test leads on points of a bare adapter."""

from collections.abc import Mapping
from typing import Any

import attr
from labgrid import target_factory
from labgrid.driver import Driver
from labgrid.protocol import DigitalOutputProtocol

from rig.bench.edge import edge
from rig.errors import BenchError, UsageError
from rig.ports import OperatorPort, ProbePort

LEADS = ("plus", "minus")
REMEDY = "look at the relay board: power, network, address in the bench file"


def _names(instance: Any, attribute: Any, value: Any) -> None:
    del instance
    if not isinstance(value, Mapping) or not all(isinstance(x, str) for pair in value.items() for x in pair):
        raise TypeError(f"{attribute.name}: expected point to name of a digital output, such as {{12V: relay-1}}")


@target_factory.reg_driver
@attr.s(eq=False)
class RelayProbeDriver(Driver, ProbePort):
    """One relay per lead and point; all open and seen so before one closes, at the end, and after every error.

    `plus` and `minus` name, for each point the lead can go to, the digital output (by its `name` in the bench file)
    that takes it there. A point without a relay is the operator's, where they can hold leads.
    """

    bindings = {"operator": OperatorPort}
    plus = attr.ib(validator=_names)
    minus = attr.ib(validator=_names)

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        self._by_hand = False

    def on_activate(self):
        for name in self._all():
            with edge(self._device(name), "open", REMEDY):
                self.target.activate(self._output(name))
        self._open_all()

    @Driver.check_active
    def connect(self, plus: str, minus: str, hint: str = "") -> None:
        """Break, then make; UsageError for a point without a relay that nobody can reach by hand."""
        self.release()
        wanted = [self._relay(lead, point) for lead, point in (("plus", plus), ("minus", minus))]
        if None in wanted:
            self._connect_by_hand(plus, minus, hint)
            return
        try:
            for name in wanted:
                self._set(str(name), closed=True)
        except BaseException:
            self._open_all()
            raise

    @Driver.check_active
    def release(self) -> None:
        """Every relay open, and the operator's leads off; BenchError when one says it is closed."""
        try:
            self._open_all()
        finally:
            if self._by_hand:
                self._by_hand = False
                self.operator.release()

    def look(self) -> str:
        """How many relays; every one was opened and looked at when this driver was."""
        return f"{len(self._all())} relays, all open"

    def _connect_by_hand(self, plus: str, minus: str, hint: str) -> None:
        missing = " and ".join(
            f"{lead} lead on {point}"
            for lead, point in (("plus", plus), ("minus", minus))
            if self._relay(lead, point) is None
        )
        if not isinstance(self.operator, ProbePort):
            raise UsageError(f"no relay for the {missing}, and the operator of this bench holds no leads")
        try:
            self.operator.connect(plus, minus, hint)
        except UsageError as e:
            raise UsageError(f"no relay for the {missing}, and {e}") from e
        self._by_hand = True

    def _relay(self, lead: str, point: str) -> str | None:
        """Name of the output that takes a lead to a point; None: there is none."""
        name: str | None = getattr(self, lead).get(point)
        return name

    def _all(self) -> list[str]:
        return [*self.plus.values(), *self.minus.values()]

    def _open_all(self) -> None:
        """Every relay is tried before the first that failed is raised."""
        faults: list[BenchError] = []
        for name in self._all():
            try:
                self._set(name, closed=False)
            except BenchError as e:
                faults.append(e)
        if faults:
            raise BenchError("; ".join(str(f) for f in faults)) from faults[0]

    def _set(self, name: str, *, closed: bool) -> None:
        """Switch, then see that it did."""
        output, wanted = self._output(name), "close" if closed else "open"
        with edge(self._device(name), wanted, REMEDY):
            output.set(closed)
            seen = bool(output.get())
        if seen is not closed:
            raise BenchError(f"{self._device(name)}: asked to {wanted}, it says it is not; {REMEDY}")

    def _output(self, name: str) -> Any:
        return self.target.get_driver(DigitalOutputProtocol, name=name, activate=False)

    @staticmethod
    def _device(name: str) -> str:
        return f"probe relay {name}"
