"""The supply's LAN socket: lines in, lines out, and the faults a twin file asks for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket

from rig.twin.faults import Faults
from rig.twin.supply.scpi import Dialect

GARBAGE = b"\xff\xfe\x00\x80#?!\n"
SLOW_S = 3.0
LONGEST_LINE = 4096
WRONG_IDENTITY = "KEYSIGHT TECHNOLOGIES,E36312A,MY00000000,2.1.0-1.0.4-1.12"
_SETTING = re.compile(r"^(?!.*\?)", re.DOTALL)


class SupplyServer:
    """Several clients may be connected; all talk to one front end, one line at a time."""

    def __init__(self, dialect: Dialect, faults: Faults) -> None:
        self._dialect, self._faults = dialect, faults
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=LONGEST_LINE)

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server:
            self._server.close()
        for writer in list(self._clients):
            writer.close()
        if self._server:
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients.add(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, ValueError):
            pass  # the client went away, or sent a line no instrument would buffer
        finally:
            self._clients.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self._faults.active("supply", "dead"):
            line = await reader.readline()
            if not line.endswith(b"\n") or self._faults.active("supply", "dead"):
                return
            reply = await self._answer(line.decode("latin-1").strip("\r\n\0 "))
            if reply:
                # one write a reply: two small ones wait for the other side's delayed ACK
                writer.write(reply)
                await writer.drain()

    async def _answer(self, line: str) -> bytes:
        faults = self._faults
        if faults.active("supply", "silent"):
            return b""
        if faults.active("supply", "slow"):
            await asyncio.sleep(SLOW_S)
        if faults.active("supply", "stuck") and _SETTING.match(line):
            return b""
        reply = self._dialect.line(line)
        if reply is None:
            return b""
        if faults.active("supply", "garbage"):
            return GARBAGE
        wrong = faults.active("supply", "wrong_model") and "*IDN?" in line.upper()
        return (WRONG_IDENTITY if wrong else reply).encode("latin-1", "replace") + b"\n"
