"""The link trained again and again by the port above the slot.

Ref: PCI Express Base Specification: Link Control bit 5 (Retrain Link, reads as 0; the port goes to Recovery); Link
Status bit 11 (Link Training) and bit 13 (Data Link Layer Link Active, reported where Link Capabilities bit 20 is set).
Ref: Linux include/uapi/linux/pci_regs.h, PCI_EXP_LNKCTL_RL, PCI_EXP_LNKSTA_LT, PCI_EXP_LNKSTA_DLLLA.
"""

from __future__ import annotations

from rig.config.plan import Soak
from rig.errors import BenchError, ReplyError
from rig.parse import setpci
from rig.steps.pci import Located
from rig.steps.soak.bench import Ports
from rig.steps.soak.look import Due, LaneErrors, look
from rig.steps.soak.trials import Trials, judged

_RETRAIN, _TRAINING, _ACTIVE, _REPORTS_ACTIVE = "0020:0020", 1 << 11, 1 << 13, 1 << 20
_POLL_S = 0.05


def retrains(bench: Ports, found: Located, due: Due, plan: Soak, trials: Trials) -> str | None:
    """All that the plan wants; the reason where this host cannot."""
    if found.port is None:
        return "no port above the card was found: nobody can retrain the link"
    lanes = LaneErrors(bench.host, found, due.width)
    active = _ACTIVE if _read(bench, found.port, "CAP_EXP+0c.l") & _REPORTS_ACTIVE else 0
    last = look(bench.host, found)
    for number in range(1, plan.retrains + 1):
        if trials.enough:
            break
        start_s = bench.now_s()
        is_up = _retrain(bench, found.port, active, plan.retrain_deadline_s)
        took_s = bench.now_s() - start_s
        bench.sleep(plan.settle_s)
        before, last = last, look(bench.host, found)
        wrong = [] if is_up else [f"no link within {plan.retrain_deadline_s:g} s"]
        trials.add(judged("retrain", number, took_s, due, before.errors, last, wrong, lanes.take()))
    return None


def _retrain(bench: Ports, port: str, active: int, deadline_s: float) -> bool:
    _write(bench, port, f"CAP_EXP+10.w={_RETRAIN}")
    return _await_link(bench, port, active, deadline_s)


def _await_link(bench: Ports, port: str, active: int, deadline_s: float) -> bool:
    """Training has ended and, where the port reports that, the link is active."""
    end_s = bench.now_s() + deadline_s
    while (status := _read(bench, port, "CAP_EXP+12.w")) & _TRAINING or status & active != active:
        if bench.now_s() >= end_s:
            return False
        bench.sleep(_POLL_S)
    return True


def _read(bench: Ports, port: str, register: str) -> int:
    reply = bench.host.run(f"setpci -s {port} {register}")
    found = setpci.values(reply.text, 1) if reply.code == 0 else None
    if found is None:
        raise ReplyError("test host", reply.command, reply.text.strip()[-200:], _REMEDY)
    return found[0]


def _write(bench: Ports, port: str, assignment: str) -> None:
    reply = bench.host.run(f"setpci -s {port} {assignment}")
    if reply.code != 0:
        said = reply.text.strip()[-200:]
        raise BenchError(f"test host: {reply.command!r} ended with {reply.code}: {said!r}; {_REMEDY}")


_REMEDY = "retrains need setpci (pciutils) and root on the test host"
