"""The kernel command line of the guest.

Ref: Linux Documentation/admin-guide/kernel-parameters.rst.
"""

from __future__ import annotations

FAST = (
    "mitigations=off", "tsc=reliable", "no_timer_check", "audit=0", "apparmor=0", "8250.nr_uarts=2",
    "random.trust_cpu=on", "rcupdate.rcu_expedited=1", "lsm=capability", "cryptomgr.notests", "i8042.noaux",
    "i8042.nokbd",
)  # fmt: skip
"""Against what takes time at boot and shows nothing to a rig; the security modules alone are a fifth of it."""


def command_line(*extra: str, console: str = "ttyS0,115200n8") -> str:
    """The options for a fast boot whose log goes to the first serial line, and more of the kernel's or the guest's.

    The guest's: `rig.password=WORD`, `rig.stall=SECONDS` before the login, `rig.hang` (no login ever), `rig.panic`.
    ValueError: an option with a blank or a control character.
    """
    for option in extra:
        if not option or not option.isprintable() or " " in option:
            raise ValueError(f"{option!r} is no kernel option: one word, without blanks")
    return " ".join((f"console={console}", *FAST, *extra))
