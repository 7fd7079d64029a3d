import pytest

from rig.parse import setpci


@pytest.mark.parametrize(
    ("text", "count", "found"),
    [
        ("3043\n", 1, (0x3043,)),
        ("00000020\r\n0a\n", 2, (0x20, 0x0A)),
        ("setpci: 0000:01:00.0: Instance #0 of PCI Extended Capability 0019 not found.\n", 1, None),
        ("3043\n", 2, None),
        ("", 1, None),
        ("304\n", 1, None),
        ("0x3043\n", 1, None),
        ("3043 3043\n", 1, None),
    ],
)
def test_as_many_numbers_as_were_asked_for_or_none(text, count, found):
    assert setpci.values(text, count) == found
