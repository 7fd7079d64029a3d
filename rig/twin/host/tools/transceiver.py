"""What `ethtool -m` of ethtool 6.1 prints for the direct attach cable in a cage.

Ref: SFF-8472 and SFF-8636; ethtool 6.1 sfpid.c, qsfp.c.
"""

from __future__ import annotations

from collections.abc import Mapping

_SFP: Mapping[str, str] = {
    "Identifier": "0x03 (SFP)",
    "Extended identifier": "0x04 (GBIC/SFP defined by 2-wire interface ID)",
    "Connector": "0x21 (Copper pigtail)",
    "Transceiver codes": "0x00 0x00 0x00 0x00 0x00 0x04 0x00 0x00 0x00",
    "Transceiver type": "Passive Cable",
    "Encoding": "0x00 (unspecified)",
    "BR, Nominal": "{nominal}",
    "Rate identifier": "0x00 (unspecified)",
    "Length (SMF,km)": "0km",
    "Length (SMF)": "0m",
    "Length (50um)": "0m",
    "Length (62.5um)": "0m",
    "Length (Copper)": "1m",
    "Length (OM3)": "0m",
    "Passive Cu cmplnce.": "0x01 (SFF-8431 appendix E) [SFF-8472 rev10.4 only]",
    "Vendor name": "VIRTUAL",
    "Vendor OUI": "00:00:00",
    "Vendor PN": "VIRTUAL-DAC-1M",
    "Vendor rev": "A",
    "Option values": "0x00 0x00",
    "BR margin, max": "0%",
    "BR margin, min": "0%",
    "Vendor SN": "{serial}",
    "Date code": "260101",
}
_QSFP: Mapping[str, str] = {
    "Identifier": "0x0d (QSFP+)",
    "Extended identifier": "0x00",
    "Extended identifier description": "1.5W max. Power consumption",
    "Power set": "Off",
    "Power override": "Off",
    "Connector": "0x23 (No separable connector)",
    "Transceiver codes": "0x08 0x00 0x00 0x00 0x00 0x00 0x00 0x00",
    "Transceiver type": "40G Ethernet: 40G Base-CR4",
    "Encoding": "0x05 (64B/66B)",
    "BR, Nominal": "{nominal}",
    "Rate identifier": "0x00",
    "Length (Copper or Active cable)": "1m",
    "Transmitter technology": "0xa0 (Copper cable unequalized)",
    "Vendor name": "VIRTUAL",
    "Vendor OUI": "00:00:00",
    "Vendor PN": "VIRTUAL-DAC-1M",
    "Vendor rev": "A",
    "Vendor SN": "{serial}",
    "Date code": "260101",
    "Revision Compliance": "SFF-8636 Rev 1.5",
}
_BY_MEDIA = {"SFP+": (_SFP, "10300MBd"), "SFP28": (_SFP, "25750MBd"), "QSFP+": (_QSFP, "10300Mbps")}


def text(media: str, mac: str) -> str:
    """The dump of the cable at a port with this cage; its serial number follows from the port's MAC."""
    fields, nominal = _BY_MEDIA.get(media, _BY_MEDIA["SFP+"])
    filled = {k: v.format(nominal=nominal, serial=f"V{mac.replace(':', '')[-8:]}") for k, v in fields.items()}
    return "".join(f"\t{key:<41} : {value}\n" for key, value in filled.items())
