"""Cold boots: is the card there each time, itself, as wide and as fast as it can?"""

from __future__ import annotations

from rig.config.plan import Soak
from rig.expect import Parts
from rig.steps.pci import Located, locate
from rig.steps.soak.bench import Ports
from rig.steps.soak.look import FRESH, Due, ends_of, look
from rig.steps.soak.trials import Trial, Trials, judged


def power_cycles(bench: Ports, parts: Parts, first: Located, due: Due, plan: Soak, trials: Trials) -> None:
    """As many as the plan says and never more; `first` is the card as it was found before."""
    for number in range(1, plan.power_cycles + 1):
        if trials.enough:
            break
        start_s = bench.now_s()
        bench.restart()
        trials.add(_seen(bench, parts, first, due, plan, number, start_s))


def _seen(bench: Ports, parts: Parts, first: Located, due: Due, plan: Soak, number: int, start_s: float) -> Trial:
    boot_s, took_s = bench.host.boot_s(), bench.now_s() - start_s
    wrong = [f"boot took longer than {plan.boot_deadline_s:g} s"] if boot_s > plan.boot_deadline_s else []
    found, more = locate(bench.host, parts.card, bench.root_port), {"boot_s": boot_s}
    if found is None:
        return Trial("power_cycle", number, took_s, ["not in lspci", *wrong], None, None, more=more)
    seen, was = found.ids[found.endpoint], first.ids[first.endpoint]
    if seen != was:
        wrong.append(f"{seen} in place of {was}")
    fresh = dict.fromkeys(ends_of(found), FRESH)
    state = look(bench.host, found)
    return judged("power_cycle", number, took_s, due, fresh, state, wrong, more={**more, "id": seen})
