"""The window that firmware leaves in the slot's root port, as its registers say it."""

import re

import pytest

from rig.errors import BenchError
from rig.twin.linux.qemu import Qemu
from rig.twin.linux.window import monitor_commands, require_own_firmware

MIB = 1 << 20
COMMAND = re.compile(r"o/w (0x[0-9a-f]{1,8}) (0x[0-9a-f]{1,8})")


def registers(window_mib):
    """Register of device 1 on bus 0 to the word that is written there."""
    words = [COMMAND.fullmatch(line) for line in monitor_commands(window_mib)]
    pairs = [(int(m[1], 16), int(m[2], 16)) for m in words]
    assert [port for port, _ in pairs] == [0xCF8, 0xCFC] * (len(pairs) // 2)
    where = [value for _, value in pairs[::2]]
    assert {at & ~0xFF for at in where} == {0x8000_0800}
    return {at & 0xFF: value for at, (_, value) in zip(where, pairs[1::2], strict=True)}


def window(window_mib):
    """First and last address, as a bridge decodes them."""
    found = registers(window_mib)
    low = found[0x24]
    assert low & 0x000F_000F == 0x0001_0001, "a window of 64-bit addresses"
    base = found[0x28] << 32 | (low & 0xFFF0) << 16
    return base, found[0x2C] << 32 | low & 0xFFF0_0000 | 0xF_FFFF


@pytest.mark.parametrize("window_mib", [1, 3, 8, 512, 513, 4096, 65536])
def test_the_window_has_the_size_that_was_asked(window_mib):
    base, last = window(window_mib)
    assert last - base + 1 == window_mib * MIB


def test_a_window_lies_below_4_gib_as_long_as_it_fits_there():
    assert window(512) == (0xC000_0000, 0xDFFF_FFFF)
    assert window(513)[0] == 1 << 32


def test_the_bus_behind_the_port_is_numbered_as_firmware_does():
    assert registers(8)[0x18] == 0x0001_0100


@pytest.mark.parametrize("version, vfio_user", [((7, 2, 22), False), ((11, 1, 0), True)])
def test_a_window_is_refused_where_another_firmware_would_undo_it(version, vfio_user):
    def qemu(qboot):
        return Qemu(("qemu",), version, vfio_user, not vfio_user, qboot, "tcg", ())

    require_own_firmware(qemu(qboot=True))
    with pytest.raises(BenchError, match=rf"window_mib: QEMU {version[0]}.* starts its kernel from SeaBIOS"):
        require_own_firmware(qemu(qboot=False))
