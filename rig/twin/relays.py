"""The relay board's plug: one digital output a lead and point, switched and read over HTTP.

`PUT /relay/plus/12V` with the body `1` or `0`; `GET` answers the same. Its answer is what it was told, as the
register of such a board is: a contact that welded does not show in it.
Ref: labgrid 26.0 HttpDigitalOutputDriver: PUT of `body_asserted` or `body_deasserted`, GET compared with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from rig.twin.faults import Faults
from rig.twin.web import MOST_BYTES, faulty

LEADS = ("plus", "minus")
BODIES = {"1": True, "0": False}


class RelayBoard:
    """Tells `contact(lead, point, closed)` what its contacts did."""

    def __init__(self, points: Iterable[str], contact: Callable[[str, str, bool], None], faults: Faults) -> None:
        self._told = {(lead, point): False for lead in LEADS for point in points}
        self._contact, self._faults = contact, faults

    def app(self) -> web.Application:
        app = web.Application(middlewares=[faulty("relays", self._faults)], client_max_size=MOST_BYTES)
        app.router.add_get("/", self._look)
        app.router.add_get("/relay/{lead}/{point}", self._get)
        for method in ("PUT", "POST"):
            app.router.add_route(method, "/relay/{lead}/{point}", self._set)
        return app

    async def _look(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({f"{lead}/{point}": on for (lead, point), on in self._told.items()})

    async def _get(self, request: web.Request) -> web.Response:
        output = self._named(request)
        return web.Response(text=str(int(self._told[output]))) if output in self._told else self._unknown(output)

    async def _set(self, request: web.Request) -> web.Response:
        output, said = self._named(request), (await request.read()).decode("latin-1").strip()
        if output not in self._told:
            return self._unknown(output)
        if said not in BODIES:
            return web.Response(text=f"expected the body 1 or 0, got {said[:40]!r}", status=400)
        if not self._faults.active("relays", "stuck"):
            self._told[output] = BODIES[said]
            if BODIES[said] or not self._faults.active("relays", "welded"):
                await asyncio.to_thread(self._contact, *output, BODIES[said])
        return web.Response(text=said)

    def _named(self, request: web.Request) -> tuple[str, str]:
        return request.match_info["lead"], request.match_info["point"]

    def _unknown(self, output: tuple[str, str]) -> web.Response:
        points = ", ".join(dict.fromkeys(point for _, point in self._told))
        told = f"no relay {'/'.join(output)!r}; there is plus or minus, then one of {points}"
        return web.Response(text=told, status=404)
