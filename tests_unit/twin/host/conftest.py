"""One powered test host per module, behind a fake slot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from host_fakes import ADDRESSES, FakeSlot, card, port, view_of
from host_shell import Shell

from rig.config.twin import TwinHost
from rig.twin.host import ProcessHost


@pytest.fixture(scope="module")
def slot() -> FakeSlot:
    ports = (port("ens1f0", 0, ADDRESSES[0]), port("ens1f1", 1, ADDRESSES[1]))
    return FakeSlot(view_of(card(0, now=4), card(1, now=4), ports=ports, now=4))


@pytest.fixture(scope="module")
def host(slot: FakeSlot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessHost]:
    state: Path = tmp_path_factory.mktemp("host")
    host = ProcessHost(slot, TwinHost(boot_s=0.3), state, ("127.0.0.1", 0), ADDRESSES)
    host.start()
    try:
        yield host
    finally:
        host.close()


@pytest.fixture(scope="module")
def shell(host: ProcessHost) -> Iterator[Shell]:
    with Shell(host.console_address) as shell:
        host.power(True)
        shell.log_in()
        yield shell
