"""Plugs a modelled card into a machine by the vfio-user protocol: QEMU's `vfio-user-pci` (10.1 and later) connects.

Ref: libvfio-user docs/vfio-user.rst; the traps of QEMU 11.1 are in docs/card-models.md.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from pathlib import Path

from rig.errors import BenchError
from rig.twin.linux import vfio_wire as wire
from rig.twin.linux.device import COMMAND, Device, is_bus_master
from rig.twin.linux.guest_memory import GuestMemory
from rig.twin.linux.vfio_stream import Stream
from rig.twin.linux.vfio_wire import Access, Command, Malformed

_PIN = 0x3D
_ONE = struct.pack("=Q", 1)
CLOSE_S = 5.0


class Connection:
    """One machine that the card is plugged into; it is the card's bus while it lasts."""

    def __init__(self, device: Device, end: socket.socket) -> None:
        self._device = device
        self._stream = Stream(end)
        self._memory = GuestMemory()
        self._eventfds: dict[tuple[int, int], int] = {}
        self._lock = threading.Lock()
        """Between those who raise interrupts and those who close their descriptors."""
        self._master = False

    # --- the card's side --------------------------------------------------------------------------------------

    def interrupt(self, vector: int) -> None:
        """Raise a vector the way the machine set up: MSI-X, else MSI, else INTx."""
        if not self._master:
            return
        with self._lock:
            fd = self._eventfds.get((wire.MSIX, vector))
            if fd is None:
                fd = self._eventfds.get((wire.MSI, 0), self._eventfds.get((wire.INTX, 0)))
            if fd is not None:
                with contextlib.suppress(BlockingIOError):
                    os.write(fd, _ONE)

    def memory(self, address: int, size: int) -> memoryview:
        """The machine's memory; LookupError where nothing is mapped or the function is no bus master."""
        if not self._master:
            raise LookupError("bus mastering is off")
        return self._memory.at(address, size)

    # --- the machine's side -----------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer until the machine hangs up; Malformed, OSError: it broke the rules or the connection."""
        self._master = is_bus_master(self._device)
        try:
            while (message := self._stream.receive()) is not None:
                head, payload, fds = message
                try:
                    answer = wire.reply(head, self._answer(head.command, payload, fds))
                except Unknown as e:
                    answer = wire.refusal(head, e.errno)
                finally:
                    for fd in fds:
                        os.close(fd)
                if head.wants_reply:
                    self._stream.send(answer)
        finally:
            self._stream.close()
            self._master = False
            self._memory.clear()
            with self._lock:
                for fd in self._eventfds.values():
                    os.close(fd)
                self._eventfds.clear()

    def _answer(self, command: int, payload: bytes, fds: list[int]) -> bytes:
        if command == Command.REGION_READ:
            access = wire.read_request(payload)
            return wire.read_reply(access, self._read(access))
        if command == Command.REGION_WRITE:
            access = wire.write_request(payload)
            self._write(access)
            return wire.write_reply(access)
        if command == Command.REGION_WRITE_MULTI:
            several = wire.writes_request(payload)
            for access in several:
                self._write(access)
            return wire.writes_reply(several)
        return self._arrange(command, payload, fds)

    def _arrange(self, command: int, payload: bytes, fds: list[int]) -> bytes:
        """What is asked once, or now and then."""
        if command == Command.VERSION:
            return wire.version(payload)
        if command == Command.DMA_MAP:
            self._map(wire.map_request(payload), fds)
            return b""
        if command == Command.DMA_UNMAP:
            self._memory.unmap(*wire.unmap_request(payload))
            return payload
        if command == Command.DEVICE_GET_INFO:
            return wire.device_info()
        if command == Command.REGION_INFO:
            region = wire.region_request(payload)
            return wire.region_info(region, self._size(region))
        if command == Command.IRQ_INFO:
            kind = wire.irq_request(payload)
            return wire.irq_info(kind, self._vectors(kind))
        if command == Command.SET_IRQS:
            self._set_irqs(wire.irqs_request(payload), fds)
            return b""
        if command == Command.DEVICE_RESET:
            self._device.reset()
            self._master = is_bus_master(self._device)
            return b""
        raise Unknown(errno.EINVAL)

    def _size(self, region: int) -> int:
        if region == wire.CONFIG_REGION:
            return wire.CONFIG_BYTES
        bar = self._device.bars.get(region)
        return bar.size if bar else 0

    def _vectors(self, kind: int) -> int:
        if kind == wire.INTX:
            return 1 if self._device.config_read(_PIN, 1)[0] in range(1, 5) else 0
        return {wire.MSI: 1, wire.MSIX: self._device.vectors}.get(kind, 0)

    def _read(self, access: Access) -> bytes:
        self._check(access)
        if access.region == wire.CONFIG_REGION:
            return self._device.config_read(access.offset, access.count)
        return self._device.read(access.region, access.offset, access.count)

    def _write(self, access: Access) -> None:
        self._check(access)
        if access.region != wire.CONFIG_REGION:
            self._device.write(access.region, access.offset, access.data)
            return
        self._device.config_write(access.offset, access.data)
        if access.offset < COMMAND + 2 and access.offset + access.count > COMMAND:
            self._master = is_bus_master(self._device)

    def _check(self, access: Access) -> None:
        if access.offset + access.count > self._size(access.region):
            raise Unknown(errno.EINVAL)

    def _map(self, mapping: wire.Mapping, fds: list[int]) -> None:
        try:
            self._memory.map(mapping, fds[0] if fds else None)
        except (OSError, ValueError, OverflowError) as e:
            raise Unknown(errno.EINVAL) from e

    def _set_irqs(self, wanted: wire.IrqSet, fds: list[int]) -> None:
        with self._lock:
            if wanted.with_eventfds:
                for n in range(wanted.count):
                    self._release((wanted.kind, wanted.first + n))
                    if n < len(fds):
                        # the message's own copy is closed with the message
                        self._eventfds[wanted.kind, wanted.first + n] = os.dup(fds[n])
            elif wanted.nothing and not wanted.count:
                for key in [k for k in self._eventfds if k[0] == wanted.kind]:
                    self._release(key)

    def _release(self, key: tuple[int, int]) -> None:
        fd = self._eventfds.pop(key, None)
        if fd is not None:
            os.close(fd)


