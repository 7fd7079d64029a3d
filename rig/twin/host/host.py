"""The test host: power, boot, the files of /sys, the cables; one lock around it and one thread that keeps it going."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rig.config.twin import TwinHost
from rig.errors import BenchError, RigError
from rig.twin.faults import Faults
from rig.twin.host import bootlog, guest, namespace, sysfs, writes
from rig.twin.host.cables import Cables
from rig.twin.host.console import Console
from rig.twin.host.device import ROOT_PORT
from rig.twin.host.files import Mirror, Writable
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import EMERG, INFO, KernelLog
from rig.twin.host.server import ToolServer
from rig.twin.host.tools import TOOLS, Answer, Context
from rig.twin.host.trap import Trap
from rig.twin.host.watch import Watch
from rig.twin.view import Slot

_TICK_S = 0.05
_LAST_WORDS = {"restart": "reboot: Restarting system", "power_off": "reboot: Power down"}


class ProcessHost:
    """A test host in namespaces of this machine, behind a serial console on TCP.

    `state` is a folder of its own; `console` where to listen (port 0: any); `addresses` the IPv4 addresses of
    the cables. BenchError when the machine lacks namespaces, a program, or an address is taken.
    """

    def __init__(
        self,
        slot: Slot,
        config: TwinHost,
        state: Path,
        console: tuple[str, int],
        addresses: Sequence[str],
        faults: Faults | None = None,
        *,
        password: str = "",
    ) -> None:
        self._spoil = faults.spoiler("console") if faults else None
        self._slot, self._config, self._state = slot, config, state
        self._console_at, self._addresses, self._password = console, tuple(addresses), password
        self._lock = threading.RLock()
        self._closers: list[Callable[[], None]] = []
        self._closing = threading.Event()
        self._machine: namespace.Machine | None = None
        self._trap: Trap | None = None
        self._config_files = frozenset[tuple[int, int]]()
        self._kernel: Kernel | None = None
        self._boot: Iterator[float] | None = None
        self._boot_due_s = self._mains_on_at_s = 0.0
        self._stop_at: tuple[float, str] | None = None
        self._shown: object = None
        self._failure: Exception | None = None
        self._powered = False

    # --- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on the console and wait for power; everything is undone when it cannot."""
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._options = namespace.probe()
        self._real_ip = namespace.tool("ip", "iproute2")
        self._state.mkdir(parents=True, exist_ok=True)
        self._console = Console(*self._console_at, spoil=self._spoil)
        self._closers.append(self._console.close)
        self._log = KernelLog(self._console.emit)
        self._cables = Cables(self._slot, self._addresses)
        self._closers.append(self._cables.close)
        self._watch = Watch()
        self._closers.append(self._watch.close)
        folder = guest.install(self._state / "tools", TOOLS)
        self._closers.append(ToolServer(folder, guest.SOCKET, self._answer).close)
        thread = threading.Thread(target=self._run, name="twin host", daemon=True)
        thread.start()
        self._closers.append(lambda: self._join(thread))
        self._slot.host_state("off")

    @property
    def console_address(self) -> tuple[str, int]:
        """Host and port of the console; needs `start`."""
        return self._console.address

    @property
    def addresses(self) -> Mapping[str, str]:
        """The ports' addresses, each to where this machine reaches it: here the same."""
        return {address: address for address in self._addresses}

    @property
    def versions(self) -> Mapping[str, str]:
        """Of what it is made of, beyond this machine: nothing."""
        return {}

    @property
    def driven(self) -> None:
        """Card models that it has a driver for: as the bench file says."""

    @property
    def init_pid(self) -> int | None:
        """Process 1 of the test host as this machine numbers it; None while it is off."""
        machine = self._machine
        return machine.init_pid if machine else None

    def power(self, on: bool) -> None:
        """Mains on (it boots) or off (everything in it is gone when this returns); needs `start`."""
        with self._lock:
            if on and self._failure is not None:
                failure, self._failure = self._failure, None
                raise BenchError(f"twin host: it stopped: {failure}") from failure
            if on != self._powered:
                self._powered = on
                if on:
                    self._begin()
                else:
                    self._end()
        self._watch.poke()

    def close(self) -> None:
        """End everything that was started; may be called from any state, also twice."""
        with self._lock:
            self._powered = False
            self._end()
        closers, self._closers = self._closers, []
        for close in reversed(closers):
            close()

    def _join(self, thread: threading.Thread) -> None:
        self._closing.set()
        self._watch.poke()
        thread.join()

    # --- one boot ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._slot.host_state("booting")
        self._mirror = Mirror(self._state / "sys", self._state / "scratch")
        self._writable = Writable(self._mirror.root)
        self._mirror.show({"devices/system": sysfs.Folder()})
        self._machine = namespace.Machine(
            self._options, guest.config(self._state, self._real_ip, self._password), guest.OUTSIDE
        )
        if self._machine.listener is not None:
            self._trap = Trap(self._machine.listener, self._slot.gateway, self._is_config)
        self._mains_on_at_s = time.monotonic()
        self._boot, self._boot_due_s = self._booting(), 0.0

    def _end(self) -> None:
        """Power is gone: silence first, then every process."""
        machine, self._machine = self._machine, None
        self._boot = self._kernel = self._stop_at = self._shown = None
        if machine is None:
            return
        self._console.detach()
        self._cables.update({}, None)
        machine.kill()
        trap, self._trap = self._trap, None
        if trap is not None:
            trap.join()
        self._slot.host_state("off")

    def _booting(self) -> Iterator[float]:
        """The boot, step by step; yields the time (seconds after mains on) to go on at."""
        span_s = self._config.boot_s
        yield 0.2 * span_s
        self._log.restart()
        yield from self._print(bootlog.FIRST, 0.2, 0.4)
        kernel = Kernel(self._slot, self._log, self._config)
        found = [text for _, text in kernel.enumerate()]
        aer = kernel.view.root_port.correctable is not None
        irq = kernel.devices[ROOT_PORT].irq
        services = bootlog.port_services(ROOT_PORT, irq, aer=aer)
        bus = [bootlog.os_control(aer=aer), *bootlog.BUS, *found, *services]
        yield from self._print([*bus, *bootlog.AFTER_BUS], 0.4, 0.8)
        self._kernel = kernel
        for driver in kernel.drivers():
            if kernel.installed(driver):
                for level, text in kernel.load(driver):
                    self._log.write(text, level)
        kernel.refresh()
        yield span_s
        self._console_ready()

    def _print(self, texts: Sequence[str], start: float, end: float) -> Iterator[float]:
        """The lines, spread over this part of the boot."""
        for number, text in enumerate(texts):
            due_s = (start + (end - start) * number / len(texts)) * self._config.boot_s
            yield due_s
            self._log.write(text, INFO, at_s=due_s - 0.2 * self._config.boot_s)

    def _console_ready(self) -> None:
        if self._machine is not None:
            self._show()
            self._console.attach(self._machine.tty)
            self._machine.getty()
            self._slot.host_state("up")

    def _stop(self, how: str, after_s: float) -> None:
        self._stop_at = (time.monotonic() + after_s, how)
        self._watch.poke()

    def _go_down(self, how: str) -> None:
        self._log.write(_LAST_WORDS[how], EMERG)
        self._end()
        if how == "restart":
            self._begin()

    # --- the thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            self._watch.wait(self._pause_s())
            with self._lock:
                try:
                    self._tick()
                except (RigError, OSError) as e:
                    self._failure, self._powered = e, False
                    self._end()

    def _pause_s(self) -> float:
        if self._boot is None:
            return _TICK_S
        due_s = self._mains_on_at_s + self._boot_due_s - time.monotonic()
        return min(_TICK_S, max(0.0, due_s))

    def _tick(self) -> None:
        now = time.monotonic()
        if self._stop_at is not None and now >= self._stop_at[0]:
            self._go_down(self._stop_at[1])
        while self._boot is not None and now - self._mains_on_at_s >= self._boot_due_s:
            due_s = next(self._boot, None)
            self._boot_due_s = due_s or 0.0
            self._boot = None if due_s is None else self._boot
        if self._kernel is not None and self._machine is not None:
            self._keep(self._kernel, self._machine)

    def _keep(self, kernel: Kernel, machine: namespace.Machine) -> None:
        written = self._writable.taken()
        writes.apply(kernel, self._log, self._slot, written)
        kernel.refresh()
        self._cables.update(kernel.netdevs, machine.socket)
        self._show()

    def _show(self) -> None:
        """Bring the files up to date when anything in them may have changed."""
        kernel = self._kernel
        if kernel is None:
            return
        traffic = tuple((n.rx.bytes, n.tx.bytes) for n in kernel.netdevs.values())
        state = (kernel.view.generation, kernel.revision, traffic)
        self._writable.show(sysfs.writable(kernel))
        if state != self._shown:
            self._mirror.show(sysfs.tree(kernel) | {"devices/system": sysfs.Folder()})
            self._watch.folders([*self._writable.folders()])
            self._config_files = self._configs(kernel)
            self._shown = state

    def _configs(self, kernel: Kernel) -> frozenset[tuple[int, int]]:
        """Device and inode of the configuration space of every function of the card."""
        cards = [d for d in kernel.devices.values() if d.number is not None]
        files = [(self._mirror.root / sysfs.folder(d) / "config").stat() for d in cards]
        return frozenset((f.st_dev, f.st_ino) for f in files)

    def _is_config(self, file: os.stat_result) -> bool:
        """Whether a program has opened the configuration space of the card; asked by the trap, without the lock."""
        return (file.st_dev, file.st_ino) in self._config_files

    def _answer(self, words: Sequence[str]) -> Answer:
        """A stand-in asks; what it changed is visible in /sys when it is told so."""
        name, *argv = words
        with self._lock:
            kernel = self._kernel
            if kernel is None or name not in TOOLS:
                return Answer(err=f"{name}: the kernel does not answer\n", code=1)
            kernel.refresh()
            answer = TOOLS[name](Context(kernel, self._log, self._slot, self._real_ip, self._stop), argv)
            if self._machine is not None:
                self._keep(kernel, self._machine)
            return answer
