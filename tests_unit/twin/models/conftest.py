"""The card under test: the `Bench` of the test's own module."""

from collections.abc import Iterator

import pytest
from card_driver import CardBench, RingDriver


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[CardBench]:
    bench = request.module.Bench()
    yield bench
    bench.close()


@pytest.fixture
def driver(bench: CardBench) -> RingDriver:
    """Of the first port, which is up."""
    bench.drivers[0].up()
    return bench.drivers[0]
