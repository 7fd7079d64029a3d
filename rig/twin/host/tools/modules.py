"""`modprobe`, `rmmod` and `lsmod` of kmod 30."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rig.twin.host.dialects import dialect
from rig.twin.host.klog import RELEASE
from rig.twin.host.tools.base import Answer, Context, OptionError, options

_SIZE_BYTES = 413696
_DIRECTORY = f"/lib/modules/{RELEASE}"


def modprobe(context: Context, argv: Sequence[str]) -> Answer:
    """Load one module with what it needs, or (`-r`) remove some."""
    try:
        given, rest = options("modprobe", argv, "raqvfVh", ("remove", "all", "quiet", "verbose", "force"))
    except OptionError as e:
        return Answer(err=str(e), code=1)
    if not rest:
        return Answer(err="modprobe: ERROR: missing parameters. See -h.\n", code=1)
    names = [_canonical(name) for name in rest]
    if {name for name, _ in given} & {"-r", "--remove"}:
        return _first_failure(_remove(context, name) for name in names)
    many = {name for name, _ in given} & {"-a", "--all"}
    return _first_failure(_load(context, name) for name in (names if many else names[:1]))


def rmmod(context: Context, argv: Sequence[str]) -> Answer:
    """Remove modules."""
    if not argv:
        return Answer(err="rmmod: ERROR: missing module name.\n", code=1)
    for name in map(_canonical, argv):
        if name not in context.kernel.modules:
            return Answer(err=f"rmmod: ERROR: Module {name} is not currently loaded\n", code=1)
        if users := _users(context, name):
            return Answer(err=f"rmmod: ERROR: Module {name} is in use by: {' '.join(users)}\n", code=1)
        context.kernel.unload(name)
    return Answer()


def lsmod(context: Context, argv: Sequence[str]) -> Answer:
    """The modules that are loaded, the last one first."""
    if argv:
        return Answer(err="Usage: lsmod\n", code=1)
    rows = ["Module                  Size  Used by"]
    for name in context.kernel.modules:
        users = _users(context, name)
        rows.append(f"{name:<19} {_SIZE_BYTES:8d}  {len(users)}{' ' + ','.join(users) if users else ''}")
    return Answer(out="\n".join(rows) + "\n")


def _canonical(name: str) -> str:
    return name.replace("-", "_")


def _users(context: Context, name: str) -> list[str]:
    """Loaded companions that hang on the module."""
    return [c for c in dialect(name).companions if c in context.kernel.modules]


def _load(context: Context, name: str) -> Answer:
    kernel = context.kernel
    if not kernel.installed(name):
        return Answer(err=f"modprobe: FATAL: Module {name} not found in directory {_DIRECTORY}\n", code=1)
    owner = next((m for m in kernel.drivers() if name in dialect(m).companions), name)
    if name not in kernel.modules:
        for level, text in kernel.load(owner):
            context.log.write(text, level)
        kernel.refresh()
    return Answer()


def _remove(context: Context, name: str) -> Answer:
    kernel = context.kernel
    if not kernel.installed(name):
        return Answer(err=f"modprobe: FATAL: Module {name} not found.\n", code=1)
    if _users(context, name):
        return Answer(err=f"modprobe: FATAL: Module {name} is in use.\n", code=1)
    if name in kernel.modules:
        kernel.unload(name)
    return Answer()


def _first_failure(answers: Iterable[Answer]) -> Answer:
    return next((a for a in answers if a.code), Answer())
