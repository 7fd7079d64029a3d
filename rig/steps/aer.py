"""PCIe errors over a window, at both ends of the card's link.

The kernel may count an endpoint's errors only at its partner: both ends are read, before and after.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from rig.model import Measurement
from rig.ports import HostPort
from rig.steps.pci import Errors, Located, correctable_between, read_errors, uncorrectable_between

_NOT_COUNTED = "the kernel has no aer_* files here (firmware-first, or pci=noaer): not measured, which is not zero"


class ErrorWindow:
    """Counts since it was opened; `prefix` is `pcie` or `traffic`."""

    def __init__(self, host: HostPort, card: Located, prefix: str) -> None:
        self._host, self._prefix = host, prefix
        self._ends = {"endpoint": card.endpoint, **({"root": card.port} if card.port else {})}
        self._before = self._read()
        self._start_s = time.monotonic()

    def close(self) -> list[Measurement]:
        """Rates and counts of both ends over the window."""
        after = self._read()
        window_s = max(time.monotonic() - self._start_s, 1e-3)
        found = [m for end in ("endpoint", "root") for m in self._end(end, after, window_s)]
        return [*found, Measurement(f"{self._prefix}.aer.window_s", window_s, "s")]

    def _read(self) -> Mapping[str, Errors]:
        found = read_errors(self._host, list(self._ends.values()))
        return {end: found[address] for end, address in self._ends.items()}

    def _end(self, end: str, after: Mapping[str, Errors], window_s: float) -> list[Measurement]:
        name = f"{self._prefix}.aer.{end}"
        if end not in self._ends:
            why = "no port above the card was found"
            return [
                Measurement(f"{name}.{what}", None, unit, why)
                for what, unit in (("correctable_per_s", "1/s"), ("uncorrectable", "1"))
            ]
        a, b = self._before[end], after[end]
        cor, unc = correctable_between(a, b), uncorrectable_between(a, b)
        rate = None if cor is None else cor / window_s
        kinds = _kinds(a, b)
        note = ", ".join(f"{kind} {n}" for kind, n in kinds.items()) if cor is not None else _NOT_COUNTED
        return [
            Measurement(f"{name}.correctable_per_s", rate, "1/s", note),
            Measurement(f"{name}.uncorrectable", unc, "1", "" if unc is not None else _NOT_COUNTED),
            *(Measurement(f"{name}.{kind}", n, "1") for kind, n in kinds.items()),
        ]


def _kinds(a: Errors, b: Errors) -> dict[str, int]:
    """Which errors grew, by kernel name."""
    before, after = a.correctable or {}, b.correctable or {}
    deltas = {k: n - before.get(k, 0) for k, n in after.items() if not k.startswith("TOTAL")}
    return {k: n for k, n in deltas.items() if n}
