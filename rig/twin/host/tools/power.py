"""`reboot`, `poweroff` and `halt` of systemd 252."""

from __future__ import annotations

from collections.abc import Sequence

from rig.twin.host.tools.base import Answer, Context, OptionError, options

_ORDERLY_S = 0.15
"""systemd returns to the caller before it takes everything down."""


def reboot(context: Context, argv: Sequence[str]) -> Answer:
    """Restart the machine, with `-f` at once."""
    return _down(context, "reboot", "restart", argv)


def poweroff(context: Context, argv: Sequence[str]) -> Answer:
    """Stop until mains is cycled, with `-f` at once."""
    return _down(context, "poweroff", "power_off", argv)


def _down(context: Context, tool: str, how: str, argv: Sequence[str]) -> Answer:
    long = ("force", "no-wtmp", "no-wall", "poweroff", "reboot", "help")
    try:
        given, _ = options(tool, argv, "fpdnw", long)
    except OptionError as e:
        return Answer(err=str(e), code=1)
    names = {name for name, _ in given}
    if "--help" in names:
        return Answer(out=f"{tool} [OPTIONS...]\n")
    if names & {"-w"}:
        return Answer()
    force = bool(names & {"-f", "--force"})
    context.stop(how, 0.0 if force else _ORDERLY_S)
    return Answer(out=_FORCED[how] if force else "", hold=force)


_FORCED = {"restart": "Rebooting.\n", "power_off": "Powering off.\n"}
