"""One page a unit, to print and put beside the board: what it came to, of what, when, on what, and a code to scan."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import segno
from markupsafe import Markup

from rig.errors import UsageError
from rig.model import Verdict
from rig.report import html, journal
from rig.report.journal import RunLog
from rig.report.quantity import duration_text, time_text
from rig.report.schema import Row
from rig.report.summary import Outcome, latest, outcomes, virtual_word
from rig.report.text import visible

PAPERS: Mapping[str, tuple[int, int]] = MappingProxyType({"A6": (105, 148), "A5": (148, 210), "A4": (210, 297)})
"""Width and height in mm, as browsers want them: CSS has no name for A6. Ref: ISO 216."""
KEY_MEASUREMENTS: Mapping[str, str] = MappingProxyType({
    "pcie.link.width": "PCIe width", "pcie.link.speed_gtps": "PCIe speed",
    "pcie.aer.root.correctable_per_s": "errors, root port", "pcie.aer.endpoint.correctable_per_s": "errors, card",
    "rail.12v.current_a": "12 V at first power", "rail.3v3.current_a": "3.3 V at first power",
    "power.idle.total_w": "power, idle", "traffic.port1.to_host_bps": "port 1 to host",
    "traffic.port1.from_host_bps": "port 1 from host", "host.boot_s": "boot",
})  # fmt: skip
"""What somebody looks for first, in that order; what failed comes before them."""
_MOST_ROWS = 7
_MOST_CODE = 200
"""Characters of a serial in a code: more makes modules a phone cannot tell apart at this size."""


@dataclass(frozen=True, slots=True)
class Code:
    """The serial as a QR code, or why there is none."""

    drawing: Markup | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """All that a unit's page shows."""

    outcome: Outcome
    run: RunLog
    code: Code
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """The whole file."""

    title: str
    virtual: str
    paper: str
    size: str
    """For `@page`."""
    cards: tuple[Card, ...]


def write(path: Path | str, out: Path | None = None, paper: str = "A6") -> Path:
    """Write the record of a run, or of each unit's last run below a folder, to `out` (default: `record.html` in it).

    UsageError when there is no run, no such paper, or the file cannot be written.
    """
    if paper not in PAPERS:
        raise UsageError(f"paper {paper!r}: one of {', '.join(PAPERS)}")
    found = journal.read(path)
    units = [o for o in latest(outcomes(found)) if o.run]
    if not units:
        raise UsageError(f"{path}: there is no run in it, so there is no record to print; name a run or a batch")
    title = f"Record of {units[0].adapter.serial}" if len(units) == 1 else f"Records of {len(units)} units"
    page = Cards(
        title,
        virtual_word(units),
        paper,
        "{}mm {}mm".format(*PAPERS[paper]),
        tuple(_card(o, o.run) for o in units if o.run),
    )
    environment = html.environment()
    environment.filters.update(time=time_text, seconds=duration_text, called=_called)
    target = out or found.root / "record.html"
    html.put(target, environment.get_template("record.html.j2").render(page=page))
    return target


def code(serial: str) -> Code:
    """The serial as a QR code of black on white; none where it is too long, or would act instead of being read."""
    if not serial.strip():
        return Code(None, "the serial is empty")
    if visible(serial) != serial or "\n" in serial or "\t" in serial:
        # a scanner types what it reads: controls would act in whatever window is open
        return Code(None, "the serial holds characters that cannot be seen")
    if len(serial) > _MOST_CODE:
        return Code(None, f"the serial has {len(serial)} characters, too many for a code")
    drawn = io.BytesIO()
    qr = segno.make_qr(serial, error="m")
    qr.save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=False,
        border=4,
        light="#fff",
        dark="#000",
        omitsize=True,
        svgclass="code",
        lineclass=None,
    )
    # segno draws modules alone: nothing of the serial is text in it
    return Code(Markup(drawn.getvalue().decode("utf-8")))


def _called(row: Row) -> str:
    """What a measurement is called on paper."""
    return KEY_MEASUREMENTS.get(row.name, row.name)


def _card(o: Outcome, run: RunLog) -> Card:
    return Card(o, run, code(o.adapter.serial), tuple(_facts(o, run)), tuple(_rows(run.rows)))


def _facts(o: Outcome, run: RunLog) -> Sequence[tuple[str, str]]:
    s = run.start
    supply = s.instruments.get("supply", {})
    changed = [f"{ref} {setting}" for ref, setting in s.adapter.jumpers.items()] + [f"mod {m}" for m in s.adapter.mods]
    rig = str(s.versions.get("rig", "unknown"))
    return [
        ("Adapter", s.adapter.design), ("Changed", ", ".join(changed) or "as delivered"),
        ("Card", f"{s.card.model}, {s.card.serial}"), ("Attempt", str(s.attempt)),
        ("Tested", f"{time_text(s.started_s)}, {duration_text(run.duration_s)}"),
        ("Bench", f"{s.bench}, plan {s.plan}"),
        ("Supply", " ".join(str(supply[k]) for k in ("maker", "model", "serial") if supply.get(k)) or "unknown"),
        ("Calibrated until", str(supply.get("calibrated_until") or "unknown")),
        ("Versions", ", ".join([f"rig {rig}", *_host(run)])), ("Run", s.run),
    ]  # fmt: skip


def _host(run: RunLog) -> list[str]:
    """Firmware of the card and kernel of the host, where they are known."""
    versions = {r.name: r.text for r in run.rows if r.text}
    kernel = run.start.host_versions.get("kernel")
    firmware = versions.get("firmware.version")
    return [f"firmware {firmware}"] * bool(firmware) + [f"kernel {kernel}"] * bool(kernel)


def _rows(rows: Sequence[Row]) -> list[Row]:
    """What failed or was marginal, then the measurements that everybody asks for, each once, its last value."""
    last = {r.name: r for r in rows}
    bad = [r for r in last.values() if r.verdict in (Verdict.FAIL, Verdict.MARGINAL)]
    wanted = [last[name] for name in KEY_MEASUREMENTS if name in last and last[name].value is not None]
    return list({r.name: r for r in (*bad, *wanted)}.values())[:_MOST_ROWS]
