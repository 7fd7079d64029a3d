"""What ELF files say of what they need: shared libraries of programs, other modules of kernel modules.

Ref: System V ABI, dynamic section (DT_NEEDED); Linux scripts/mod/modpost.c (section .modinfo).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from rig.errors import BenchError


def needed_libraries(data: bytes, name: str) -> tuple[str, ...]:
    """The shared libraries it names; none for a static program or a script. BenchError: a damaged ELF file."""
    if not data.startswith(b"\x7fELF"):
        return ()
    try:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".dynamic")
        if not isinstance(section, DynamicSection):
            return ()
        return tuple(str(getattr(tag, "needed", "")) for tag in section.iter_tags("DT_NEEDED"))
    except ELFError as e:
        raise BenchError(f"guest image: {name} is a damaged ELF file: {e}; delete the cache and try again") from e


def module_needs(data: bytes, name: str) -> tuple[str, ...]:
    """The modules it depends on, by name with underscores; BenchError: no kernel module."""
    try:
        section = ELFFile(io.BytesIO(data)).get_section_by_name(".modinfo")
    except ELFError as e:
        raise BenchError(f"guest image: {name} is no kernel module: {e}") from e
    if section is None:
        raise BenchError(f"guest image: {name} is no kernel module: it has no section .modinfo")
    fields = (line.partition(b"=") for line in section.data().split(b"\0"))
    named = b",".join(value for key, _, value in fields if key == b"depends")
    return tuple(word.decode().replace("-", "_") for word in named.split(b",") if word)


def closure(
    wanted: Iterable[str], there: Mapping[str, bytes], needs: Callable[[bytes, str], tuple[str, ...]]
) -> set[str]:
    """`wanted` and all that these need, out of what is `there`; KeyError: the name of one that is not."""
    todo, found = list(wanted), set[str]()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += needs(there[name], name)
    return found
