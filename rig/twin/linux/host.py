"""The test host that is a real Linux: power, console, and what goes on between the machine and the model."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from rig.config.twin import TwinHost
from rig.twin.faults import Faults
from rig.twin.host.console import Console
from rig.twin.linux import network
from rig.twin.linux.cache import cache_folder
from rig.twin.linux.card import Card
from rig.twin.linux.commandline import command_line
from rig.twin.linux.hand import CARD, ROOT_PORT, ErrorFeed
from rig.twin.linux.image import Image, guest_image
from rig.twin.linux.machine import Machine, Plan
from rig.twin.linux.qemu import Qemu, newest_qemu
from rig.twin.linux.recipe import FILES
from rig.twin.linux.window import require_own_firmware
from rig.twin.view import HostView, LiveSlot

T = TypeVar("T")
Tell = Callable[[str], None]
TICK_S = 0.05
CALL_S = 60.0
HAND_S = 10.0


def prepare(tell: Tell) -> tuple[Qemu, Image]:
    """QEMU and the guest, fetched and built at first use (a minute, once); BenchError when they cannot be."""
    cache = cache_folder()
    return newest_qemu(cache, tell), guest_image(cache, tell)


class LinuxHost:
    """A test host in QEMU behind a serial console on TCP.

    `state` is a folder of its own; `console` where to listen (port 0: any); `addresses` where on the loopback the
    ports are reached. BenchError when QEMU or the guest's packages cannot be had, or an address is taken.
    """

    def __init__(
        self,
        slot: LiveSlot,
        config: TwinHost,
        state: Path,
        console: tuple[str, int],
        addresses: Sequence[str],
        faults: Faults,
        tell: Tell,
    ) -> None:
        self._slot, self._config, self._state, self._console_at = slot, config, state, console
        self._subnets = [network.subnet(address) for address in addresses]
        self._faults, self._tell = faults, tell
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="twin host", daemon=True)
        self._on: _PowerOn | None = None
        self._powered = False
        self._qemu: Qemu
        self._image: Image

    @property
    def console_address(self) -> tuple[str, int]:
        """Host and port of the console; needs `start`."""
        return self._console.address

    @property
    def addresses(self) -> Mapping[str, str]:
        """The ports' addresses in the guest, each to where on the loopback it is reached."""
        return {net.guest: net.reached_at for net in self._subnets}

    @property
    def versions(self) -> Mapping[str, str]:
        """Of QEMU and of what is in the guest; needs `start`."""
        parts = {name: self._image.versions[name] for name in ("kernel", *FILES) if name in self._image.versions}
        return {"QEMU": f"{self._qemu.version_text} ({self._qemu.accelerator})"} | {
            f"guest {name}": version for name, version in parts.items()
        }

    @property
    def driven(self) -> Sequence[str] | None:
        """Card models whose driver gets interrupts; None: as the bench file says; needs `start`."""
        return None if self._qemu.vfio_user else ()

    def start(self) -> None:
        """Find QEMU, build the guest where it is not there yet, listen on the console and wait for power."""
        self._qemu, self._image = prepare(self._tell)
        if self._config.window_mib is not None:
            require_own_firmware(self._qemu)
        self._state.mkdir(parents=True, exist_ok=True)
        self._console = Console(*self._console_at, spoil=self._faults.spoiler("console"))
        self._thread.start()
        self._slot.host_state("off")

    def power(self, on: bool) -> None:
        """Mains on (it boots) or off (nothing of it runs when this returns); needs `start`."""
        self._call(self._power(on))

    def close(self) -> None:
        """End everything that was started; may be called from any state, also twice."""
        if self._thread.is_alive():
            self._call(self._power(False))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._console.close()

    def _call(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)

    async def _power(self, on: bool) -> None:
        if on == self._powered:
            return
        self._powered = on
        before, self._on = self._on, None
        if before is not None:
            await before.end()
        if on:
            fresh = _PowerOn(self._slot, self._config, self._qemu, self._image, self._subnets, self._faults)
            try:
                await fresh.begin(self._state, self._console)
            except BaseException:
                self._powered = False
                await fresh.end()
                raise
            self._on = fresh


