"""Rules about network interfaces that do not show up, in the order in which a person looks for them.

Port configuration first, for it costs nothing; then a BAR too large; then InfiniBand firmware; then what a driver
said when it gave the card up. `rig.steps.firmware.interfaces` measures what they look at.

Ref: domain notes on kernel strings (sections 1, 2), symptoms (section 2) and firmware (sections 1, 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rig.diagnose.case import Case, shown
from rig.model import Cause, Judged

_MISSING, _TYPES, _SYMPTOMS = "firmware.interfaces_missing", "firmware.port_types", "firmware.kernel_symptoms"
_BAR, _VF_BAR, _OFFERED = "firmware.bar_failed", "firmware.vf_bar_failed", "firmware.sriov.offered_vfs"
_ETHERNET = ("eth", "auto (eth)")
_NO_BAR = ("mlx4.missing_uar", "mlx4.missing_dcs", "mlx4.cannot_enable", "mlx4.resources_taken")
_REFUSED, _SAME_TYPES = "mlx4.port_type_refused", "mlx4.same_port_types_only"

_GAVE_UP: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("mlx4.firmware_dead", "mlx4.internal_error"),
        "firmware of the card does not run",
        "cold restart; then mstflint -d {bdf} verify: if that fails, restore the card's backup; if it does not, "
        "look at the AER counts and reseat the card before the adapter is blamed",
    ),
    (
        ("mlx4.bad_mac",),
        "blank MACs in the card",
        "a burn without the card's identity: give it back its own GUIDs and MACs from its backup; the adapter is good",
    ),
    (
        ("mlx4.uar_too_small",),
        "UAR and BAR 2 do not fit each other",
        "mstconfig -d {bdf} set LOG_BAR_SIZE=3 (8 MiB) or one more, then a cold restart; not an adapter fault",
    ),
    (
        ("mlx4.no_interrupt",),
        "no interrupt from the card",
        "MSI and IRQ routing of the host: another slot, BIOS update; not an adapter fault",
    ),
    (
        ("ixgbe.module_refused",),
        "driver refuses the module",
        "a module the driver knows, or load ixgbe with allow_unsupported_sfp=1; not an adapter fault",
    ),
)
"""Codes of the kernel log, what they mean together, what to do."""


def not_showing(case: Case) -> Iterator[Cause]:
    """Why the card has fewer Ethernet interfaces than ports, as far as something speaks for it."""
    if _is_short(case):
        yield from _port_configuration(case)
        yield from _no_place(case)
        yield from _infiniband_only(case)
        yield from _gave_up(case)
    elif case.failed("pcie.bars.unassigned"):
        yield from _no_place(case)


def explained(case: Case) -> bool:
    """True: `not_showing` says it better than the route that failed, or than the count of BARs without address."""
    return any(True for _ in not_showing(case))


def _is_short(case: Case) -> bool:
    missing = case.number(_MISSING)
    return missing > 0 if missing is not None else case.number("firmware.interfaces") == 0


def _port_configuration(case: Case) -> Iterator[Cause]:
    """A port that refused to be Ethernet is no matter of configuration."""
    codes, ports = _codes(case), _other_ports(case)
    if _REFUSED in codes or not (ports or _SAME_TYPES in codes):
        return
    bdf = _bdf(case)
    now = [f"echo eth > /sys/bus/pci/devices/{bdf}/mlx4_port{n}" for n in ports]
    types = " ".join(f"LINK_TYPE_P{n}=2" for n in range(1, (case.card.ports or 2) + 1))
    keep = f"mstconfig -d {bdf} set {types}, then a cold restart; the adapter is good"
    yield Cause(
        "port configuration: not Ethernet",
        evidence=_evidence(case, _MISSING, _TYPES, *([_SYMPTOMS] if _SAME_TYPES in codes else [])),
        action=f"for this boot: {'; '.join(now)}; to keep it: {keep}" if now else keep,
    )


def _other_ports(case: Case) -> list[str]:
    """Numbers of the ports that are not Ethernet, out of `port 1 ib, port 2 auto (eth)`."""
    words = [part.strip().split(" ", 2) for part in str(case.value(_TYPES) or "").split(",")]
    return [w[1] for w in words if len(w) == 3 and w[1].isdecimal() and w[2] not in _ETHERNET]


def _no_place(case: Case) -> Iterator[Cause]:
    """A BAR that the driver needs has no address; BARs of virtual functions alone do no harm."""
    failed = case.failed("pcie.bars.unassigned")
    if not (failed or _is_there(case, _BAR) or _codes(case) & set(_NO_BAR)):
        return
    seen = [f"{shown(j)}: {j.measurement.note}".removesuffix(": ") for j in failed]
    is_virtual = _is_there(case, _VF_BAR) or (case.number(_OFFERED) or 0) > 0
    sriov = (
        f"SR-IOV off: mstconfig -d {_bdf(case)} set SRIOV_EN=0, or a smaller LOG_BAR_SIZE, or an image with "
        "sriov_en = false, then a cold restart"
        if "mlx4_core" in case.card.drivers
        else "SR-IOV off in the BIOS or the card's own setup"
    )
    room = "above 4G decoding on in the BIOS; or boot with pci=realloc"
    yield Cause(
        "BAR too large: SR-IOV is on" if is_virtual else "BAR too large",
        evidence=(*seen, *_evidence(case, _BAR, _VF_BAR, _OFFERED, _SYMPTOMS)),
        action=f"{'; or '.join([sriov, room] if is_virtual else [room, sriov])}; not an adapter fault",
    )


def _infiniband_only(case: Case) -> Iterator[Cause]:
    if _REFUSED in _codes(case):
        yield Cause(
            "needs flash: InfiniBand firmware",
            evidence=_evidence(case, _MISSING, _TYPES, _SYMPTOMS),
            action="its ports refuse Ethernet: flash an image that has it (backup first); the adapter is good",
        )


def _gave_up(case: Case) -> Iterator[Cause]:
    for codes, title, action in _GAVE_UP:
        if _codes(case) & set(codes):
            yield Cause(title, evidence=_evidence(case, _MISSING, _SYMPTOMS), action=action.format(bdf=_bdf(case)))


def _codes(case: Case) -> set[str]:
    return set(str(case.value(_SYMPTOMS) or "").split("; "))


def _is_there(case: Case, name: str) -> bool:
    return case.value(name) not in (None, "none")


def _bdf(case: Case) -> str:
    return str(case.value("pcie.address") or "BDF")


def _evidence(case: Case, *names: str) -> tuple[str, ...]:
    """The last of each that was obtained and says something."""
    return tuple(filter(None, (_last(case.judged, name) for name in names)))


def _last(judged: Iterable[Judged], name: str) -> str | None:
    rows = [j for j in judged if j.measurement.name == name and j.measurement.value not in (None, "none")]
    return shown(rows[-1]) if rows else None
