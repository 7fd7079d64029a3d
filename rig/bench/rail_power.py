"""The mains switch of a host that runs on 12 V DC: a rail of the guarded supply."""

import attr
from labgrid import target_factory
from labgrid.driver import Driver
from labgrid.protocol import PowerProtocol

from rig.config.bench import SetPoint, SetPoints
from rig.errors import UsageError
from rig.ports import SupplyPort

RAIL = "host"


@target_factory.reg_driver
@attr.s(eq=False)
class RailPowerDriver(Driver, PowerProtocol):
    """Switches the supply's `host` rail; `rails` holds its set point; if not given, that of the bench file."""

    bindings = {"supply": SupplyPort}
    rails = attr.ib(default=None, metadata={"schema": SetPoints})

    @Driver.check_active
    def on(self):
        """Set, read back, then put the rail on; BenchError when the supply does not."""
        point = self.set_point()
        self.supply.apply(RAIL, point.voltage_v, point.limit_a)

    @Driver.check_active
    def off(self):
        """Put the rail off and read back that it is."""
        self.supply.off(RAIL)

    @Driver.check_active
    def cycle(self):
        """Refused: what comes after off is the strategy's to decide."""
        raise UsageError("the rail that feeds the host is not cycled; go through the strategy")

    @Driver.check_active
    def get(self):
        """Whether the rail is on."""
        return RAIL in self.supply.read()

    def set_point(self) -> SetPoint:
        """Voltage and current limit of the host's rail; UsageError when nobody set them."""
        given = self.rails
        if given is None and self.target.env is not None:
            given = self.target.env.config.get_target_option(self.target.name, "rails", {})
        point = SetPoints.model_validate(given or {}).rail_host
        if point is None:
            raise UsageError("the host's rail has no set point: options.rails.host in the bench file")
        return point
