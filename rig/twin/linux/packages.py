"""Debian packages of a release, fetched beside the machine's own: no root, nothing installed, nothing changed.

apt-get runs on a configuration of its own, on the Debian mirror that the machine's sources name, so proxies and
keys are the machine's. Ref: apt.conf(5), apt-get(8), sources.list(5); Debian Reference 2.7.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.errors import BenchError, DeadlineError

MIRROR = "RIG_DEBIAN_MIRROR"
"""Environment variable: address of a Debian mirror, for machines whose own sources have none."""
_ELSEWHERE = "or make them elsewhere and point RIG_QEMU to a qemu-system-x86_64 and RIG_GUEST to a guest image's folder"
_RELEASES = frozenset({"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}) | {
    "oldoldstable", "oldstable", "stable", "testing", "unstable",
}  # fmt: skip
_SUITE = re.compile(r"'(\S+?)/dists/([\w.-]+?)((?:-security|/updates|-updates|-backports)?)/InRelease'")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_UPDATE_S, _FETCH_S, _ASK_S = 120.0, 600.0, 30.0
_COMPLAINT = re.compile(r"^[EW]: (.*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mirror:
    """Addresses of a Debian archive; `security` is None where the machine has no security updates."""

    site: str
    security: str | None


def machines_mirror() -> Mirror:
    """The Debian mirror of this machine's apt sources, or of $RIG_DEBIAN_MIRROR; BenchError when there is none."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise BenchError(
                f"packages: no {tool} on this machine, so neither QEMU nor a guest can be fetched: "
                f"run on Debian or Ubuntu, {_ELSEWHERE}"
            )
    if own := os.environ.get(MIRROR):
        return Mirror(own.rstrip("/"), None)
    found = mirror_of(_run(["apt-get", "--print-uris", "update"], _ASK_S, "the machine's own apt sources"))
    if found is None:
        raise BenchError(
            "packages: no Debian release in this machine's apt sources: set RIG_DEBIAN_MIRROR to the address of a "
            f"Debian mirror (on Ubuntu: install debian-archive-keyring first), {_ELSEWHERE}"
        )
    return found


def mirror_of(uris: str) -> Mirror | None:
    """The mirror named in what `apt-get --print-uris update` printed; None: no Debian release among it."""
    security = None
    for site, release, kind in _SUITE.findall(uris):
        if release in _RELEASES and kind in ("-security", "/updates"):
            security = security or site
    plain = (site for site, release, kind in _SUITE.findall(uris) if release in _RELEASES and not kind)
    site = next(plain, None)
    return None if site is None else Mirror(site, security)


class Packages:
    """Packages for amd64 of one Debian release and the given `suites` beside it; keeps its state in `folder`."""

    def __init__(self, folder: Path, mirror: Mirror, release: str, suites: Sequence[str]) -> None:
        self._folder, self._release = folder, release
        for below in ("lists/partial", "cache/archives/partial"):
            (folder / below).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(sources(mirror, release, suites, _KEYRING), encoding="utf-8")

    def update(self) -> None:
        """Read the mirror's index anew; BenchError with apt's own words."""
        self._apt("apt-get", "-qq", "update", timeout_s=_UPDATE_S, what=f"the index of Debian {self._release}")

    def latest(self, packages: Sequence[str]) -> Mapping[str, str]:
        """The newest version of each package; BenchError names the first that the mirror does not have."""
        shown = self._apt("apt-cache", "policy", *packages, timeout_s=_ASK_S, what="package versions")
        found = candidates(shown)
        for name in packages:
            if name not in found:
                raise BenchError(
                    f"packages: Debian {self._release} has no package {name!r} on the mirror: it may lag behind; "
                    f"try again later or set {MIRROR} to another one"
                )
        return {name: found[name] for name in packages}

    def dependency(self, package: str, prefix: str) -> str:
        """What `package` depends on whose name begins with `prefix`: how a kernel is found without its number."""
        shown = self._apt("apt-cache", "depends", "--no-recommends", package, timeout_s=_ASK_S, what=package)
        found = depends_on(shown, prefix)
        if found is None:
            raise BenchError(f"packages: {package} of Debian {self._release} needs no {prefix}*: {shown.strip()!r}")
        return found

    def download(self, versions: Mapping[str, str], into: Path) -> list[Path]:
        """Fetch exactly these, without what they depend on, unless they are there; the files, in order."""
        into.mkdir(parents=True, exist_ok=True)
        wanted = {name: into / file_name(name, version) for name, version in versions.items()}
        missing = [f"{name}={versions[name]}" for name, path in wanted.items() if _there(path) is None]
        if missing:
            self._apt("apt-get", "-qq", "download", *missing, timeout_s=_FETCH_S, what=_listed(missing), cwd=into)
        return [self._fetched(path) for path in wanted.values()]

    def download_with_dependencies(self, packages: Sequence[str], suite: str) -> list[Path]:
        """Fetch these and all they need, preferring `suite`."""
        self._apt(
            "apt-get", "-qq", "--download-only", "-y", "--no-install-recommends", "-t", suite, "install", *packages,
            timeout_s=_FETCH_S, what=_listed(packages),
        )  # fmt: skip
        return sorted((self._folder / "cache/archives").glob("*.deb"))

    def _fetched(self, path: Path) -> Path:
        found = _there(path)
        if found is None:
            raise BenchError(f"packages: apt-get did not bring {path.name}: is there room in {path.parent}?")
        return found

    def _apt(self, *command: str, timeout_s: float, what: str, cwd: Path | None = None) -> str:
        return _run([command[0], *_options(self._folder.resolve()), *command[1:]], timeout_s, what, cwd)


