"""The guest's kernel and initramfs: built on first use from Debian packages, without root, and kept.

`python -m rig.twin.linux.image` builds it and says where; `--fresh` asks the mirror for newer packages.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import click

from rig.errors import BenchError
from rig.twin.linux import recipe
from rig.twin.linux.assemble import ROOT, assemble
from rig.twin.linux.cache import Tell, building, cache_folder, locked
from rig.twin.linux.packages import Packages, machines_mirror

GUEST = "RIG_GUEST"
"""Environment variable: a folder with a ready guest: `vmlinux`, `initrd.cpio` and `versions.json`."""
_KERNEL, _INITRD, _VERSIONS = "vmlinux", "initrd.cpio", "versions.json"
_MADE_BY = ("archive", "assemble", "elf", "recipe", "unpack")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Image:
    """A guest as files; never changed once it is there."""

    kernel: Path
    """ELF vmlinux, which QEMU starts by PVH."""
    initrd: Path
    """cpio archive, not compressed: under emulation unpacking takes longer than reading."""
    versions: Mapping[str, str]
    """Package to version, and `kernel` to its release."""


def guest_image(cache: Path, tell: Tell, *, fresh: bool = False) -> Image:
    """$RIG_GUEST, or the newest image of this recipe in the cache, built there when there is none or with `fresh`.

    BenchError, with what to do, when it cannot be built.
    """
    if own := os.environ.get(GUEST):
        return opened(Path(own))
    shelf = cache / "guest"
    found = None if fresh else _newest(shelf)
    if found is None:
        with locked(cache, "guest", tell):
            # another process may have built it while this one waited
            found = (None if fresh else _newest(shelf)) or _built(cache, shelf, tell)
    return opened(found)


def opened(folder: Path) -> Image:
    """The image in a folder; BenchError when it is not whole."""
    try:
        versions = json.loads((folder / _VERSIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise BenchError(f"guest image: {folder / _VERSIONS} cannot be read: {e}; {_remedy(folder)}") from e
    for name in (_KERNEL, _INITRD):
        if not (folder / name).is_file():
            raise BenchError(f"guest image: {folder} has no {name}; {_remedy(folder)}")
    if not isinstance(versions, dict) or not all(isinstance(v, str) for v in versions.values()):
        raise BenchError(f"guest image: {folder / _VERSIONS} is no table of versions; {_remedy(folder)}")
    return Image(folder / _KERNEL, folder / _INITRD, MappingProxyType(versions))


def recipe_key() -> str:
    """Changes with everything of this project that shapes an image."""
    own = sorted(path for path in ROOT.rglob("*") if path.is_file())
    code = [Path(__file__).with_name(f"{name}.py") for name in _MADE_BY]
    return _key(part for path in [*code, *own] for part in (path.name.encode(), path.read_bytes()))


def _newest(shelf: Path) -> Path | None:
    whole = (p for p in shelf.glob(f"{recipe_key()}-*") if (p / _VERSIONS).exists())
    return max(whole, key=lambda p: (p.stat().st_mtime, p.name), default=None)


def _built(cache: Path, shelf: Path, tell: Tell) -> Path:
    tell(f"looking for the packages of the guest in Debian {recipe.RELEASE}")
    packages = Packages(cache / "apt" / recipe.RELEASE, machines_mirror(), recipe.RELEASE, recipe.SUITES)
    packages.update()
    kernel, versions = resolved(packages)
    final = shelf / f"{recipe_key()}-{_key(f'{n}={v}'.encode() for n, v in sorted(versions.items()))}"
    if (final / _VERSIONS).exists():
        tell("the guest image has the newest packages")
        return final
    tell(f"fetching {len(versions)} packages of the guest, 90 MB, once")
    files = packages.download(versions, cache / "debs")
    tell("building the guest image")
    with building(final) as part:
        elf, initrd = assemble(dict(zip(versions, files, strict=True)), kernel)
        (part / _KERNEL).write_bytes(elf)
        (part / _INITRD).write_bytes(initrd)
        table = {"kernel": kernel.removeprefix("linux-image-"), **versions}
        (part / _VERSIONS).write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    tell(f"guest image: kernel {len(elf) >> 20} MiB, programs {len(initrd) >> 20} MiB")
    return final


def resolved(packages: Packages) -> tuple[str, Mapping[str, str]]:
    """The kernel's package under its full name, and the newest version of every package of the recipe."""
    kernel = packages.dependency(recipe.KERNEL, recipe.KERNEL_PREFIX)
    return kernel, packages.latest(sorted({kernel, *recipe.FILES, *recipe.LIBRARIES}))


def _key(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:_DIGITS]


def _remedy(folder: Path) -> str:
    return f"correct {GUEST}" if os.environ.get(GUEST) else f"delete {folder} and try again"


@click.command()
@click.option("--fresh", is_flag=True, help="Ask the mirror whether there are newer packages.")
def main(fresh: bool) -> None:
    """Build the guest image of the virtual Linux host, unless it is there, and say where it is."""
    try:
        image = guest_image(cache_folder(), lambda text: click.echo(text, err=True), fresh=fresh)
    except BenchError as e:
        raise click.ClickException(str(e)) from e
    click.echo(f"kernel {image.versions['kernel']}: {image.kernel}\nprograms: {image.initrd}")


if __name__ == "__main__":
    main()
