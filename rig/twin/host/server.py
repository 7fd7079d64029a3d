"""Answers the stand-ins: one line of JSON in, one JSON object out, on a unix socket in the private tree."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socketserver
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from rig.twin.host.tools import Answer

_MOST_BYTES = 1 << 20
_DEADLINE_S = 10.0


class ToolServer:
    """Listens in `folder` under `name` and gives every request to `answer`."""

    def __init__(self, folder: Path, name: str, answer: Callable[[Sequence[str]], Answer]) -> None:
        (folder / name).unlink(missing_ok=True)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        try:
            # a path of any depth fits into sun_path this way
            self._server = _Server(f"/proc/self/fd/{fd}/{name}", _Handler)
        finally:
            os.close(fd)
        self._server.answer = answer
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="twin tools", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    answer: Callable[[Sequence[str]], Answer]


class _Handler(socketserver.StreamRequestHandler):
    timeout = _DEADLINE_S
    server: _Server

    def handle(self) -> None:
        # whoever connects may send anything and go away at any time: that ends this conversation alone
        with contextlib.suppress(OSError, ValueError):
            words = json.loads(self.rfile.readline(_MOST_BYTES))
            if isinstance(words, list) and words and all(isinstance(w, str) for w in words):
                reply = dataclasses.asdict(self.server.answer(words))
                self.wfile.write(json.dumps(reply).encode())
