"""The machine's memory as a card reaches it: pieces that the machine monitor lent, by DMA address."""

from __future__ import annotations

import mmap
import os

from rig.twin.linux.vfio_wire import Mapping

_NOTHING = (1, 0, memoryview(b""))
LARGEST = 1 << 40
"""More than this in one piece no machine of a bench has."""


class GuestMemory:
    """The pieces that are mapped now; a look-up is safe on any thread while another maps and unmaps."""

    def __init__(self) -> None:
        self._pieces: tuple[tuple[int, int, memoryview], ...] = ()
        self._recent = _NOTHING

    def map(self, mapping: Mapping, fd: int | None) -> None:
        """Take a piece; without a file descriptor it is nothing a card may reach. OSError, ValueError: it cannot be."""
        if fd is None or not mapping.readable:
            return
        if mapping.size > LARGEST or os.fstat(fd).st_size < mapping.offset + mapping.size:
            raise ValueError("the memory is larger than the file that holds it")  # a touch beyond its end is SIGBUS
        rights = mmap.PROT_READ | (mmap.PROT_WRITE if mapping.writable else 0)
        piece = mmap.mmap(fd, mapping.size, mmap.MAP_SHARED, rights, offset=mapping.offset)
        self._drop(mapping.address, mapping.size)
        self._pieces += ((mapping.address, mapping.address + mapping.size, memoryview(piece)),)

    def unmap(self, address: int, size: int) -> None:
        """Forget every piece that begins in the range."""
        self._drop(address, size)

    def clear(self) -> None:
        self._pieces, self._recent = (), _NOTHING

    def at(self, address: int, size: int) -> memoryview:
        """`size` bytes from `address`; LookupError: not mapped, or not in one piece."""
        start, end, view = self._recent
        if start <= address and address + size <= end:
            return view[address - start : address - start + size]
        for piece in self._pieces:
            start, end, view = piece
            if start <= address and address + size <= end:
                self._recent = piece
                return view[address - start : address - start + size]
        raise LookupError(f"no memory of the machine at {address:#x}, {size} byte")

    def _drop(self, address: int, size: int) -> None:
        # who still holds a view keeps its piece alive; mmap goes with the last one
        self._pieces = tuple(p for p in self._pieces if not address <= p[0] < address + size)
        self._recent = _NOTHING
