"""What a host wrote to the NVM of an Intel or Broadcom card: a file in the drawer by the card's serial."""

from __future__ import annotations

import contextlib
from pathlib import Path

from rig.twin import wholefile
from rig.twin.silicon import CardState, folder_of

_FILE = "nvm.bin"


def put_in(state: CardState, drawer: Path) -> None:
    """Give the card what it kept, where a host ever wrote to it."""
    with contextlib.suppress(FileNotFoundError):
        state.nvm = (drawer / folder_of(state.serial) / _FILE).read_bytes()


def keep(state: CardState, content: bytes, drawer: Path) -> None:
    """The card holds `content` from now on."""
    state.nvm = content
    folder = drawer / folder_of(state.serial)
    folder.mkdir(parents=True, exist_ok=True)
    wholefile.write(folder / _FILE, content)
