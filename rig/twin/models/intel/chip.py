"""What the ports of a controller share: the NVM with its shadow, and the semaphores before it.

Ref: Intel X540 datasheet sections 3.4 (NVM), 10.5.4 (software and firmware synchronisation); Linux ixgbe_x540.c,
e1000_mac.c (`igb_get_hw_semaphore`), e1000_nvm.c.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence

from rig.twin.models.wiring import Nvm

EEC_GRANT, EEC_REQUEST, EEC_PRESENT, EEC_READ_DONE = 1 << 7, 1 << 6, 1 << 8, 1 << 9
EEC_UPDATE, EEC_UPDATE_DONE, EEC_SIZE_SHIFT, EEC_SMALLEST_SHIFT = 1 << 23, 1 << 26, 11, 6
WORD_DONE = 2
SEMAPHORE, FIRMWARE_SEMAPHORE, REGISTER_SEMAPHORE = 1, 2, 1 << 31
_ADDRESS_SHIFT, _ADDRESS_MASK, _DATA_SHIFT = 2, 0x3FFF, 16

AddressAt = Callable[[Sequence[int], int], int | None]
"""NVM and port to the word at which the port's address begins; None: the NVM names none."""


class Chip:
    """One controller; what is written to the NVM lies in the shadow RAM until a flash update is asked for."""

    def __init__(self, nvm: Nvm, address_at: AddressAt, sync_semaphore: bool = True) -> None:
        """`sync_semaphore`: SW_FW_SYNC has a semaphore bit of its own, as from the X540 on."""
        self._nvm, self._address_at, self._sync_semaphore = nvm, address_at, sync_semaphore
        self._lock = threading.Lock()
        self._shadow: list[int] = []
        self._busy, self._sync, self._control, self._updated = 0, 0, 0, True
        self.power_on()

    def power_on(self) -> None:
        """The shadow is read from the flash; what was not committed is gone."""
        content = self._nvm.load()
        with self._lock:
            count = len(content) // 2
            self._shadow = list(struct.unpack(f"<{count}H", content[: 2 * count]))
            self._busy = self._sync = self._control = 0
            self._updated = True

    def mac(self, port: int) -> bytes | None:
        """The address that a port takes from the NVM; None: it names none."""
        with self._lock:
            at = self._address_at(self._shadow, port)
            words = self._shadow[at : at + 3] if at is not None else []
        return struct.pack("<3H", *words) if len(words) == 3 else None

    def contents(self) -> bytes:
        """The shadow as it is now."""
        with self._lock:
            return struct.pack(f"<{len(self._shadow)}H", *self._shadow)

    def replace(self, content: bytes) -> None:
        """Another content, kept at once."""
        with self._lock:
            self._shadow = list(struct.unpack(f"<{len(content) // 2}H", content))
        self._commit()

    # --- registers --------------------------------------------------------------------------------------------

    def read_word(self, command: int) -> int:
        """EERD: what the register holds after a command was written to it."""
        address = command >> _ADDRESS_SHIFT & _ADDRESS_MASK
        return self._word(address) << _DATA_SHIFT | address << _ADDRESS_SHIFT | WORD_DONE

    def write_word(self, command: int) -> int:
        """EEWR, likewise."""
        address = command >> _ADDRESS_SHIFT & _ADDRESS_MASK
        with self._lock:
            if address < len(self._shadow):
                self._shadow[address] = command >> _DATA_SHIFT
        return command & 0xFFFF | WORD_DONE

    def control(self) -> int:
        """EEC as it reads: present, its size, and whether the last update is done."""
        size = max(len(self._shadow).bit_length() - 1 - EEC_SMALLEST_SHIFT, 0)
        grant = EEC_GRANT if self._control & EEC_REQUEST else 0
        done = EEC_UPDATE_DONE if self._updated else 0
        return self._control | EEC_PRESENT | EEC_READ_DONE | size << EEC_SIZE_SHIFT | grant | done

    def set_control(self, value: int) -> None:
        """EEC as it is written."""
        self._control = value & EEC_REQUEST
        if value & EEC_UPDATE:
            self._commit()

    def take_semaphore(self) -> int:
        """SWSM: the read that finds it free takes it."""
        with self._lock:
            found = self._busy
            self._busy |= SEMAPHORE
        return found

    def set_semaphore(self, value: int) -> None:
        with self._lock:
            self._busy = value & (SEMAPHORE | FIRMWARE_SEMAPHORE)

    def take_sync(self) -> int:
        """SW_FW_SYNC: its own semaphore bit is taken by the read that finds it free."""
        with self._lock:
            found = self._sync
            if self._sync_semaphore:
                self._sync |= REGISTER_SEMAPHORE
        return found

    def set_sync(self, value: int) -> None:
        with self._lock:
            self._sync = value

    def _word(self, address: int) -> int:
        return self._shadow[address] if address < len(self._shadow) else 0xFFFF

    def _commit(self) -> None:
        self._updated = False
        try:
            self._nvm.store(self.contents())
        except OSError:
            return
        self._updated = True
