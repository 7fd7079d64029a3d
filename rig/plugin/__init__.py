"""pytest plugin of the HIL suite: which bench, which units, and one journal for all of it.

`pytest tests_hil --lg-env BENCH.yaml --rig-batch BATCH.yaml` and `rig batch` do the same; without a batch the plugin
keeps out of the way, so that the unit tests run with nothing attached.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from rig.errors import RigError, UsageError
from rig.plugin.campaign import Campaign
from rig.plugin.choice import Choice
from rig.plugin.fleet import worker
from rig.plugin.order import insert_id, make
from rig.plugin.progress import Progress
from rig.plugin.stash import CAMPAIGN, ORDER
from rig.plugin.unitrun import Failed, NotTaken, UnitRun

_EXPECTED = (Failed, NotTaken, RigError)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rig")
    group.addoption("--rig-batch", type=Path, help="batch file: which units")
    group.addoption("--rig-bench", type=Path, help="bench file (a labgrid environment); --lg-env means the same")
    group.addoption("--rig-plan", type=Path, help="plan file instead of the batch's own")
    group.addoption("--rig-twin", type=Path, help="twin file instead of the bench's own")
    group.addoption("--rig-twin-state", type=Path, help="folder in which the twin's cards keep their flash")
    group.addoption("--rig-out", type=Path, help="folder for this batch's results")
    group.addoption("--rig-resume", type=Path, help="folder of a batch to go on with")
    group.addoption("--rig-tray", type=Path, help="CSV file of units instead of the batch's own")
    group.addoption("--rig-unit", action="append", default=[], help="serial: take this unit alone; may be repeated")
    group.addoption("--rig-step", action="append", default=[], help="take this step alone; may be repeated")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "step(name): the step of the way of one unit that a HIL test takes")
    if ORDER in config.stash or worker.join(config):
        return
    option = config.option
    bench = option.rig_bench or getattr(option, "lg_env", None)
    if option.rig_batch is None:
        return
    if getattr(option, "numprocesses", None) or getattr(option, "tx", None):
        raise pytest.UsageError(
            "several benches work one batch by 'rig batch -n', not by pytest's -n: see docs/fleet.md"
        )
    if bench is None:
        raise pytest.UsageError("a batch needs a bench: --lg-env configs/benches/....yaml")
    try:
        config.stash[ORDER] = make(
            option.rig_batch,
            Path(bench),
            option.rig_plan,
            option.rig_twin,
            option.rig_out,
            option.rig_twin_state,
            Choice(option.rig_resume, option.rig_tray, None, tuple(option.rig_unit), tuple(option.rig_step)),
        )
    except UsageError as e:
        raise pytest.UsageError(str(e)) from e


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    order = metafunc.config.stash.get(ORDER, None)
    if "unit_run" in metafunc.fixturenames and order is not None:
        inserts = order.inserts
        ids = [insert_id(order, insert) for insert in inserts]
        metafunc.parametrize("unit_run", range(len(inserts)), ids=ids, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only the plan's steps, insert by insert, each one's steps in the plan's order."""
    hil = [i for i in items if i.get_closest_marker("step")]
    order = config.stash.get(ORDER, None)
    if hil and order is None:
        raise pytest.UsageError(
            "the HIL tests need a batch and a bench: --rig-batch FILE --lg-env FILE, or 'rig batch'"
        )
    if order is None:
        return
    # without an insert pytest leaves each test once, with nothing to take
    steps = order.steps if order.inserts else ()
    kept = [i for i in hil if _step(i) in steps]
    kept.sort(key=lambda i: (_insert(i), steps.index(_step(i))))
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = kept


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item) -> bool | None:
    """No limit of pytest-timeout on a bench: every wait has its own deadline, and a soak takes hours."""
    return True if ORDER in item.config.stash else None


def _step(item: pytest.Item) -> str:
    marker = item.get_closest_marker("step")
    return str(marker.args[0]) if marker else ""


def _insert(item: pytest.Item) -> int:
    """Which of the order's units, in its order; one that is put in again is there again."""
    number = item.callspec.params.get("unit_run") if isinstance(item, pytest.Function) else None
    if not isinstance(number, int):
        raise pytest.UsageError(f"{item.nodeid}: a test with a step takes the fixture unit_run")
    return number


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """After the last step of an insert the order may say that it has seen enough."""
    done = yield
    running = item.config.stash.get(CAMPAIGN, None)
    asks = running is not None and running.order.enough is not None
    if running is not None and asks and nextitem is not None and _insert(item) != _insert(nextitem):
        item.session.shouldstop = running.enough() or item.session.shouldstop
    return done


class _Cancel:
    """Registered while a batch runs; pytest tells it of Ctrl-C before it tears the fixtures down."""

    def __init__(self, running: Campaign) -> None:
        self._running = running

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest tells of a `shouldstop` in the same way
        self._running.cancelled = self._running.stopped is None and self._running.lost is None
        del excinfo


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the rig raises on purpose is one sentence, not a traceback; NotTaken is a skip."""
    report = yield
    raised = call.excinfo.value if call.excinfo else None
    if isinstance(raised, NotTaken):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"NOT_RUN: {raised}")
    elif isinstance(raised, _EXPECTED):
        report.longrepr = f"{type(raised).__name__}: {raised}"
    return report


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The batch on its bench: opened at the first use, off and written down at the end."""
    config = request.config
    running = config.stash.get(CAMPAIGN, None)
    if running is not None and running.is_part:
        # the worker opens its bench before the first unit, and closes it after the last
        yield running
        return
    if running is None:
        running = config.stash[CAMPAIGN] = Campaign(config.stash[ORDER], Progress().tell)
    config.pluginmanager.register(_Cancel(running))
    try:
        running.open()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def unit_run(request: pytest.FixtureRequest, campaign: Campaign) -> Iterator[UnitRun]:
    """One unit taken through the plan once; a retry that nothing calls for is a skip."""
    if (why := campaign.not_due(request.param)) is not None:
        pytest.skip(why)
    with campaign.unit(request.param) as run:
        yield run
