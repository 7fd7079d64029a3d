"""Plugs a modelled card into the machine of an older QEMU: `x-pci-proxy-dev` of 7.2.

It knows 256 bytes of configuration space and 32-bit BARs, and delivers interrupts under KVM alone; what the card's
64-bit BARs would say of themselves is hidden from it. Ref: QEMU 7.2 hw/remote/proxy.c.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading

from rig.twin.linux import proxy_wire as wire
from rig.twin.linux.device import COMMAND, Device, is_bus_master
from rig.twin.linux.guest_memory import GuestMemory
from rig.twin.linux.proxy_wire import Access, Command
from rig.twin.linux.vfio_stream import descriptors
from rig.twin.linux.vfio_wire import Malformed

_BAR_0, _BARS = 0x10, 6
_ONE = struct.pack("=Q", 1)
_ROOM = socket.CMSG_SPACE(wire.MOST_FDS * 4)
CLOSE_S = 5.0


class ProxyServer:
    """Serves one device to the one machine that inherits the descriptor `qemu`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._mine, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._memory = GuestMemory()
        self._irqs: list[int] = []
        self._lock = threading.Lock()
        self._master = False
        self._bases: dict[int, int] = {}
        self._thread = threading.Thread(target=self._run, name="pci-proxy", daemon=True)
        self.last_fault = ""
        """Why the connection ended, where it was not the machine that hung up."""

    @property
    def qemu(self) -> socket.socket:
        """QEMU's end, for `-device x-pci-proxy-dev,fd=N`; `launched()` once QEMU has inherited it."""
        return self._theirs

    def start(self) -> None:
        self._thread.start()

    def launched(self) -> None:
        """QEMU inherited its end: without ours it is the only one, and its death ends the connection."""
        self._theirs.close()

    def close(self) -> None:
        """Hang up; the machine then reads all ones."""
        with contextlib.suppress(OSError):
            self._mine.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
        self._mine.close()
        self._theirs.close()

    # --- the card's side --------------------------------------------------------------------------------------

    def interrupt(self, vector: int) -> None:
        """Raise INTx, the one interrupt there is; under TCG nobody set it up."""
        with self._lock:
            if self._master and self._irqs:
                with contextlib.suppress(BlockingIOError):
                    os.write(self._irqs[0], _ONE)

    def memory(self, address: int, size: int) -> memoryview:
        """The machine's memory; LookupError where nothing is mapped or the function is no bus master."""
        if not self._master:
            raise LookupError("bus mastering is off")
        return self._memory.at(address, size)

    # --- the machine's side -----------------------------------------------------------------------------------

    def _run(self) -> None:
        self._device.plugged(self)
        try:
            while self._one():
                pass
        except (Malformed, OSError) as e:
            self.last_fault = str(e)
        finally:
            self._device.plugged(None)
            self._master = False
            self._memory.clear()
            self._forget_irqs()
            with contextlib.suppress(OSError):
                self._mine.shutdown(socket.SHUT_RDWR)

    def _one(self) -> bool:
        fds: list[int] = []
        try:
            raw = self._receive(wire.HEADER.size, fds)
            if not raw:
                return False
            command, size = wire.header(raw)
            payload = self._receive(size, fds)
            if len(payload) < size:
                raise Malformed("the machine hung up in the middle of a message")
            value = self._do(command, payload, fds)
            if command not in wire.SILENT:
                self._mine.sendall(wire.answer(value))
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def _receive(self, size: int, fds: list[int]) -> bytes:
        got = bytearray()
        while len(got) < size:
            data, ancillary, _, _ = self._mine.recvmsg(size - len(got), _ROOM, socket.MSG_CMSG_CLOEXEC)
            fds += descriptors(ancillary)
            if not data:
                if got:
                    raise Malformed("the machine hung up in the middle of a message")
                break
            got += data
        return bytes(got)

    def _do(self, command: int, payload: bytes, fds: list[int]) -> int:
        if command == Command.CONFIG_READ:
            access = wire.config_access(payload)
            return int.from_bytes(self._config_read(access), "little")
        if command == Command.CONFIG_WRITE:
            self._config_write(wire.config_access(payload))
        elif command == Command.BAR_READ:
            access = wire.bar_access(payload)
            place = self._place(access)
            data = self._device.read(*place, access.size) if place else b"\xff" * access.size
            return int.from_bytes(data, "little")
        elif command == Command.BAR_WRITE:
            access = wire.bar_access(payload)
            if place := self._place(access):
                self._device.write(*place, access.data)
        else:
            self._arrange(command, payload, fds)
        return 0

    def _arrange(self, command: int, payload: bytes, fds: list[int]) -> None:
        if command == Command.SYNC_MEMORY:
            self._memory.clear()
            for mapping, fd in zip(wire.memory_map(payload, len(fds)), fds, strict=True):
                with contextlib.suppress(OSError, ValueError, OverflowError):
                    self._memory.map(mapping, fd)
        elif command == Command.SET_IRQFD:
            self._forget_irqs()
            with self._lock:
                self._irqs = [os.dup(fd) for fd in fds]
        elif command == Command.DEVICE_RESET:
            self._device.reset()
            self._bases.clear()
            self._master = is_bus_master(self._device)
        else:
            raise Malformed(f"a message of kind {command}")

    def _forget_irqs(self) -> None:
        with self._lock:
            for fd in self._irqs:
                os.close(fd)
            self._irqs = []

    # --- configuration space, as the proxy can bear it --------------------------------------------------------

    def _config_read(self, access: Access) -> bytes:
        data = bytearray(self._device.config_read(access.address, access.size))
        for n in range(access.size):
            bar, byte = divmod(access.address + n - _BAR_0, 4)
            if not 0 <= bar < _BARS or (data[n] == 0xFF and not self._answers()):
                continue
            if self._upper(bar):
                data[n] = 0
            elif byte == 0 and bar in self._device.bars:
                data[n] &= ~0x06
        return bytes(data)

    def _config_write(self, access: Access) -> None:
        bar, byte = divmod(access.address - _BAR_0, 4)
        if 0 <= bar < _BARS:
            if self._upper(bar):
                return
            if byte == 0 and access.size == 4 and bar in self._device.bars:
                self._bases[bar] = int.from_bytes(access.data, "little") & -self._device.bars[bar].size
        self._device.config_write(access.address, access.data)
        if access.address < COMMAND + 2 and access.address + access.size > COMMAND:
            self._master = is_bus_master(self._device)

    def _upper(self, bar: int) -> bool:
        """Whether this register is the upper half of a 64-bit BAR."""
        lower = self._device.bars.get(bar - 1)
        return lower is not None and lower.kind in ("mem64", "pref64")

    def _answers(self) -> bool:
        return self._device.config_read(0, 2) != b"\xff\xff"

    def _place(self, access: Access) -> tuple[int, int] | None:
        """BAR and offset of an address; None: no BAR decodes it."""
        for bar, base in self._bases.items():
            if base <= access.address and access.address + access.size <= base + self._device.bars[bar].size:
                return bar, access.address - base
        return None
