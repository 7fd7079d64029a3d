"""What the firmware step is given, without a bench: nothing here switches or burns anything."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

from rig.config.bench import FirmwareTools
from rig.config.library import default_library
from rig.model import AdapterUnit, CardUnit, Reply, Unit
from rig.ports import BurnPort, HostPort, OperatorPort
from rig.steps.firmware.job import ROOT
from rig.steps.firmware.ports import Job, Ports
from rig.steps.firmware.tools import Tools
from rig.vault import Vault

CX3 = default_library().card("544FLR-QSFP-649283")
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit(CX3.model, "C-1"))


class FakeOperator(OperatorPort):
    """Remembers what it was asked; allows what `allows` says."""

    def __init__(self, allows=False):
        self.allows = allows
        self.asked = []

    def insert(self, unit, *, bare):
        self.asked.append(("insert", unit, bare))

    def insert_adapter(self, unit):
        raise AssertionError("firmware needs its card")

    def remove(self):
        self.asked.append(("remove",))

    def flash_prsnt(self, *, shorted):
        self.asked.append(("flash_prsnt", shorted))

    def confirm(self, question):
        self.asked.append(("confirm", question))
        return self.allows

    def multimeter(self, plus, minus, hint=""):
        raise AssertionError("firmware is no matter of ohms")


class FakeGuard(BurnPort):
    def __init__(self):
        self.burning = []

    def burn(self, on):
        self.burning.append(on)

    @property
    def burn_socket(self):
        return None


def ports(host, root, **given):
    """Ports on `host`; what is not given fails the test when it is used."""

    def cold_restart(while_off):
        raise AssertionError("no cold restart is due here")

    told = given.pop("told", [])
    return Ports(
        host, given.pop("supply", None), given.pop("guard", FakeGuard()), given.pop("operator", FakeOperator()),
        given.pop("builder", None), Vault(root / "vault"), given.pop("cold_restart", cold_restart), told.append,
        given.pop("event", lambda *_, **__: None),
    )  # fmt: skip


def job(plan, card=CX3, unit=UNIT, images=(), **given):
    return Job(
        unit, card, None, plan, images, FirmwareTools(), given.pop("bench", "bench"), given.pop("virtual", True), "run",
        None, given.pop("restore", None),
    )  # fmt: skip


# --- a test host of files -------------------------------------------------------------------------------------

DATA = Path(__file__).parent.parent / "parse" / "data"
ASKED = " Do you want to continue ? (y/n) [n] : "


def captured(name):
    """What the real tool printed, carriage returns and all."""
    return (DATA / f"mstflint-4.21-{name}.txt").read_bytes().decode()


class FolderHost(HostPort):
    """A real shell for which /run/rig-firmware is `folder`/run, and `folder`/bin is first on the PATH.

    `typed` and `shown` are what the console makes of a command and of what it prints.
    """

    def __init__(self, folder, typed=lambda text: text, shown=lambda text: text):
        self._folder, self.typed, self.shown = folder, typed, shown
        (folder / "bin").mkdir(exist_ok=True)
        self.asked = []

    @property
    def root(self):
        return self._folder / "run"

    def run(self, command, timeout_s=30.0):
        self.asked.append(command)
        script = self.typed(command).replace(ROOT, str(self.root))
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}"},
            check=False,
            timeout=timeout_s,
        )
        text = done.stdout.decode(errors="backslashreplace").replace(str(self.root), ROOT)
        return Reply(command, self.shown(text), done.returncode)

    def install(self, name, script):
        """A program of the test host, as a shell script."""
        path = self._folder / "bin" / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(0o755)

    def boot_s(self):
        return 12.5

    def console_text(self):
        return ""


class FakeFlint:
    """mstflint on a FolderHost: a flash that is a file, images it knows by their contents, burns played from a table.

    A flash or an image file it was not told of holds no valid image.
    """

    SCRIPT = """
