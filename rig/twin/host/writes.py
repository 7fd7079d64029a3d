"""What happens when a program of the guest writes into /sys."""

from __future__ import annotations

from collections.abc import Mapping

from rig.twin.host.aer import Line
from rig.twin.host.device import bdf_of
from rig.twin.host.kernel import Kernel
from rig.twin.host.klog import ERR, KernelLog
from rig.twin.view import Slot

_CONFIG_BYTES = 4096
_KINDS = ("ib", "eth")
_PORT = "mlx4_port"


def apply(kernel: Kernel, log: KernelLog, slot: Slot, writes: Mapping[str, bytes]) -> None:
    """Do what a kernel would on these writes (path below /sys to what the file holds now)."""
    for path, content in writes.items():
        folder, _, name = path.rpartition("/")
        if name == "config":
            _config(kernel, slot, folder, content)
        elif name.startswith(_PORT):
            _port_type(kernel, log, slot, int(name.removeprefix(_PORT)), content)
        elif content.strip() == b"1":
            _trigger(kernel, log, folder, name)
    if writes:
        kernel.refresh()


def _config(kernel: Kernel, slot: Slot, folder: str, content: bytes) -> None:
    device = kernel.devices.get(folder.rpartition("/")[2])
    if device is not None and len(content) == _CONFIG_BYTES:
        slot.write_config(device.number, content)


def _trigger(kernel: Kernel, log: KernelLog, folder: str, name: str) -> None:
    if name == "remove":
        kernel.remove(folder.rpartition("/")[2])
        return
    lines: list[Line] = [*kernel.enumerate(), *kernel.bind()]
    for level, text in lines:
        log.write(text, level)


def _port_type(kernel: Kernel, log: KernelLog, slot: Slot, port: int, content: bytes) -> None:
    """Ref: Linux 6.1 drivers/net/ethernet/mellanox/mlx4/main.c set_port_type(); `auto` leaves the type it has."""
    text = content.decode("ascii", "replace")
    kind = text.removesuffix("\n")
    if not text.endswith("\n") or kind not in (*_KINDS, "auto"):
        shown = "".join(c if c.isprintable() else "?" for c in kind)[:32]
        log.write(f"mlx4_core {bdf_of(0)}: {shown} is not supported port type", ERR)
    elif kind in _KINDS and not slot.set_port_type(port, kind):
        kernel.port_type_refused(port)
