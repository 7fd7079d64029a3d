"""Benches for `chaos.py` that stand by themselves, as real ones do, and what an onlooker sees of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from rig.bench.place import carried
from rig.bench.place.folder import STATE
from rig.bench.place.tags import benches, every
from rig.bench.plugs import plug_in
from rig.config.library import project_root
from rig.plugin.places import virtual_places
from rig.plugin.twin_process import TwinProcess

CHANNELS = (1, 2, 3)
VIRTUAL = project_root() / "configs/benches/virtual.yaml"


@dataclass
class Bench:
    """One bench: the file a job is given, and the resources behind it by their class."""

    file: Path
    plugs: dict[str, Any]

    def on(self) -> list[str]:
        """Channels of the supply that are on."""
        _, host, port, _ = self.plugs["VisaInstrument"]["address"].split("::")
        with socket.create_connection((host, int(port)), timeout=5) as link, link.makefile("rw", newline="\n") as lines:
            found = []
            for channel in CHANNELS:
                lines.write(f":OUTP? CH{channel}\n")
                lines.flush()
                if (said := lines.readline().strip()) != "OFF":
                    found.append(f"CH{channel}:{said}")
            return found

    def mains(self) -> bool:
        """Whether the test host has mains."""
        where = urlsplit(self.plugs["NetworkPowerPort"]["host"])
        with contextlib.closing(http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)) as link:
            link.request("GET", "/rpc/Switch.GetStatus?id=0")
            return bool(json.loads(link.getresponse().read())["output"])


@dataclass
class Lab:
    """All benches; `coordinator` is None where they are bench files of this machine."""

    benches: list[Bench]
    leases: Path
    coordinator: str | None = None

    def on(self) -> list[str]:
        """Channels that are on, of all benches."""
        return [f"{bench.file.parent.name} {on}" for bench in self.benches for on in bench.on()]

    def mains(self) -> int:
        """Test hosts that have mains."""
        return sum(bench.mains() for bench in self.benches)

    def held(self) -> list[str]:
        """Places that somebody has, and traces of jobs on disk."""
        places = every(self.coordinator) if self.coordinator else []
        traces = self.leases.iterdir() if self.leases.exists() else ()
        return [*(f"{p.name}: {p.held}" for p in places if p.held != "free"), *(f"trace {t.name}" for t in traces)]


def stand(stack: contextlib.ExitStack, folder: Path, count: int, *, places: bool) -> Lab:
    """Benches that live until the stack ends; of places the coordinator and the exporter too."""
    leases = folder / "leases"
    os.environ[STATE] = str(leases)
    if not places:
        return Lab([_local(stack, folder / f"bench-{n}", n) for n in range(1, count + 1)], leases)
    named = [(f"bench-{n}", VIRTUAL) for n in range(1, count + 1)]
    running = stack.enter_context(virtual_places(named, folder / "lab"))
    found = []
    for spec in benches("virtual", running.coordinator):
        home = folder / spec.name
        found.append(Bench(spec.bench_file(home), _plugs(running.places[spec.name])))
    return Lab(found, leases, running.coordinator)


def _local(stack: contextlib.ExitStack, state: Path, number: int) -> Bench:
    twin = stack.enter_context(contextlib.closing(TwinProcess(project_root() / "configs/twins/good.yaml", state)))
    file = plug_in(VIRTUAL, twin.plugs, state / "bench.yaml")
    yaml = YAML(typ="rt")
    tree = yaml.load(file)
    tree["targets"]["main"]["options"]["name"] = f"bench-{number}"
    yaml.dump(tree, file)
    return Bench(file, _plugs(file))


def _plugs(file: Path) -> dict[str, Any]:
    return {row["cls"]: row["args"] for row in carried.read(file).exported}
