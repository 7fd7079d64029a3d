"""What is inside Debian packages and kernels.

Ref: deb(5), dpkg-deb(1); Linux Documentation/arch/x86/boot.rst (payload_offset, payload_length).
"""

from __future__ import annotations

import lzma
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from rig.errors import BenchError, DeadlineError
from rig.twin.linux.archive import Entry, file, folder, link

_UNPACK_S = 180.0
_SECTOR = 512
_MAGIC, _SETUP_SECTORS, _PAYLOAD = 0x202, 0x1F1, 0x248


def members(deb: Path, wanted: Callable[[str], bool]) -> dict[str, Entry]:
    """The wanted files, folders and links of a package, by path without a leading slash; hard links as files."""
    found: dict[str, Entry] = {}
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        if process.stdout is None or process.stderr is None:
            raise BenchError(f"packages: no pipe to dpkg-deb for {deb.name}")
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    path = member.name.removeprefix("./").strip("/")
                    if path and wanted(path):
                        found[path] = _entry(tar, member, found)
        except (tarfile.TarError, OSError, KeyError) as e:
            process.kill()
            said = process.stderr.read().decode(errors="replace").strip() or str(e)
            raise BenchError(f"packages: {deb} cannot be unpacked: {said!r}; delete it and try again") from e
    return found


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo, found: dict[str, Entry]) -> Entry:
    if member.isdir():
        return folder(member.mode & 0o777)
    if member.issym():
        return link(member.linkname)
    if member.islnk():
        return found[member.linkname.removeprefix("./")]
    content = tar.extractfile(member)
    return file(b"" if content is None else content.read(), member.mode & 0o777)


def unpack(deb: Path, into: Path) -> None:
    """All of a package, as files below `into`."""
    try:
        done = subprocess.run(
            ["dpkg-deb", "--extract", str(deb), str(into)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_UNPACK_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        raise DeadlineError("packages", f"dpkg-deb to unpack {deb.name}", _UNPACK_S, "still running") from e
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise BenchError(f"packages: {deb} cannot be unpacked: {said!r}; is there room? else delete it and try again")


def vmlinux(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage, which a machine starts in place by PVH: no unpacking in the guest.

    BenchError: no bzImage, or packed in a way not known here (xz and gzip are: what Debian 12 and older kernels use).
    """
    if image[_MAGIC : _MAGIC + 4] != b"HdrS":
        raise BenchError("guest kernel: it is no bzImage (no 'HdrS' at 0x202)")
    start, size = struct.unpack_from("<II", image, _PAYLOAD)
    start += ((image[_SETUP_SECTORS] or 4) + 1) * _SECTOR
    packed = image[start : start + size]
    if packed.startswith(b"\xfd7zXZ\0"):
        kernel = lzma.LZMADecompressor().decompress(packed)
    elif packed.startswith(b"\x1f\x8b"):
        kernel = zlib.decompressobj(31).decompress(packed)
    else:
        raise BenchError(f"guest kernel: packed in a way not known here (it begins with {packed[:6].hex()})")
    if not kernel.startswith(b"\x7fELF"):
        raise BenchError(f"guest kernel: no ELF file inside the bzImage, it begins with {kernel[:4].hex()}")
    return kernel
