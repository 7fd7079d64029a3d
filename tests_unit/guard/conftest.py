"""Fixtures of the guardian's tests: a fake supply, and a way to wait that does not hang."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
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