cd {folder}
echo "$*" >>calls
case "$1" in -d) file=flash;; -i) file=$2;; esac
shift 2
known=known/$(sha256sum <"$file" | cut -c1-64)
tell() {{ cat "$1"; exit "$(cat "$1.code")"; }}
case "$*" in
"ri "*) [ -e reads ] && n=$(wc -l <reads) || n=0; echo >>reads
  if [ -e "read-$n" ]; then cp "read-$n" "$2"; exit 0; fi
  [ -e "$known/verify" ] || {{ echo "-E- Failed to read image. No valid image found"; exit 1; }}
  cp flash "$2";;
"dc "*) [ -e ini ] || {{ echo "-E- Failed dumping Fw Configuration : x"; exit 1; }}; cp ini "$2";;
verify) [ -e "$known/verify" ] && tell "$known/verify"
  echo "-E- FW image verification failed: No valid image found. AN HCA DEVICE CAN NOT BOOT FROM THIS IMAGE."; exit 1;;
query*) [ -e "$known/query" ] && tell "$known/query"
  echo "-E- Failed to query Device: 0000:05:00.0. No valid image found"; exit 1;;
*burn) n=$(ls -d burning-* 2>/dev/null | wc -l); mkdir "burning-$n"; cp {records}/*.json "burning-$n" 2>/dev/null
  cd "burn-$n" || {{ echo "-E- no burn was to be tried"; exit 9; }}
  for part in part-*; do
    cat "$part"
    [ "$part" = "$(ls -d part-* | tail -1)" ] && break
    read -r word; [ "$word" = y ] || {{ echo "-E- Aborted by user"; exit 1; }}
  done
  [ -e flash ] && cp flash ../flash
  [ "$(cat code)" = 0 ] && cp "$2" ../flash
  exit "$(cat code)";;
esac
"""

    def __init__(self, host, folder, vault):
        self._folder, self._burns = folder / "flint", 0
        self._folder.mkdir()
        host.install("mstflint", self.SCRIPT.format(folder=self._folder, records=vault / "burning"))
        self.tools = Tools("mstflint", "mstflint", "mstconfig", "0000:05:00.0")

    @property
    def flash(self):
        return (self._folder / "flash").read_bytes()

    @flash.setter
    def flash(self, data):
        (self._folder / "flash").write_bytes(data)

    @property
    def calls(self):
        """Command lines so far, without the tool's name."""
        path = self._folder / "calls"
        return path.read_text().replace(str(self._folder.parent / "run"), ROOT).splitlines() if path.exists() else []

    @property
    def burns(self):
        return [call for call in self.calls if call.endswith(" burn")]

    def knows(self, data, *, query=None, verify=None, code=0):
        """What `query` and `verify` print of these contents."""
        folder = self._folder / "known" / hashlib.sha256(data).hexdigest()
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("query", query), ("verify", verify)):
            if text is not None:
                (folder / name).write_bytes(text.encode())
                (folder / f"{name}.code").write_text(str(code))

    def burn(self, said, *, code=0, leaves=None):
        """What the next burn prints, waiting for an answer at each question; `leaves`: the flash after a failure."""
        folder = self._folder / f"burn-{self._burns}"
        self._burns += 1
        folder.mkdir()
        parts = said.split(ASKED)
        for n, part in enumerate(parts):
            (folder / f"part-{n}").write_bytes((part + (ASKED if n < len(parts) - 1 else "")).encode())
        (folder / "code").write_text(str(code))
        if leaves is not None:
            (folder / "flash").write_bytes(leaves)

    def reads(self, *images):
        """What the next reads of the flash bring, instead of what is on it."""
        for n, data in enumerate(images):
            (self._folder / f"read-{n}").write_bytes(data)

    def has_ini(self, text):
        (self._folder / "ini").write_bytes(text)

    def records(self, burn):
        """Records of burns in progress, as they lay on the disk while that burn was going on."""
        return [json.loads(file.read_text()) for file in (self._folder / f"burning-{burn}").glob("*.json")]


def queried(psid="LAB0000000IB1", version="2.42.5000", device=4099, kind="FS2"):
    """A query of one card's flash or of an image, with what matters changed."""
    text = captured("query-full").replace("LAB0000000IB1", psid).replace("2.42.5000", version)
    assert "Device ID:             4099" in text
    assert "Image type:            FS2" in text
    return text.replace("ID:             4099", f"ID:             {device}").replace(
        "type:            FS2", f"type:            {kind}"
    )