def sources(mirror: Mirror, release: str, suites: Sequence[str], keyring: Path) -> str:
    """A sources.list of `release` and more suites on this mirror; security updates where it has them."""
    signed = f"[arch=amd64 signed-by={keyring}] " if keyring.exists() else "[arch=amd64] "
    lines = [f"deb {signed}{mirror.site} {suite} main" for suite in (release, *suites)]
    if mirror.security is not None:
        lines.append(f"deb {signed}{mirror.security} {release}-security main")
    return "\n".join(lines) + "\n"


def candidates(policy: str) -> dict[str, str]:
    """Package to version from what `apt-cache policy` printed; without those that cannot be had."""
    found = re.findall(r"^(\S+):\n(?:  .*\n)*?  Candidate: (\S+)", policy, re.MULTILINE)
    return {name: version for name, version in found if version != "(none)"}


def depends_on(shown: str, prefix: str) -> str | None:
    """The first dependency that begins with `prefix`, from what `apt-cache depends` printed."""
    found = re.search(rf"^ [ |]Depends: ({re.escape(prefix)}\S+)", shown, re.MULTILINE)
    return found[1] if found else None


def file_name(package: str, version: str) -> str:
    """What apt-get calls the package's file, but for the architecture; a colon of the version is escaped."""
    return f"{package}_{version.replace(':', '%3a')}"


def _there(path: Path) -> Path | None:
    return next((p for a in ("amd64", "all") if (p := path.with_name(f"{path.name}_{a}.deb")).exists()), None)


def _options(folder: Path) -> list[str]:
    """Everything that apt writes is in `folder`; an empty status file: nothing is installed.

    On the command line, because the machine's own configuration overrules a file named by APT_CONFIG.
    """
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Cache::archives": folder / "cache/archives",
        "Dir::Cache::pkgcache": "pkgcache.bin",  # some machines switch it off; each start of apt then takes a second
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Log": folder,
        "Debug::NoLocking": "true",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "15",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _run(command: Sequence[str], timeout_s: float, what: str, cwd: Path | None = None) -> str:
    """What the program printed; BenchError with the last thing it complained of."""
    try:
        done = subprocess.run(
            command, env={**os.environ, "LC_ALL": "C.UTF-8"}, cwd=cwd, timeout=timeout_s,
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        remedy = "is the network there, and apt's proxy right?"
        raise DeadlineError("packages", f"{command[0]} to fetch {what}", timeout_s, "still running", remedy) from e
    except OSError as e:
        raise BenchError(f"packages: {command[0]} cannot be run: {e.strerror}") from e
    errors = done.stderr.decode(errors="replace")
    # an index that cannot be read is a warning to apt-get update, which then ends with 0
    if done.returncode != 0 or "Failed to fetch" in errors:
        raise BenchError(sentence(command[0], what, errors))
    return done.stdout.decode(errors="replace")


def sentence(program: str, what: str, errors: str) -> str:
    """One sentence from what apt or dpkg printed."""
    complaints = _COMPLAINT.findall(errors) or errors.split("\n")
    said = " ".join(next((c for c in complaints if c.strip()), "nothing").split())[:300]
    return f"packages: {program} could not get {what}: {said!r}; is the network there? {_ELSEWHERE}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
