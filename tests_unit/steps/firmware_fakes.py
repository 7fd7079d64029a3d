"""What the firmware step is given, without a bench: nothing here switches or burns anything."""

from __future__ import annotations

from rig.config.bench import FirmwareTools
from rig.config.library import default_library
from rig.model import AdapterUnit, CardUnit, Unit
from rig.ports import BurnPort, OperatorPort
from rig.steps.firmware.ports import Job, Ports
from rig.vault import Vault

CX3 = default_library().card("544FLR-QSFP-649283")
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit(CX3.model, "C-1"))


class FakeOperator(OperatorPort):
    """Remembers what it was asked; allows what `allows` says."""

    def __init__(self, allows=False):
        self.allows = allows
        self.asked = []

    def insert(self, unit, *, bare):
        self.asked.append(("insert", unit, bare))

    def remove(self):
        self.asked.append(("remove",))

    def flash_prsnt(self, *, shorted):
        self.asked.append(("flash_prsnt", shorted))

    def confirm(self, question):
        self.asked.append(("confirm", question))
        return self.allows


class FakeGuard(BurnPort):
    def __init__(self):
        self.burning = []

    def burn(self, on):
        self.burning.append(on)

    @property
    def burn_socket(self):
        return None


def ports(host, root, **given):
    """Ports on `host`; what is not given fails the test when it is used."""

    def cold_restart(while_off):
        raise AssertionError("no cold restart is due here")

    told = given.pop("told", [])
    return Ports(
        host, given.pop("supply", None), given.pop("guard", FakeGuard()), given.pop("operator", FakeOperator()),
        given.pop("builder", None), Vault(root / "vault"), given.pop("cold_restart", cold_restart), told.append,
        given.pop("event", lambda *_, **__: None),
    )  # fmt: skip


def job(plan, card=CX3, unit=UNIT, images=(), **given):
    return Job(
        unit, card, None, plan, images, FirmwareTools(), given.pop("bench", "bench"), given.pop("virtual", True), "run",
        None, given.pop("restore", None),
    )  # fmt: skip