class Unknown(Exception):
    """A well-formed request that this card refuses, with the errno that says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.errno = code


class VfioUserServer:
    """Serves one device at a UNIX socket, one machine at a time, again and again until closed."""

    def __init__(self, path: Path, device: Device) -> None:
        self._path, self._device = path, device
        self._listening: socket.socket | None = None
        self._connected: socket.socket | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        self.last_fault = ""
        """Why the last connection ended, where it was not the machine that hung up."""

    def start(self) -> None:
        """Listen; BenchError: the path cannot be a socket."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(self._path))
            listening.listen(1)
        except OSError as e:
            listening.close()
            raise BenchError(f"virtual card: cannot listen at {self._path}: {e}; use a shorter or writable path") from e
        self._listening = listening
        self._thread = threading.Thread(target=self._run, args=(listening,), name="vfio-user", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hang up and stop listening; the machine then reads all ones."""
        self._closing = True
        for end in (self._listening, self._connected):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
        if self._listening is not None:
            self._listening.close()
            self._path.unlink(missing_ok=True)

    def _run(self, listening: socket.socket) -> None:
        while not self._closing:
            try:
                self._connected, _ = listening.accept()
            except OSError:
                return
            if self._closing:
                self._connected.close()
                return
            self._serve(self._connected)

    def _serve(self, end: socket.socket) -> None:
        connection = Connection(self._device, end)
        try:
            self._device.plugged(connection)
            connection.serve()
        except (Malformed, OSError) as e:
            self.last_fault = str(e)
        finally:
            end.close()
            self._device.plugged(None)
