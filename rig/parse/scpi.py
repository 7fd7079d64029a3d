"""What bench supplies answer: who they are, numbers, switches, regulation mode, the error queue.

Ref: IEEE 488.2 section 10.14 (`*IDN?`: maker, model, serial, firmware); SCPI-1999 volume 1 section 7.2 (NAN
is 9.91E37, INF 9.9E37) and volume 2 section 21.8 (`SYSTem:ERRor?` is `code,"text"`).
Ref: Rigol DP800 programming guide (`:OUTPut:MODE?`: CV, CC, UR); libsigrok korad-kaxxxxp (identification of
KORAD and its other names, which know no commas); Aim-TTi manuals (`V1?` answers `V1 12.000`, `EER?` a bare code);
Owon SPE (`MEAS:ALL:INFO?` with blanks or commas).
"""

from __future__ import annotations

import math
import re

from rig.model import Identity

_NOT_A_NUMBER = 9.9e37
_SCALE = {None: 1.0, "": 1.0, "m": 1e-3, "u": 1e-6, "k": 1e3}
_NUMBER = re.compile(
    r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,4})?)(?:\s?([muk]?)(?:V|A|W|Ohm|Hz|s))?\Z"
)
_KORAD = re.compile(
    r"(?P<maker>KORAD|TENMA|VELLEMAN|RND|STAMOS)[\s,_-]*(?P<model>\S.*?)\s*V(?P<firmware>\d{1,3}\.\d{1,3})"
    r"(?:\s*SN:?\s*(?P<serial>[0-9A-Za-z]{1,32}))?",
    re.IGNORECASE,
)
_ERROR = re.compile(r'([+-]?\d{1,9})(?:(?:\s*,\s*|\s+)"?([^"]*)|\Z)')
_HEAD = re.compile(r"[A-Z]{1,3}\d{0,2}\s+(?=\S)")
_SWITCH = {"1": True, "+1": True, "ON": True, "0": False, "+0": False, "OFF": False}
_MODES = ("CV", "CC", "UR")


def identity(text: str) -> Identity | None:
    """Who answered `*IDN?`; None: this is no identification."""
    line = _printable(text).removeprefix("*IDN").strip()
    parts = [part.strip() for part in line.split(",")]
    if len(parts) >= 3 and parts[1] and any(c.isalpha() for c in parts[0]):
        serial = re.sub(r"^SN\s?:\s?", "", parts[2])
        return Identity(parts[0], parts[1], serial, ",".join(parts[3:]), raw=text)
    return _korad(line, text)


def _korad(line: str, raw: str) -> Identity | None:
    found = _KORAD.match(line[:128])
    if found is None:
        return None
    return Identity(found["maker"], found["model"], found["serial"] or "", found["firmware"], raw=raw)


def number(text: str) -> float | None:
    """One number in base units, unit allowed (`1.234V`, `12mA`); None: no number, or SCPI's NAN or INF."""
    found = _NUMBER.match(_printable(text))
    if found is None:
        return None
    value = float(found[1]) * _SCALE[found[2]]
    return value if math.isfinite(value) and abs(value) < _NOT_A_NUMBER else None


def numbers(text: str) -> tuple[float | None, ...]:
    """The numbers of a reply to several questions at once, separated by commas, semicolons or, if many, blanks."""
    parts = re.split(r"[,;]", text)
    if len(parts) == 1 and len(words := text.split()) > 2:
        parts = words
    return tuple(number(part) for part in parts)


def headless(text: str) -> str:
    """A reply without the name of what was asked, which some supplies put before it (`V1 12.000`)."""
    return _HEAD.sub("", _printable(text), count=1) if _HEAD.match(_printable(text)) else text


def switch(text: str) -> bool | None:
    """ON or 1, OFF or 0; None: neither."""
    return _SWITCH.get(_printable(text).upper())


def mode(text: str) -> str | None:
    """`CV`, `CC` or `UR` (unregulated); None: none of them."""
    word = _printable(text).upper()
    return word if word in _MODES else None


def limiting(text: str) -> bool | None:
    """True: the channel is in current limit (CC); False: CV; None: unregulated, or not a mode."""
    return {"CC": True, "CV": False}.get(mode(text) or "")


def error(text: str) -> tuple[int, str] | None:
    """Code (0: no error) and text of one entry of the error queue; None: this is no entry."""
    found = _ERROR.match(_printable(text)[:512])
    return (int(found[1]), (found[2] or "").strip()) if found else None


def _printable(text: str) -> str:
    """Without what supplies add to their replies: NULs, bytes above ASCII that were noise, line ends."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(c for c in text if c.isprintable() and c != "\N{REPLACEMENT CHARACTER}").strip()
