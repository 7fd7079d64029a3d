"""One QEMU and one guest image for all tests of a session, and for all workers: the cache is locked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rig.twin.linux.cache import cache_folder
from rig.twin.linux.image import Image, guest_image
from rig.twin.linux.qemu import Qemu, newest_qemu


@pytest.fixture(scope="session")
def linux_parts() -> tuple[Qemu, Image]:
    """The newest QEMU that can be had and the guest; fetched and built when the cache is empty."""
    said: list[str] = []
    with ThreadPoolExecutor() as pool:  # both wait for the network, then for a processor each
        image = pool.submit(guest_image, cache_folder(), said.append)
        qemu = newest_qemu(cache_folder(), said.append)
        return qemu, image.result()
