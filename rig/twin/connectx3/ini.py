"""The firmware's configuration text, and what kind of card it makes."""

from __future__ import annotations

from collections.abc import Mapping

Settings = Mapping[str, Mapping[str, str]]
"""Section to key to value, all lower case but the values."""


def parse(text: str) -> Settings:
    """Sections of an INI text; later keys win, comments and lines that are neither are skipped."""
    found: dict[str, dict[str, str]] = {}
    section = found.setdefault("", {})
    for raw in text.splitlines():
        line = raw.partition(";")[0].strip()
        if line.startswith("["):
            section = found.setdefault(line[1:].partition("]")[0].strip().lower(), {})
        elif "=" in line:
            key, _, value = line.partition("=")
            section[key.strip().lower()] = value.strip()
    return found


def text(settings: Settings, section: str, key: str, default: str = "") -> str:
    return settings.get(section, {}).get(key, default)


def flag(settings: Settings, section: str, key: str) -> bool:
    return text(settings, section, key).lower() in ("true", "1", "yes")


def number(settings: Settings, section: str, key: str, default: int) -> int:
    """A decimal or 0x number of 32 bits; the default where there is none or it is none."""
    try:
        value = int(text(settings, section, key), 0)
    except ValueError:
        return default
    return value if 0 <= value < 1 << 32 else default


def personality(settings: Settings) -> str:
    """`eth`, `vpi` or `ib`."""
    if flag(settings, "hca", "eth_xfi_en"):
        return "eth"
    return "vpi" if flag(settings, "lab", "vpi") else "ib"
