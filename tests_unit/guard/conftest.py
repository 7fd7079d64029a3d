"""Fixtures of the guardian's tests: a fake supply, and a way to wait that does not hang."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from guard_child import Child, config, gone
from guard_fake import FakeServer, FakeSupply

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def supply() -> Iterator[FakeSupply]:
    """A DP832 on loopback."""
    fake = FakeSupply()
    server = FakeServer(fake)
    yield fake
    server.close()


@pytest.fixture
def until() -> Until:
    """Poll until something is true; fail after a generous deadline."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("it did not become true within 20 s")
            time.sleep(0.01)

    return wait


@pytest.fixture
def child(supply: FakeSupply, tmp_path: Path, until: Until) -> Iterator[Callable[..., Child]]:
    """Start children; at the end they and their guardians are gone."""
    children: list[Child] = []

    def start(mood: str = "idle", sock: Path | str = "none", folder: Path = tmp_path, **more: object) -> Child:
        children.append(Child(config(supply, **more), folder, mood, sock))
        return children[-1]

    yield start
    for one in children:
        one.end()
    for one in children:
        # one that waits to be adopted would wait for minutes
        if one.sock != "none" and not gone(one.guardian):
            os.kill(one.guardian, signal.SIGKILL)
        until(lambda pid=one.guardian: gone(pid))
