"""The tools' command registers: mailbox, capabilities, and access to the stored parameters.

Ref: mstflint 4.21 cmdif/tools_cif.c, mlxconfig/mlxcfg_param_lib.cpp, tools_layouts/tools_open_layouts.h.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from rig.twin.connectx3 import ini, registers
from rig.twin.connectx3.parameters import LINK_NUMBERS, Parameters, log2_bar_mib
from rig.twin.connectx3.reader import Firmware
from rig.twin.connectx3.registers import MAILBOX, MAILBOX_BYTES, CrSpace

_OK, _BAD_OPCODE, _SYSTEM_STATE = 0x00, 0x02, 0x04
_NOT_SUPPORTED, _NOT_AVAILABLE = 4, 8
_SET = 2
_CAN_SRIOV, _CAN_WAKE, _CAN_LINK_TYPE, _CAN_BAR_SIZE = 0x01, 0x06, 0x18, 0x20
_FUNCTIONS, _MOST_LOG2_BAR_MIB = 0x80, 5
_GO = 1 << 23
_REGISTER_AT, _DATA_AT = 20, 28
_BLOCK = struct.Struct(">7I")
_PAIR = struct.Struct(">2I")


class Opcode(IntEnum):
    """Commands a tool may raise."""

    QUERY_CAPABILITIES = 0x03
    ACCESS_REGISTER = 0x3B
    WRITE_MAILBOX = 0x70
    READ_MAILBOX = 0x71
    QUERY_DEFAULTS = 0x73


class Register(IntEnum):
    """Registers behind ACCESS_REGISTER."""

    PARAMETER = 0x9024
    FORGET = 0x9025
    FORGET_ALL = 0x9029


class Commands:
    """What the firmware answers to a tool; without firmware nothing but its state."""

    def __init__(self, cr: CrSpace, parameters: Parameters) -> None:
        self._cr, self._parameters = cr, parameters
        self._mailbox = bytearray(MAILBOX_BYTES)

    def execute(self, firmware: Firmware | None) -> None:
        """Run the one command that is raised and take the go bit off it."""
        high, low, modifier, _, _, _, control = _BLOCK.unpack_from(self._cr.memory, registers.COMMAND)
        at = modifier * 4 % (MAILBOX_BYTES - 4)
        out, status = (0, 0), _OK
        match firmware, control & 0xFFF:
            case None, _:
                status = _SYSTEM_STATE
            case _, Opcode.WRITE_MAILBOX:
                _PAIR.pack_into(self._mailbox, at, low, high)
            case _, Opcode.READ_MAILBOX:
                out = _PAIR.unpack_from(self._mailbox, at)
            case Firmware(), Opcode.QUERY_CAPABILITIES:
                self._capabilities(firmware)
            case Firmware(), Opcode.QUERY_DEFAULTS:
                self._defaults(firmware, port=control >> 12 & 0xF)
            case _, Opcode.ACCESS_REGISTER:
                self._register(in_cr_space=bool(modifier))
            case _:
                status = _BAD_OPCODE
        _PAIR.pack_into(self._cr.memory, registers.COMMAND + 12, out[1], out[0])
        self._cr.put(registers.COMMAND_SEMAPHORE, 1)
        self._cr.put(registers.COMMAND + 24, status << 24 | control & 0x00FFFFFF & ~_GO)

    # --- what the firmware can do and does by default ---------------------------------------------------------

    def _capabilities(self, firmware: Firmware) -> None:
        bits = _CAN_SRIOV | _CAN_WAKE | _CAN_BAR_SIZE
        if ini.personality(firmware.settings) != "ib":
            bits |= _CAN_LINK_TYPE
        # the tool adds one to the default: the field counts half the BAR
        half = log2_bar_mib(firmware.settings) - 1
        self._answer({0x38: _FUNCTIONS, 0x48: half << 16, 0xC0: bits, 0xC8: _MOST_LOG2_BAR_MIB << 3})

    def _defaults(self, firmware: Firmware, port: int) -> None:
        settings = firmware.settings
        if port:
            link = LINK_NUMBERS[ini.personality(settings)]
            self._answer({0: 1 << 24 | 1 << 19 | 1 << 18, 4: link << 25, 8: 1 << 31})
        else:
            vfs = ini.number(settings, "hca", "total_vfs", 0) & 0xFF
            bar = _MOST_LOG2_BAR_MIB << 12 | log2_bar_mib(settings) << 8
            self._answer({0: 1 << 24, 4: ini.flag(settings, "hca", "sriov_en") << 31 | bar | vfs})

    def _answer(self, words: dict[int, int]) -> None:
        self._mailbox[:] = bytes(MAILBOX_BYTES)
        for at, word in words.items():
            struct.pack_into(">I", self._mailbox, at, word)

    # --- stored parameters ------------------------------------------------------------------------------------

    def _register(self, *, in_cr_space: bool) -> None:
        memory = self._cr.memory
        box = bytearray(memory[MAILBOX : MAILBOX + MAILBOX_BYTES]) if in_cr_space else self._mailbox
        first, second = _PAIR.unpack_from(box)
        status = self._parameter(box, second >> 16, (second >> 8 & 0x7F) == _SET)
        _PAIR.pack_into(box, 0, first & ~(0x7F << 8) | status << 8, second | 1 << 15)
        if in_cr_space:
            memory[MAILBOX : MAILBOX + MAILBOX_BYTES] = bytes(box)

    def _parameter(self, box: bytearray, register: int, is_set: bool) -> int:
        length_type, modifier = _PAIR.unpack_from(box, _REGISTER_AT)
        kind, modifier = length_type & 0xFFFF, modifier >> 16 & 0xFF
        data = slice(_DATA_AT, _DATA_AT + (length_type >> 18 & 0xFFF) * 4)
        match register, is_set:
            case Register.PARAMETER, True:
                self._parameters.set(kind, modifier, bytes(box[data]))
            case Register.PARAMETER, False:
                if (stored := self._parameters.get(kind, modifier)) is None:
                    return _NOT_AVAILABLE
                count = len(box[data])
                box[data] = stored[:count].ljust(count, b"\0")
            case Register.FORGET, True:
                self._parameters.forget(kind, modifier)
            case Register.FORGET_ALL, True:
                self._parameters.forget_all()
            case _:
                return _NOT_SUPPORTED
        return _OK
