"""The flash gateway: one word of an SPI transaction for each command a tool raises.

Ref: mstflint 4.21 mflash/mflash.c (new_gw_exec_cmd_get, new_gw_exec_cmd_set).
"""

from __future__ import annotations

import struct

from rig.twin.connectx3 import registers
from rig.twin.connectx3.flash import Flash
from rig.twin.connectx3.registers import CrSpace

_READ, _COMMAND, _ADDRESS, _DATA, _HOLD = 1 << 0, 1 << 2, 1 << 3, 1 << 4, 1 << 5
_SECOND_CHIP = 1 << 11
_PAIR = struct.Struct(">2I")
_NOBODY = b"\xff" * 128


def execute(cr: CrSpace, flash: Flash) -> None:
    """Do what the command word says, then take the busy bit off it."""
    memory, data = cr.memory, registers.GATEWAY_DATA
    word, address = _PAIR.unpack_from(memory, registers.GATEWAY)
    count = 1 << (word >> 8 & 7)
    if word & _SECOND_CHIP:
        memory[data : data + count] = _NOBODY[:count]
    else:
        if word & _COMMAND:
            flash.begin(word >> 16 & 0xFF, address if word & _ADDRESS else 0)
        if word & _DATA:
            if word & _READ:
                memory[data : data + count] = flash.read(count)
            else:
                flash.write(memory[data : data + count])
        if not word & _HOLD:
            flash.end()
    # the taker's read latched it on hardware; memory cannot
    cr.put(registers.FLASH_SEMAPHORE, 1)
    memory[registers.GATEWAY] &= ~0x40
