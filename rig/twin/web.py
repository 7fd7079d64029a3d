"""What the two HTTP plugs share: a JSON body, and the faults of a twin file."""

from __future__ import annotations

import asyncio
import json
import socket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rig.twin.faults import Faults

SLOW_S = 3.0
FOR_EVER_S = 3600.0
"""A hung device; the client's deadline or the end of the twin comes first."""
MOST_BYTES = 64 * 1024


def faulty(plug: str, faults: Faults) -> Middleware:
    """Every request passes the faults of `plug` first."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if faults.active(plug, "dead") and request.transport:
            request.transport.abort()
        if faults.active(plug, "silent"):
            await asyncio.sleep(FOR_EVER_S)
        if faults.active(plug, "slow"):
            await asyncio.sleep(SLOW_S)
        response = await handler(request)
        return web.Response(text="<html>\x00it works!", status=200) if faults.active(plug, "garbage") else response

    return middleware


async def body(request: web.Request) -> object:
    """The request's JSON; ValueError when it is none."""
    try:
        return json.loads(await request.text())
    except (UnicodeDecodeError, RecursionError) as e:
        raise ValueError("the body is not JSON") from e


async def serve(app: web.Application, listener: socket.socket) -> web.AppRunner:
    """Serve on a bound socket; the caller cleans the runner up."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner
