"""A test host of either kind with a unit in its slot, as the rig meets it: booted, its console behind labgrid."""

import time

from labgrid import Target
from labgrid.driver import ShellDriver
from labgrid.resource import NetworkSerialPort

from rig.bench.console import DrainedSerialDriver
from rig.bench.host import ConsoleHostDriver
from rig.config.library import default_library
from rig.config.twin import TwinFile
from rig.model import AdapterUnit, CardUnit
from rig.steps import link, pci
from rig.twin.faults import Faults
from rig.twin.host import ProcessHost
from rig.twin.linux.host import LinuxHost
from rig.twin.world import World

CARRIER_S = 60.0
SHELL = {
    "prompt": r"root@duthost:[^ ]*# ", "login_prompt": "duthost login: ", "username": "root",
    "await_login_timeout": 1, "login_timeout": 120,
}  # fmt: skip


class Running:
    """A test host with a unit in its slot, booted, and the rig's own driver on its console."""

    def __init__(self, kind, folder, closing, card, cables, window_mib=None, **state):
        """`kind` and `window_mib` as in the twin file; `state` what is special about the card, as it is there."""
        slot = {"kind": kind, "boot_s": 0.2, "window_mib": window_mib}
        self.twin = TwinFile.model_validate({"host": slot, "cards": {"C-1": state}})
        self.card = card
        self.world = World(self.twin, default_library(), cables)
        self.world.insert(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit(card.model, "C-1"), bare=False)
        self.world.drive(1, on=True, voltage_v=12.0, limit_a=2.1)
        self.world.drive(3, on=True, voltage_v=3.3, limit_a=1.0)
        faults = Faults([], time.monotonic)
        where = (self.world, self.twin.host, folder, ("127.0.0.1", 0), cables, faults)
        machine = LinuxHost(*where, print) if kind == "linux" else ProcessHost(*where)
        closing.callback(machine.close)
        machine.start()
        target = Target("main")
        address, port = machine.console_address
        NetworkSerialPort(target, None, host=address, port=port, protocol="raw")
        for driver, more in ((DrainedSerialDriver, {}), (ShellDriver, SHELL), (ConsoleHostDriver, {})):
            driver(target, None, **more)
        closing.callback(target.cleanup)
        target.get_driver(DrainedSerialDriver).mark()
        self.world.set_mains(True)
        machine.power(True)
        self._target, self.addresses = target, tuple(machine.addresses)

    def host(self):
        """The rig's host, logged in."""
        return self._target.get_driver(ConsoleHostDriver)

    def reboot(self):
        """The guest reboots itself; the rig's host, logged in anew."""
        console = self._target.get_driver(DrainedSerialDriver)
        console.sendline("reboot -f")
        console.expect("Linux version", timeout=CARRIER_S)
        self._target.deactivate(self._target.get_driver(ShellDriver))
        return self.host()

    def log_in(self):
        """The rig's host; its ports up with their addresses and carrier."""
        host = self.host()
        devices = link.ethernet_devices(host, pci.locate(host, self.card, None))
        ports = link.cabled(devices, [f"{address}/24" for address in self.addresses])
        link.bring_up(host, ports)
        link.await_carrier(host, ports, CARRIER_S)
        assert link.carriers(host, ports) == [True] * len(ports)
        return host

    def cut_12v(self):
        """The card's power goes while the host runs."""
        self.world.drive(1, on=False, voltage_v=12.0, limit_a=2.1)
