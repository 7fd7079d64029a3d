import configparser
import getpass
import shutil
import subprocess
import sys

import pytest

from rig.cli import rig
from rig.config.library import project_root

UNIT = project_root() / "ci" / "rig-free.service"


@pytest.fixture
def unit():
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def test_the_unit_runs_a_command_that_there_is_once_a_boot(unit):
    _, *words = unit["Service"]["ExecStart"].split()
    assert words == ["places", "free"] and "free" in rig.commands["places"].commands
    assert (unit["Service"]["Type"], unit["Install"]["WantedBy"]) == ("oneshot", "multi-user.target")


def test_systemd_has_nothing_to_say_of_the_unit(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    # systemd looks whether user and program are there
    text = UNIT.read_text().replace("/opt/rig/run", sys.executable).replace("User=runner", f"User={getpass.getuser()}")
    (tmp_path / UNIT.name).write_text(text)
    call = [analyze, "verify", "--man=no", str(tmp_path / UNIT.name)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert UNIT.name not in done.stderr