class _PowerOn:
    """From one mains-on to the next off."""

    def __init__(
        self, slot: LiveSlot, config: TwinHost, qemu: Qemu, image: Image,
        subnets: Sequence[network.Subnet], faults: Faults,
    ) -> None:  # fmt: skip
        self._slot, self._config, self._qemu, self._image = slot, config, qemu, image
        self._subnets, self._faults = subnets, faults
        self._card: Card | None = None
        self._machine: Machine | None = None
        self._console: Console | None = None
        self._hand: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._feed = ErrorFeed()
        self._up_s: float | None = None
        self._shown = set[str]()

    async def begin(self, state: Path, console: Console) -> None:
        """Card configured, QEMU started; BenchError when it does not come up."""
        self._slot.host_state("booting")
        card = self._card = Card(self._slot, self._qemu, self._subnets, state)
        words = command_line(*self._boot_words(card))
        plan = Plan(
            self._qemu, self._image, self._config.slot, words, card.arguments, card.cable_arguments, card.inherited,
            self._config.window_mib,
        )  # fmt: skip
        machine = self._machine = Machine(plan, state / "qemu.log", self._event)
        card.start()
        await machine.start()
        card.launched()
        self._console = console
        console.attach(machine.console.fileno())
        reader, self._hand = await asyncio.open_connection(sock=machine.hand.dup())
        self._tasks = [asyncio.create_task(work) for work in (self._listen(reader), self._tick(), self._watch(machine))]

    async def end(self) -> None:
        """Power is gone: silence first, then the machine, then the card's plugs."""
        if self._console is not None:
            self._console.detach()
        for task in self._tasks:
            task.cancel()
        if self._hand is not None:
            self._hand.close()
        if self._machine is not None:
            await self._machine.kill()
        if self._card is not None:
            self._card.close()
        self._slot.host_state("off")

    def _boot_words(self, card: Card) -> list[str]:
        words = ["sysrq_always_enabled"]
        words += ["pci=noaer"] if not self._config.aer else []
        # a driver that waits for registers which nobody models would wait long
        words += [f"modprobe.blacklist={','.join(card.undriven)}"] if card.undriven else []
        stall_s = self._faults.after_s("host", "slow_boot")
        words += [f"rig.stall={stall_s:g}"] if stall_s is not None else []
        return words + [f"rig.{kind}" for kind in ("hang", "panic") if self._faults.active("host", f"{kind}_at_boot")]

    def _event(self, name: str) -> None:
        if name == "RESET":
            # PERST# again: the card starts anew, and so do the kernel's counters
            self._up_s = None
            self._feed.forget()
            self._slot.host_state("booting")

    async def _watch(self, machine: Machine) -> None:
        """A guest that powers itself off leaves a host that is off, and silent."""
        await machine.ended()
        if self._console is not None:
            self._console.detach()
        self._slot.host_state("off")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.strip() == b"ready":
                self._up_s = self._up_s or time.monotonic()
                self._slot.host_state("up")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            seen = self._card.look() if self._card is not None else None
            if seen is not None and self._up_s is not None:
                await self._raise_errors(seen)
                await self._misbehave(time.monotonic() - self._up_s)

    async def _raise_errors(self, view: HostView) -> None:
        if view.root_port.correctable is None:
            return
        seen = [(ROOT_PORT, view.root_port.correctable), *((CARD, f.correctable) for f in view.functions[:1])]
        for where, errors in seen:
            if line := self._feed.due(where, errors).line():
                await self._say(line)

    async def _misbehave(self, up_s: float) -> None:
        """The faults that come some time after the host is up."""
        machine = self._machine
        for kind in ("hang", "panic", "login_lost"):
            after_s = self._faults.after_s("host", kind)
            if machine is None or after_s is None or up_s < after_s or kind in self._shown:
                continue
            self._shown.add(kind)
            if kind == "hang":
                await machine.freeze()
            elif kind == "panic":
                await machine.panic()
            else:
                await self._say("getty stop")

    async def _say(self, line: str) -> None:
        if self._hand is None:
            return
        self._hand.write(line.encode("ascii") + b"\n")
        with contextlib.suppress(ConnectionError, TimeoutError):
            await asyncio.wait_for(self._hand.drain(), HAND_S)
