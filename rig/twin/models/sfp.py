"""What the EEPROM of the cable in an SFP+ cage holds: the same passive copper cable the process host prints.

Ref: SFF-8472 rev 12.4, table 4-1; rig/twin/host/tools/transceiver.py.
"""

from __future__ import annotations

PAGE = 256
_SFP, _TWO_WIRE, _PIGTAIL, _PASSIVE, _APPENDIX_E = 0x03, 0x04, 0x21, 0x04, 0x01


def direct_attach(mac: bytes, length_m: int = 1, rate_mbd: int = 10_300) -> bytes:
    """Page A0h of a direct attach cable; its serial number follows from the port's MAC."""
    page = bytearray(PAGE)
    page[0], page[1], page[2], page[8], page[60] = _SFP, _TWO_WIRE, _PIGTAIL, _PASSIVE, _APPENDIX_E
    page[12], page[18] = rate_mbd // 100, length_m
    for at, size, text in (
        (20, 16, "VIRTUAL"),
        (40, 16, "VIRTUAL-DAC-1M"),
        (56, 4, "A"),
        (68, 16, f"V{mac.hex()[-8:]}"),
        (84, 8, "260101"),
    ):
        page[at : at + size] = text.encode("ascii").ljust(size)
    page[63], page[95] = sum(page[:63]) & 0xFF, sum(page[64:95]) & 0xFF
    return bytes(page)
