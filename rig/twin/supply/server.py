"""An instrument's LAN socket: commands in, replies out, and the faults a twin file asks for."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import Protocol

from rig.twin.faults import Faults

GARBAGE = b"\xff\xfe\x00\x80#?!\n"
SLOW_S = 3.0
LONGEST_LINE = 4096
WRONG_IDENTITY = "KEYSIGHT TECHNOLOGIES,E36312A,MY00000000,2.1.0-1.0.4-1.12"
OTHER_IDENTITY = "RIGOL TECHNOLOGIES,DP832,DP8C000000000,00.01.16"
_SETTING = re.compile(r"^(?!.*\?)", re.DOTALL)


class FrontEnd(Protocol):
    """An instrument that answers lines: at most one line out for a line in."""

    def line(self, text: str) -> str | None: ...


class SupplyServer:
    """Several clients may be connected; all talk to one front end, one command at a time.

    A front end may say how its replies end (`end`), after how long a silence a command is complete (`silence_s`, in
    place of a line feed) and how long the last command took (`busy_s()`).
    """

    def __init__(self, dialect: FrontEnd, faults: Faults, plug: str = "supply", delay_s: float = SLOW_S) -> None:
        """`plug` names it in the twin file's faults; `delay_s` is how slow and how late it is then."""
        self._dialect, self._faults, self._plug, self._delay_s = dialect, faults, plug, delay_s
        self._end = str(getattr(dialect, "end", "\n")).encode("ascii")
        self._silence_s: float | None = getattr(dialect, "silence_s", None)
        self._busy_s = getattr(dialect, "busy_s", lambda: 0.0)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._turn = asyncio.Lock()

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
        while not self._has("dead"):
            command = await self._command(reader)
            if command is None or self._has("dead"):
                return
            async with self._turn:
                reply = await self._answer(command)
            if reply and self._has("late"):
                # the client has given up by then, and takes it for the answer to its next question
                asyncio.get_running_loop().call_later(self._delay_s, writer.write, reply)
            elif reply:
                # one write a reply: two small ones wait for the other side's delayed ACK
                writer.write(reply)
                await writer.drain()

    async def _command(self, reader: asyncio.StreamReader) -> str | None:
        """The next command; None when the client hung up in the middle of it."""
        if self._silence_s is None:
            line = await reader.readline()
            return line.decode("latin-1").strip("\r\n\0 ") if line.endswith(b"\n") else None
        gathered = piece = await reader.read(LONGEST_LINE)
        while piece and len(gathered) < LONGEST_LINE:
            try:
                piece = await asyncio.wait_for(reader.read(LONGEST_LINE), self._silence_s)
            except TimeoutError:
                break
            gathered += piece
        return gathered.decode("latin-1").strip("\r\n\0 ") if gathered else None

    async def _answer(self, command: str) -> bytes:
        if self._has("silent"):
            return b""
        if self._has("slow"):
            await asyncio.sleep(self._delay_s)
        if self._has("stuck") and _SETTING.match(command):
            return b""
        reply = self._dialect.line(command)
        await self._take_time()
        if reply is None:
            return b""
        if self._has("garbage"):
            return GARBAGE
        if self._has("wrong_model") and "*IDN?" in command.upper():
            reply = OTHER_IDENTITY if "E36312A" in reply else WRONG_IDENTITY
        return self._cut(reply.encode("latin-1", "replace"))

    def _cut(self, reply: bytes) -> bytes:
        if self._has("truncated"):
            return reply[: len(reply) // 2] + self._end
        return reply[: len(reply) // 2] if self._has("unterminated") else reply + self._end

    async def _take_time(self) -> None:
        busy_s = self._busy_s()
        if busy_s:
            await asyncio.sleep(busy_s)

    def _has(self, kind: str) -> bool:
        return self._faults.active(self._plug, kind)
