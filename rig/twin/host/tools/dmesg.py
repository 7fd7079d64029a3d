"""`dmesg` of util-linux 2.38."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rig.twin.host.klog import KernelLog, Record
from rig.twin.host.tools.base import Answer, Context, OptionError, options

_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
_LONG = [
    "clear",
    "read-clear",
    "console-off",
    "console-on",
    "console-level=",
    "ctime",
    "notime",
    "kernel",
    "userspace",
    "level=",
    "facility=",
    "decode",
    "raw",
    "force-prefix",
    "nopager",
    "color=",
    "noescape",
    "help",
    "version",
]
_USAGE = "\nUsage:\n dmesg [options]\n\nDisplay or control the kernel ring buffer.\n"


def run(context: Context, argv: Sequence[str]) -> Answer:
    """Print or control the ring."""
    try:
        given, rest = options("dmesg", argv, "CcDEn:Ttkul:f:xrpPL::hV", _LONG)
    except OptionError as e:
        return Answer(err=str(e), code=1)
    if rest:
        return Answer(err="dmesg: bad usage\nTry 'dmesg --help' for more information.\n", code=1)
    names = {name for name, _ in given}
    values = dict(given)
    if names & {"-h", "--help"}:
        return Answer(out=_USAGE)
    if names & {"-V", "--version"}:
        return Answer(out="dmesg from util-linux 2.38.1\n")
    try:
        return _control(context.log, names, values) or _show(context.log, names, values)
    except ValueError as e:
        return Answer(err=f"dmesg: {e}\n", code=1)


def _control(log: KernelLog, names: set[str], values: dict[str, str]) -> Answer | None:
    level = values.get("-n", values.get("--console-level"))
    if level is not None:
        # the console shows what is more urgent than its level; a name means "up to and with"
        log.console_level = _console_level(level)
        return Answer()
    if names & {"-C", "--clear"}:
        log.clear()
        return Answer()
    if names & {"-D", "--console-off"}:
        log.console_level = 1
        return Answer()
    if names & {"-E", "--console-on"}:
        log.console_level = 7
        return Answer()
    return None


def _console_level(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= len(_LEVELS):
        return int(text)
    return _level(text) + 1


def _level(text: str) -> int:
    if text not in _LEVELS:
        raise ValueError(f"unknown level '{text}'")
    return _LEVELS.index(text)


def _show(log: KernelLog, names: set[str], values: dict[str, str]) -> Answer:
    records = list(log.read())
    if names & {"-c", "--read-clear"}:
        log.clear()
    wanted = values.get("-l", values.get("--level"))
    if wanted is not None:
        levels = {_level(name) for name in wanted.split(",")}
        records = [r for r in records if r.level in levels]
    if names & {"-u", "--userspace"}:
        records = []
    return Answer(out="".join(f"{_line(log, record, names)}\n" for record in records))


def _line(log: KernelLog, record: Record, names: set[str]) -> str:
    head = ""
    if names & {"-r", "--raw"}:
        return f"<{record.level}>{record}"
    if names & {"-x", "--decode"}:
        head = f"kern  :{_LEVELS[record.level]:<6}: "
    if names & {"-t", "--notime"}:
        return f"{head}{record.text}"
    if names & {"-T", "--ctime"}:
        return f"{head}[{time.ctime(log.started_at_s + record.time_s)}] {record.text}"
    return f"{head}{record}"
