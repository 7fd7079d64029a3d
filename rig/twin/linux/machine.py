"""One power-on of the test host: a QEMU process with the card in its slot, from power to the end of power.

Ref: qemu(1); QEMU Machine Protocol reference, RESET, SHUTDOWN, `stop`, `chardev-send-break`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qemu.qmp import ConnectError, ExecuteError, QMPClient, QMPError, StateError

from rig.config.twin import TwinSlot
from rig.errors import BenchError
from rig.twin.linux import window
from rig.twin.linux.image import Image
from rig.twin.linux.qemu import Qemu

START_S, KILL_S, WORD_S = 30.0, 10.0, 10.0
MEMORY = "256M"
SPEED = {1: "2_5", 2: "5", 3: "8", 4: "16"}
"""Generation to x-speed of pcie-root-port."""
SLOT = "riser"
"""The root port's id, and with it its bus's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started: programs, slot, kernel words, and QEMU's arguments for card and cables."""

    qemu: Qemu
    image: Image
    slot: TwinSlot
    append: str
    card: Sequence[str]
    cables: Sequence[str]
    inherited: Sequence[int]
    """Descriptors that the arguments of card and cables name."""
    window_mib: int | None = None
    """Room for prefetchable BARs behind the slot that firmware leaves; None: the kernel makes as much as it needs."""


class Machine:
    """A QEMU; `console` and `hand` are its two serial lines, this machine's ends. For use in one event loop."""

    def __init__(self, plan: Plan, log: Path, event: Callable[[str], None]) -> None:
        self._plan, self._log, self._event = plan, log, event
        self.console, self._console_inside = socket.socketpair()
        self.hand, self._hand_inside = socket.socketpair()
        self._monitor, self._monitor_inside = socket.socketpair()
        self._firmware = () if plan.window_mib is None else window.monitor_commands(plan.window_mib)
        self._qmp = QMPClient("twin")
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Power on; BenchError, with QEMU's last words, when it does not come up."""
        inside = (self._console_inside, self._hand_inside, self._monitor_inside)
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments(), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[*(s.fileno() for s in inside), *self._plan.inherited], start_new_session=True,
            )  # fmt: skip
        for end in inside:
            end.close()
        try:
            await asyncio.wait_for(self._qmp.connect(self._monitor), START_S)
        except (ConnectError, TimeoutError, OSError) as e:
            raise BenchError(f"twin host: QEMU did not start: {self._last_words() or e}") from e
        self._listener = asyncio.create_task(self._listen())
        if self._firmware:
            await self._set_up()

    async def _set_up(self) -> None:
        """What firmware does before the kernel, then the processor runs; BenchError when the monitor refuses."""
        command = "human-monitor-command"
        try:
            for line in self._firmware:
                said = await asyncio.wait_for(self._qmp.execute(command, {"command-line": line}), WORD_S)
                if said:
                    raise BenchError(f"twin host: QEMU's monitor was told {line!r} and answered {str(said).strip()!r}")
            await asyncio.wait_for(self._qmp.execute("cont"), WORD_S)
        except (QMPError, TimeoutError) as e:
            raise BenchError(f"twin host: QEMU did not take the slot's window: {self._last_words() or e}") from e

    async def kill(self) -> None:
        """Power is gone: the process with it, at once; may be called in any state."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await asyncio.wait_for(self._process.wait(), KILL_S)
        if self._listener is not None:
            self._listener.cancel()
        with contextlib.suppress(Exception):  # the monitor of a killed process ends in many ways, none of interest
            await asyncio.wait_for(self._qmp.disconnect(), WORD_S)
        ends = (self.console, self.hand, self._monitor, self._console_inside, self._hand_inside, self._monitor_inside)
        for end in ends:
            end.close()

    async def ended(self) -> int:
        """Wait for QEMU's end, which a guest that powers itself off brings about; its exit code."""
        return await self._process.wait() if self._process else 0

    async def freeze(self) -> None:
        """The processor stops between two instructions, for good."""
        await self._word("stop", {})

    async def panic(self) -> None:
        """The kernel crashes: SysRq c, as a break on the console brings it."""
        await self._word("chardev-send-break", {"id": "console"})
        os.write(self.console.fileno(), b"c")

    async def _word(self, command: str, arguments: dict[str, object]) -> None:
        with contextlib.suppress(ExecuteError, StateError):  # the machine may have gone meanwhile
            await asyncio.wait_for(self._qmp.execute(command, arguments), WORD_S)

    async def _listen(self) -> None:
        async for message in self._qmp.events:
            name = str(message["event"])
            if self._firmware:
                await self._through_firmware(name, message.get("data"))
            self._event(name)

    async def _through_firmware(self, event: str, data: object) -> None:
        """The guest's own end, which pauses the machine: a reboot sets the slot up again before the processor runs."""
        reason = data["reason"] if isinstance(data, dict) and event == "SHUTDOWN" else None
        if reason == "guest-reset":
            await self._word("set-action", {"reboot": "reset"})
            await self._word("system_reset", {})
        elif reason == "guest-shutdown":
            await self._word("quit", {})
        elif event == "RESET":
            await self._word("set-action", {"reboot": "shutdown"})
            with contextlib.suppress(BenchError):  # the machine may have gone meanwhile; else it stays silent
                await self._set_up()

    def _last_words(self) -> str:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return said[-1][-300:] if said else ""

    def _arguments(self) -> list[str]:
        plan, qemu = self._plan, self._plan.qemu
        port = f"pcie-root-port,id={SLOT},bus=pcie.0,addr=0x1,chassis=1,slot=1,hotplug=off"
        firmware = ["-bios", "qboot.rom"] if qemu.qboot else []
        paused = ["-S", "-action", "reboot=shutdown,shutdown=pause", *window.HOLE] if self._firmware else []
        return [
            # it ends with this process, however that ends
            "setpriv", "--pdeathsig", "KILL", *qemu.command,
            "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", *firmware,
            "-machine", "q35,memory-backend=ram", "-accel", qemu.accelerator, "-cpu", "max", "-m", MEMORY,
            "-object", f"memory-backend-memfd,id=ram,size={MEMORY},share=on",
            "-kernel", str(plan.image.kernel), "-initrd", str(plan.image.initrd), "-append", plan.append,
            *_line("console", self._console_inside), *_line("hand", self._hand_inside),
            "-chardev", f"socket,id=monitor,fd={self._monitor_inside.fileno()}",
            "-qmp", "chardev:monitor",
            "-device", f"{port},x-speed={SPEED[plan.slot.gen]},x-width={plan.slot.lanes}",
            *plan.card, *plan.cables, *paused,
        ]  # fmt: skip


def _line(name: str, end: socket.socket) -> list[str]:
    return ["-chardev", f"socket,id={name},fd={end.fileno()}", "-serial", f"chardev:{name}"]
