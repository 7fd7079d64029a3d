"""From Debian packages to a guest's kernel and its files; the same packages give the same bytes."""

from __future__ import annotations

import stat
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from rig.errors import BenchError, DeadlineError
from rig.twin.linux import elf, recipe
from rig.twin.linux.archive import Entry, cpio, file, folder, link, program
from rig.twin.linux.unpack import members, vmlinux

ROOT = Path(__file__).parent / "guest" / "root"
"""The guest's own files."""
_MERGED = ("bin/", "sbin/", "lib/", "lib64/")
_LIBRARIES, _LOADER = "usr/lib/x86_64-linux-gnu", "usr/lib64/ld-linux-x86-64.so.2"
_DEPMOD_S = 60.0
_INDEX = ("modules.order", "modules.builtin", "modules.builtin.modinfo")
Files = dict[str, Entry]


def assemble(packages: Mapping[str, Path], kernel: str) -> tuple[bytes, bytes]:
    """ELF kernel and initramfs from package files by name; `kernel` names the kernel's package.

    BenchError when a package lacks what the recipe names: Debian has changed, and the recipe must follow.
    """
    release = kernel.removeprefix("linux-image-")
    names = [kernel, *recipe.FILES, *recipe.LIBRARIES]
    with ThreadPoolExecutor() as pool:  # each waits for a dpkg-deb of its own
        taken = dict(zip(names, pool.map(lambda name: _taken(name, packages[name], release), names), strict=True))
    programs = _merged(taken[name] for name in recipe.FILES)
    tree = programs | _libraries(programs, _merged(taken[name] for name in recipe.LIBRARIES))
    tree |= _modules(_merged([taken[kernel]]), release, tree)
    tree |= _links(tree) | {path: folder(0o1777 if path == "tmp" else 0o755) for path in recipe.FOLDERS} | _own()
    return vmlinux(taken[kernel][f"boot/vmlinuz-{release}"].data), cpio(tree)


def _taken(name: str, deb: Path, release: str) -> Files:
    """What the recipe takes of one package; BenchError when something it names is not there."""
    if name in recipe.LIBRARIES:
        return members(deb, lambda path: "lib/x86_64-linux-gnu/" in path and ".so" in path)
    wanted = recipe.FILES.get(name) or _of_kernel(release)
    found = members(deb, lambda path: any(_belongs(path, want) for want in wanted))
    for want in wanted:
        if not any(_belongs(path, want) for path in found):
            raise BenchError(f"guest image: {deb.name} has no {want}: rig/twin/linux/recipe.py must follow Debian")
    return found


def _belongs(path: str, wanted: str) -> bool:
    return path == wanted or (wanted.endswith("/") and path.startswith(wanted))


def _of_kernel(release: str) -> Sequence[str]:
    modules = f"lib/modules/{release}"
    return (
        f"boot/vmlinuz-{release}",
        *(f"{modules}/{name}" for name in _INDEX),
        *(f"{modules}/kernel/{name}" for name in recipe.MODULE_FOLDERS),
    )


def _merged(parts: Iterable[Files]) -> Files:
    """All in one, with /bin, /sbin and /lib inside /usr, as Debian 12 has them; without the folders themselves."""
    return {
        f"usr/{path}" if path.startswith(_MERGED) else path: entry
        for part in parts
        for path, entry in part.items()
        if not stat.S_ISDIR(entry.mode)
    }


def _libraries(programs: Files, there: Files) -> Files:
    """The shared libraries that the programs need, each under the name they ask for."""
    by_name = {PurePosixPath(path).name: entry for path, entry in there.items()}
    contents = {name: _resolved(name, by_name).data for name in by_name}
    wanted = {so for path, entry in programs.items() for so in elf.needed_libraries(entry.data, path)}
    try:
        found = elf.closure(wanted, contents, elf.needed_libraries)
    except KeyError as e:
        raise BenchError(f"guest image: no package of the recipe has the library {e}: add it to LIBRARIES") from e
    loader = PurePosixPath(_LOADER).name
    libraries = {f"{_LIBRARIES}/{name}": program(contents[name]) for name in found - {loader}}
    return {**libraries, _LOADER: program(contents[loader])}


def _resolved(name: str, there: Mapping[str, Entry]) -> Entry:
    """The file that a chain of links in one folder leads to."""
    entry = there[name]
    for _ in there:
        if not stat.S_ISLNK(entry.mode):
            break
        entry = there.get(PurePosixPath(entry.data.decode()).name, file(b""))
    return entry


def _modules(kernel: Files, release: str, tree: Files) -> Files:
    """The recipe's modules, what they need, and the index that modprobe reads."""
    paths = {PurePosixPath(p).stem.replace("-", "_"): p for p in kernel if p.endswith(".ko")}
    contents = {name: kernel[path].data for name, path in paths.items()}
    try:
        found = elf.closure(recipe.MODULES, contents, elf.module_needs)
    except KeyError as e:
        raise BenchError(f"guest image: no module {e} in MODULE_FOLDERS of rig/twin/linux/recipe.py") from e
    modules = {paths[name]: kernel[paths[name]] for name in found}
    at = f"usr/lib/modules/{release}"
    modules |= {f"{at}/{name}": kernel[f"{at}/{name}"] for name in _INDEX}
    return modules | _index(modules, release, tree)


def _index(modules: Files, release: str, tree: Files) -> Files:
    """What depmod writes; it runs as it is in the guest, so the machine needs no kmod of its own."""
    tool = {p: e for p, e in tree.items() if p == "usr/bin/kmod" or p == _LOADER or p.startswith(f"{_LIBRARIES}/")}
    with tempfile.TemporaryDirectory(prefix="rig-depmod-") as scratch:
        root = Path(scratch)
        for path, entry in (tool | modules).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(entry.data)
            (root / path).chmod(entry.mode & 0o777)
        (root / "lib").symlink_to("usr/lib")
        _depmod(root, release)
        made = (root / "usr/lib/modules" / release).glob("modules.*")
        return {str(path.relative_to(root)): file(path.read_bytes()) for path in sorted(made)}


def _depmod(root: Path, release: str) -> None:
    loader = [str(root / _LOADER), "--library-path", str(root / _LIBRARIES), "--argv0", "depmod"]
    command = [*loader, str(root / "usr/bin/kmod"), "-b", str(root), release]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DEPMOD_S, check=False, env={}
        )
    except subprocess.TimeoutExpired as e:
        raise DeadlineError("guest image", "depmod of the guest", _DEPMOD_S, "still running") from e
    except OSError as e:
        raise BenchError(
            f"guest image: the guest's depmod does not run here ({e.strerror}): this needs an x86-64 Linux machine; "
            "make the image on one and point RIG_GUEST to its folder"
        ) from e
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise BenchError(f"guest image: the guest's depmod ended with {done.returncode}: {said!r}")


def _links(tree: Files) -> Files:
    """The recipe's links, and one to busybox for each program that is not there in earnest."""
    links = {path: link(target) for path, target in recipe.LINKS.items()}
    real = {PurePosixPath(path).name for path in (*tree, *links)}
    return links | {f"usr/bin/{name}": link("busybox") for name in recipe.APPLETS if name not in real}


def _own() -> Files:
    """The guest's own files; a script is a program."""
    found: Files = {}
    for path in sorted(p for p in ROOT.rglob("*") if p.is_file()):
        data = path.read_bytes()
        found[str(path.relative_to(ROOT))] = program(data) if data.startswith(b"#!") else file(data)
    found["etc/shadow"] = file(found["etc/shadow"].data, 0o600)
    return found
