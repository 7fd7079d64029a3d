"""Order of the tests: whole runs of the rig first, so that no worker is left with one at the end."""

from collections.abc import Iterator

import pytest
from labgrid.logging import StepLogger

from rig.bench.place.folder import STATE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also what takes minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [item for item in items if item.get_closest_marker("long")]
    if not config.getoption("--long"):
        for item in long:
            item.add_marker(pytest.mark.skip(reason="takes minutes: --long"))
        long = []
    first = {item.path for item in long}
    items.sort(key=lambda item: (item.path not in first, not item.path.name.startswith("test_virtual_")))


@pytest.fixture(scope="session", autouse=True)
def traces_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What jobs of tests leave on disk is no business of `rig places free` on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE, str(tmp_path_factory.mktemp("leases")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_log_of_steps() -> Iterator[None]:
    """labgrid's log of steps fails where a second console of one process has said nothing yet.

    Ref: labgrid 26.0 logging.py, `SerialLoggingReporter.flush`: a console has a logger before it has a buffer.
    """
    StepLogger.stop()
    yield
    StepLogger.start()
