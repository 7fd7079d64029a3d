"""The mains switch: a Shelly of the second generation with one output, the test host.

Ref: Shelly Gen2 API: RPC over HTTP, Switch.Set, Switch.GetStatus, Shelly.GetDeviceInfo; common errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from rig.twin.faults import Faults
from rig.twin.web import MOST_BYTES, body, faulty

DEVICE = "shellyplus1pm-a8032ab12345"
VOLT = 230.1


class RpcError(Exception):
    """A method's refusal, as the device words it."""

    def __init__(self, code: int, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class Mains:
    """Switches through `switch(on)`; `is_on()` and `watt()` are the truth at the output."""

    def __init__(
        self,
        switch: Callable[[bool], Awaitable[None]],
        is_on: Callable[[], bool],
        watt: Callable[[], float],
        faults: Faults,
    ) -> None:
        self._switch, self._is_on, self._watt, self._faults = switch, is_on, watt, faults
        self._busy = asyncio.Lock()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[faulty("mains", self._faults)], client_max_size=MOST_BYTES)
        app.router.add_post("/rpc", self._post)
        app.router.add_get("/rpc/{method}", self._get)
        app.router.add_post("/rpc/{method}", self._post_method)
        app.router.add_get("/shelly", self._shelly)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        try:
            asked = await body(request)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _error(-103, "Invalid request", 500)
        reply: dict[str, Any] = {"id": asked.get("id"), "src": DEVICE}
        try:
            reply["result"] = await self._call(asked["method"], asked.get("params") or {})
        except RpcError as e:
            reply["error"] = {"code": e.code, "message": e.message}
        return web.json_response(reply)

    async def _get(self, request: web.Request) -> web.Response:
        return await self._direct(request.match_info["method"], dict(request.query))

    async def _post_method(self, request: web.Request) -> web.Response:
        try:
            return await self._direct(request.match_info["method"], await body(request))
        except ValueError:
            return _error(-103, "Invalid request", 500)

    async def _direct(self, method: str, params: object) -> web.Response:
        try:
            return web.json_response(await self._call(method, params))
        except RpcError as e:
            return _error(e.code, e.message, 404 if e.code == 404 else 500)

    async def _shelly(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(_device())

    async def _call(self, method: str, params: object) -> Mapping[str, Any]:
        if method == "Shelly.GetDeviceInfo":
            return _device()
        if method not in ("Switch.Set", "Switch.GetStatus"):
            raise RpcError(404, f"No handler for {method}")
        known = params if isinstance(params, dict) else {}
        # labgrid sends the id as text
        if str(known.get("id")) != "0":
            raise RpcError(-105, f"Argument 'id', value {known.get('id')} not found!")
        return await self._set(known.get("on")) if method == "Switch.Set" else self._status()

    async def _set(self, on: object) -> Mapping[str, Any]:
        wanted = {"true": True, "false": False}.get(str(on).lower())
        if wanted is None:
            raise RpcError(-103, "Missing or bad argument 'on'!")
        async with self._busy:
            was = self._is_on()
            if not self._faults.active("mains", "stuck"):
                await self._switch(wanted)
        return {"was_on": was}

    def _status(self) -> Mapping[str, Any]:
        on = self._is_on()
        watt = round(self._watt(), 1)
        return {
            "id": 0, "source": "HTTP_in", "output": on, "apower": watt, "voltage": VOLT,
            "current": round(watt / VOLT, 3), "temperature": {"tC": 41.2, "tF": 106.2},
        }  # fmt: skip


def _device() -> Mapping[str, Any]:
    return {
        "id": DEVICE,
        "mac": "A8032AB12345",
        "model": "SNSW-001P16EU",
        "gen": 2,
        "ver": "1.4.4",
        "app": "Plus1PM",
    }


def _error(code: int, message: str, status: int) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)
