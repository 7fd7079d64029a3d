"""The test host's mains switch: labgrid's power drivers, with the deadline and the second look they lack."""

import time
from collections.abc import Callable
from typing import Any

from labgrid.protocol import PowerProtocol
from requests.adapters import HTTPAdapter

from rig.bench.edge import edge
from rig.errors import DeadlineError

CONNECT_S, READ_S = 2.0, 5.0
VERIFY_S = 3.0
POLL_S = 0.1
REMEDY = "look at the mains switch: power, network, address in the bench file"


def limit_http_waits() -> None:
    """Give every HTTP request of this process a timeout, unless it brings its own.

    labgrid's power backends call `requests` without one: a switch that hangs would hang the rig for ever,
    with the power on. There is no setting for it, in labgrid or in requests, and urllib3 does not heed
    `socket.setdefaulttimeout`; all of requests' traffic goes through this one method.
    """
    send: Any = HTTPAdapter.send
    if send.__module__ != __name__:
        HTTPAdapter.send = _with_timeout(send)  # type: ignore[method-assign]  # the one patch, see above


def _with_timeout(send: Callable[..., Any]) -> Callable[..., Any]:
    def limited(self: HTTPAdapter, request: Any, stream: bool = False, timeout: Any = None, **more: Any) -> Any:
        return send(self, request, stream=stream, timeout=timeout or (CONNECT_S, READ_S), **more)

    return limited


def switch(mains: PowerProtocol, on: bool) -> None:
    """Switch and, where the driver can tell, see that it did; DeadlineError when it says otherwise."""
    device, wanted = _named(mains), "on" if on else "off"
    with edge(device, f"switch {wanted}", REMEDY):
        mains.on() if on else mains.off()
    deadline_s = time.monotonic() + VERIFY_S
    while (seen := state(mains)) not in (on, None):
        if time.monotonic() > deadline_s:
            says = "on" if seen else "off"
            raise DeadlineError(device, f"its output to be {wanted}", VERIFY_S, says, "look at the mains switch")
        time.sleep(POLL_S)


def state(mains: PowerProtocol) -> bool | None:
    """What the switch says its output is; None: this kind cannot tell."""
    # PowerProtocol has no get(); the drivers that have one may still not support it
    get = getattr(mains, "get", None)
    if get is None:
        return None
    with edge(_named(mains), "its state", REMEDY):
        try:
            return bool(get())
        except NotImplementedError:
            return None


def _named(mains: PowerProtocol) -> str:
    """For people: where it is, if its driver has it from a port."""
    where = getattr(getattr(mains, "port", None), "host", None) or type(mains).__name__
    return f"mains switch {where}"
