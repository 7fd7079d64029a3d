from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rig.twin.connectx3 import registers
from rig.twin.connectx3.commands import Commands
from rig.twin.connectx3.image import build, lay_out
from rig.twin.connectx3.parameters import Parameters
from rig.twin.connectx3.reader import Firmware, firmware
from rig.twin.connectx3.registers import CrSpace

OK, BAD_OPCODE, SYSTEM_STATE = 0, 2, 4
GO = 1 << 23


class Tool:
    """Raises one command after the other as mstconfig does."""

    def __init__(self, path: Path, variant: str | None = "vpi") -> None:
        self.cr = CrSpace(path / "cr.bin")
        self.commands = Commands(self.cr, Parameters(path / "parameters.json"))
        self.firmware: Firmware | None = firmware(lay_out(build(variant, size=0x4000), 1 << 20)) if variant else None

    def run(self, opcode: int, modifier: int = 0, variant: int = 0, value: int = 0) -> int:
        """Its status."""
        block = struct.pack(">7I", value >> 32, value & 0xFFFFFFFF, modifier, 0, 0, 0, GO | variant << 12 | opcode)
        self.cr.memory[registers.COMMAND : registers.COMMAND + len(block)] = block
        self.commands.execute(self.firmware)
        control = self.cr.get(registers.COMMAND + 24)
        assert not control & GO
        return control >> 24

    def word(self, index: int) -> int:
        """One word of the firmware's mailbox, which is read in pairs."""
        assert self.run(0x71, index & ~1) == OK
        return self.cr.get(registers.COMMAND + (12 if index & 1 else 16))


@pytest.mark.parametrize(("variant", "bits"), [("ib", 0x27), ("vpi", 0x3F), ("eth", 0x3F)])
def test_only_firmware_with_ethernet_has_a_link_type_to_set(tmp_path: Path, variant: str, bits: int) -> None:
    tool = Tool(tmp_path, variant)
    assert tool.run(0x03) == OK
    assert (tool.word(0xC0 // 4), tool.word(0x38 // 4)) == (bits, 0x80)


@pytest.mark.parametrize(("variant", "link"), [("ib", 1), ("eth", 2), ("vpi", 3)])
def test_the_default_link_type_is_the_firmware_s(tmp_path: Path, variant: str, link: int) -> None:
    tool = Tool(tmp_path, variant)
    assert tool.run(0x73, variant=1) == OK
    assert tool.word(1) >> 25 & 3 == link


def test_the_global_defaults_are_the_ini_s(tmp_path: Path) -> None:
    tool = Tool(tmp_path, "ib")
    assert tool.run(0x73, variant=0) == OK
    assert (tool.word(1) >> 31, tool.word(1) & 0xFF) == (1, 8)


@pytest.mark.parametrize("index", [0, 2, 70])
def test_the_mailbox_keeps_what_is_written(tmp_path: Path, index: int) -> None:
    tool = Tool(tmp_path)
    assert tool.run(0x70, index, value=0x1122334455667788) == OK
    assert tool.word(index) == 0x55667788
    assert tool.word(index + 1) == 0x11223344


@pytest.mark.parametrize("modifier", [71, 72, 1000, 0xFFFFFFFF])
def test_a_mailbox_index_out_of_range_is_survived(tmp_path: Path, modifier: int) -> None:
    tool = Tool(tmp_path)
    assert tool.run(0x70, modifier) == OK
    assert tool.run(0x71, modifier) == OK


@pytest.mark.parametrize("opcode", [0x00, 0x3B, 0x70, 0xFFF])
def test_without_firmware_there_is_only_its_state(tmp_path: Path, opcode: int) -> None:
    assert Tool(tmp_path, None).run(opcode) == SYSTEM_STATE


@pytest.mark.parametrize("opcode", [0x00, 0x01, 0xFFF])
def test_an_opcode_nobody_knows_is_told(tmp_path: Path, opcode: int) -> None:
    assert Tool(tmp_path).run(opcode) == BAD_OPCODE


def test_a_register_with_a_length_beyond_the_mailbox_is_survived(tmp_path: Path) -> None:
    tool = Tool(tmp_path)
    for method in (1, 2, 1):
        box = struct.pack(">2I12x2I", 0, 0x9024 << 16 | method << 8, 0xFFF << 18 | 0x12, 1 << 16).ljust(288, b"\x5a")
        tool.cr.memory[registers.MAILBOX : registers.MAILBOX + len(box)] = box
        assert tool.run(0x3B, modifier=1) == OK
    assert tool.cr.memory[registers.MAILBOX + 28 : registers.MAILBOX + 288] == b"\x5a" * 260
    assert tool.cr.memory[registers.MAILBOX + 288 : registers.MAILBOX + 292] == bytes(4)
