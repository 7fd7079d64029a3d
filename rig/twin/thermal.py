"""How warm a card gets, and which cards say so.

Ref: Linux 6.1 drivers/net/ethernet, what registers a hwmon device and under which name:
intel/igb/igb_hwmon.c with e1000_82575.c (I350, function 0 only); intel/ixgbe/ixgbe_sysfs.c with ixgbe_common.c (82599
only, port 0, and only where the NVM has a table of external sensors; X540 and X550 have no such method);
broadcom/tg3.c (where the APE has sensor data), broadcom/bnxt/bnxt.c, emulex/benet/be_main.c, qlogic/qlcnic
(these four: whether the firmware of the HPE parts answers is from memory). mlx4 has none, mlx5 none before 6.7
(from memory), and none was found in bnx2x. tg3 and bnxt_en register theirs while a port is open; here it is there
as long as the driver is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

K_PER_W = 3.0
"""Die over ambient with a fan beside the card; the twin's own choice."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """A driver's hwmon device: the contents of its `name`, and whether only function 0 has one."""

    name: str
    first_only: bool = False


SENSORS: Mapping[str, Sensor] = MappingProxyType({
    "igb": Sensor("i350bb", first_only=True),
    "tg3": Sensor("tg3"),
    "bnxt_en": Sensor("bnxt_en"),
    "be2net": Sensor("be2net"),
    "qlcnic": Sensor("qlcnic"),
})  # fmt: skip
"""Driver to the sensor it shows of every card."""
ON_SOME_BOARDS: Mapping[str, Sensor] = MappingProxyType({"ixgbe": Sensor("ixgbe", first_only=True)})
"""Driver to a sensor that depends on the board: the twin file says that a card has it."""
FITTED_ON = ("8086:10fb",)
"""Ids of the controllers whose driver can show such a sensor."""


def sensor_of(driver: str | None, pci_id: str | None, fitted: bool | None) -> Sensor | None:
    """What the driver shows of a card; `fitted` None: what it shows of every card it drives."""
    if driver is None or fitted is False:
        return None
    depends = ON_SOME_BOARDS.get(driver) if fitted and pci_id in FITTED_ON else None
    return depends or SENSORS.get(driver)


class Die:
    """A temperature that follows power with one time constant."""

    def __init__(self, ambient_c: float, constant_s: float) -> None:
        self._ambient_c, self._constant_s = ambient_c, constant_s
        self._at_s: float | None = None
        self.celsius = ambient_c

    def follow(self, now_s: float, watt: float) -> None:
        """`watt` was drawn since the last look."""
        seconds, self._at_s = (0.0 if self._at_s is None else now_s - self._at_s), now_s
        end = self._ambient_c + K_PER_W * watt
        self.celsius = end + (self.celsius - end) * math.exp(-seconds / self._constant_s)
