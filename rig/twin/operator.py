"""The operator's plug: HTTP in place of the person who puts units in and holds the leads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import Field, StringConstraints, ValidationError

from rig.config.twin import Serial
from rig.config.yamlfile import Section
from rig.errors import RigError
from rig.model import AdapterUnit, CardUnit
from rig.twin.errors import Refused
from rig.twin.faults import Faults
from rig.twin.web import MOST_BYTES, body, faulty
from rig.twin.world import World

S = TypeVar("S", bound=Section)
CONFLICT, WRONG = 409, 400
MULTIMETER_OHM = 20e6
"""More than the twin's multimeter shows is an open circuit to it."""


class AdapterBody(Section):
    design: str
    serial: Serial
    jumpers: dict[str, str] = Field(default_factory=dict)
    mods: list[str] = Field(default_factory=list)


class CardBody(Section):
    model: str
    serial: Serial


class InsertBody(Section):
    adapter: AdapterBody
    card: CardBody | None = None
    bare: bool = False


class ProbeBody(Section):
    plus: str
    minus: str


class CableBody(Section):
    port: int
    plugged: bool


class ShortBody(Section):
    shorted: bool


class QuestionBody(Section):
    question: Annotated[str, StringConstraints(max_length=MOST_BYTES)]


class Operator:
    """Answers the state of the bench, or `{"error": sentence}` with 409 (refused) or 400 (wrong)."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world, self._faults = world, faults

    def app(self) -> web.Application:
        app = web.Application(middlewares=[faulty("operator", self._faults)], client_max_size=MOST_BYTES)
        app.router.add_get("/", self._look)
        app.router.add_post("/insert", self._insert)
        app.router.add_post("/remove", self._remove)
        app.router.add_post("/probe", self._probe)
        app.router.add_post("/release", self._release)
        app.router.add_post("/cable", self._cable)
        app.router.add_post("/flash_prsnt", self._flash_prsnt)
        app.router.add_post("/confirm", self._confirm)
        app.router.add_post("/multimeter", self._multimeter)
        return app

    async def _look(self, request: web.Request) -> web.Response:
        del request
        return await self._done(lambda: None)

    async def _insert(self, request: web.Request) -> web.Response:
        asked = await _read(request, InsertBody)
        if isinstance(asked, web.Response):
            return asked
        adapter = AdapterUnit(
            asked.adapter.design, asked.adapter.serial, asked.adapter.jumpers, tuple(asked.adapter.mods)
        )
        card = CardUnit(asked.card.model, asked.card.serial) if asked.card else None
        if "card" not in asked.model_fields_set and not asked.bare:
            told = "card: null puts the adapter alone into the slot, bare: true on the fixture"
            return _error(f"a unit needs a card; {told}", WRONG)
        return await self._done(lambda: self._world.insert(adapter, card, bare=asked.bare))

    async def _remove(self, request: web.Request) -> web.Response:
        del request
        return await self._done(self._world.remove)

    async def _probe(self, request: web.Request) -> web.Response:
        asked = await _read(request, ProbeBody)
        if isinstance(asked, web.Response):
            return asked
        return await self._done(lambda: self._world.connect(asked.plus, asked.minus))

    async def _release(self, request: web.Request) -> web.Response:
        del request
        return await self._done(self._world.release)

    async def _cable(self, request: web.Request) -> web.Response:
        asked = await _read(request, CableBody)
        if isinstance(asked, web.Response):
            return asked
        return await self._done(lambda: self._world.cable(asked.port, plugged=asked.plugged))

    async def _flash_prsnt(self, request: web.Request) -> web.Response:
        asked = await _read(request, ShortBody)
        if isinstance(asked, web.Response):
            return asked
        return await self._done(lambda: self._world.flash_prsnt(shorted=asked.shorted))

    async def _multimeter(self, request: web.Request) -> web.Response:
        asked = await _read(request, ProbeBody)
        if isinstance(asked, web.Response):
            return asked
        try:
            ohm = await asyncio.to_thread(self._world.multimeter_ohm, asked.plus, asked.minus)
        except Refused as e:
            return _error(str(e), CONFLICT)
        except RigError as e:
            return _error(str(e), WRONG)
        return web.json_response({"ohm": "OL" if ohm > MULTIMETER_OHM else round(ohm, 1)})

    async def _confirm(self, request: web.Request) -> web.Response:
        asked = await _read(request, QuestionBody)
        if isinstance(asked, web.Response):
            return asked
        return web.json_response({"yes": self._world.confirms()})

    async def _done(self, action: Callable[[], None]) -> web.Response:
        try:
            # reading a layout for the first time takes a while; the other plugs go on
            await asyncio.to_thread(action)
        except Refused as e:
            return _error(str(e), CONFLICT)
        except RigError as e:
            return _error(str(e), WRONG)
        return web.json_response(dict(self._world.state()))


async def _read(request: web.Request, schema: type[S]) -> S | web.Response:
    try:
        return schema.model_validate(await body(request))
    except ValidationError as e:
        first = e.errors(include_url=False)[0]
        return _error(f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg']}", WRONG)
    except ValueError as e:
        return _error(f"the body is not JSON: {e}", WRONG)


def _error(sentence: str, status: int) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
