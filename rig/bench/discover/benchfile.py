"""The bench file of what was found; what was not is a TODO in it, and the rig refuses the file until that is done."""

import ipaddress
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from rig.bench.discover.channels import rails
from rig.bench.discover.probe import Console, Switch
from rig.bench.load import check_bench
from rig.config.library import project_root
from rig.errors import UsageError
from rig.guard.scan import Found

TEMPLATE = "bench.yaml.j2"
_INSTRUMENTS = (("main", "VisaInstrument"), ("second", "SecondInstrument"))


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bench file is made of; None or empty: not found."""

    name: str
    supplies: Sequence[Found] = ()
    mains: Switch | None = None
    console: Console | None = None
    operator: str | None = None
    """Address of a twin's operator; None: a person at this terminal."""
    slot: tuple[int, int] | None = None
    ports: Sequence[str] = ()
    choices: Sequence[str] = ()
    """Consoles of which nobody chose one."""

    @property
    def missing(self) -> list[str]:
        """What a person has to fill in before the file is any use."""
        have = rails(self.rows)
        return [
            *(() if self.mains else ("the mains switch of the test host",)),
            *(() if self.console else ("the serial console of the test host",)),
            *(() if self.supplies else ("the bench supply",)),
            *(f"a channel that can feed the rail {n}" for n in ("12v", "3v3") if self.supplies and n not in have),
        ]

    @property
    def rows(self) -> dict[str, str]:
        """Instrument to its row of the table of supplies."""
        pairs = zip(_INSTRUMENTS, self.supplies, strict=False)
        return {instrument: found.row for (instrument, _), found in pairs if found.row}

    @property
    def virtual(self) -> bool:
        """Whether any plug is of this machine itself: then it is a twin until somebody says otherwise."""
        hosts = [*(_visa_host(found.address) for found in self.supplies)]
        hosts += [self.mains.host] if self.mains else []
        hosts += [self.console.where] if self.console and self.console.port else []
        hosts += [urlsplit(self.operator).hostname or ""] if self.operator else []
        return any(map(_loopback, hosts))


def write(parts: Parts, out: Path) -> list[str]:
    """Write the file and check it; what a person has to fill in.

    UsageError when there is such a file already; nothing is overwritten. ConfigError, the file kept, when something in
    it does not go together.
    """
    text = _text(parts, out)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{out}: it is there already, and is not overwritten: name another with --out") from None
    except OSError as e:
        raise UsageError(f"{out}: cannot be written: {e.strerror}") from e
    if not parts.missing:
        check_bench(out)
    return parts.missing


def _text(parts: Parts, out: Path) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=select_autoescape(default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"quoted": json.dumps, "said": _said}
    schema = os.path.relpath(project_root() / "schemas" / "bench.json", out.resolve().parent)
    instruments = [
        {"cls": cls, "found": found}
        for (_, cls), found in zip(_INSTRUMENTS, parts.supplies, strict=False)
    ]  # fmt: skip
    values = {"parts": parts, "schema": Path(schema).as_posix(), "instruments": instruments}
    return environment.get_template(TEMPLATE).render(**values, rails=rails(parts.rows), login=_login(parts))


def _login(parts: Parts) -> dict[str, str]:
    """What labgrid waits for on the console; where the host's name is unknown, any host's."""
    name = parts.console.host_name if parts.console else None
    # bash switches bracketed paste on before its prompt; after a login some print "Last login: "
    asked = rf"{name.replace('.', '[.]')} login: " if name else r"(?<!Last) login: "
    at = name.partition(".")[0] if name else r"[A-Za-z0-9-]+"
    return {"prompt": rf"(?:\x1b\[\?2004h)?root@{at}:[^ ]*# ", "login_prompt": asked}


def _said(text: str) -> str:
    """For a comment: one line, nothing in it that is not to be seen."""
    return "".join(c if c.isprintable() else "?" for c in text)[:100]


def _visa_host(address: str) -> str:
    parts = address.split("::")
    return parts[1] if len(parts) > 1 and parts[0].upper().startswith("TCPIP") else ""


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
