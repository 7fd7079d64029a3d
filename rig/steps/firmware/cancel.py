"""A cancel that waits: from the first write to a flash until it is known to be good."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAID = "cancelled: firmware is being burned, waiting for its end; do not switch anything off"


@contextlib.contextmanager
def cancel_waits(tell: Callable[[str], None]) -> Iterator[None]:
    """Signals that would cancel are noted and told; KeyboardInterrupt when the block is done."""
    noted: list[int] = []

    def note(number: int, frame: object) -> None:
        del frame
        noted.append(number)
        tell(_SAID)

    before = _taken(note)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        # also where the block failed: whoever cancelled must not find the next unit begun
        if noted:
            raise KeyboardInterrupt


def _taken(handler: Callable[[int, object], None]) -> dict[signal.Signals, signal._HANDLER]:
    """The handlers that were there; only the main thread is told of signals."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in _SIGNALS}
