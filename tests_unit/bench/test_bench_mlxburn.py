import sys

import pytest

from rig.bench import mlxburn
from rig.bench.mlxburn import Mlxburn
from rig.errors import BenchError, DeadlineError, UsageError
from rig.parse.ini import with_ethernet
from rig.twin.connectx3 import image
from rig.twin.connectx3.variants import VARIANTS

INI = "[ADAPTER]\r\nPSID = LAB0000000IB1\n; caf\udce9\n"
WRITES = "while [ $# -gt 0 ]; do case $1 in -conf) conf=$2;; -wrimage) out=$2;; -fw) fw=$2;; esac; shift 2; done\n"


@pytest.fixture
def built(tmp_path):
    """A builder whose program is this shell script."""
    mlx = tmp_path / "fw-ConnectX3-rel.mlx"
    mlx.write_text("base")

    def with_script(script, *, base=mlx):
        program = tmp_path / "mlx burn"
        program.write_text("#!/bin/sh\n" + WRITES + script)
        program.chmod(0o755)
        return Mlxburn(f"'{program}'", base)

    return with_script


def test_the_image_is_what_the_program_wrote_of_the_ini_and_the_base(built):
    assert built('cat "$fw" "$conf" >"$out"').build(INI) == b"base" + INI.encode("utf-8", "surrogateescape")


def test_options_in_the_bench_file_go_with_the_program(tmp_path):
    program, mlx = tmp_path / "mlxburn", tmp_path / "base.mlx"
    program.write_text(f'#!/bin/sh\n[ "$1 $2" = "-format b i n" ] || exit 3\nshift 2\n{WRITES}echo ok >"$out"')
    program.chmod(0o755)
    mlx.touch()
    assert Mlxburn(f"{program} -format 'b i n'", mlx).build("x") == b"ok\n"


def test_a_program_that_is_not_there_is_no_fault_of_anything(tmp_path, built):
    mlx = built("")._mlx
    with pytest.raises(UsageError, match=r"cannot build here: .*none \(firmware\.mlxburn\) is not on this machine"):
        Mlxburn(str(tmp_path / "none"), mlx).build(INI)


def test_a_program_that_may_not_be_started_says_why(tmp_path, built):
    mlx = built("")._mlx
    with pytest.raises(UsageError, match=r"cannot be started: (Permission denied|Exec format error)"):
        Mlxburn(str(mlx), mlx).build(INI)


def test_a_base_package_that_is_not_there_is_said_before_the_program_is_started(tmp_path, built):
    builder = built(f"touch {tmp_path}/started", base=tmp_path / "none.mlx")
    with pytest.raises(UsageError, match=r"cannot build here: the base firmware .*none\.mlx \(firmware\.mlx\)"):
        builder.build(INI)
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '-E- no PSID'; exit 1", "exit code 1: -E- no PSID"),
        ("echo '-E- no PSID' >&2; echo x >\"$out\"", "exit code 0: -E- no PSID"),
        ("exit 9", "exit code 9"),
        ("printf '\\377\\033[2J'; exit 1", r"\xff"),
        ("kill -9 $$", "exit code -9"),
    ],
)
def test_a_program_that_fails_or_says_so_is_the_benchs_fault(built, script, said):
    with pytest.raises(BenchError) as e:
        built(script).build(INI)
    assert said in str(e.value)


def test_a_long_complaint_is_cut_to_its_end(built):
    with pytest.raises(BenchError) as e:
        built("seq 10000; echo the reason; exit 1").build(INI)
    assert "the reason" in str(e.value)
    assert len(str(e.value)) < 700


def test_a_program_that_ends_well_and_writes_nothing_is_found_out(built):
    with pytest.raises(BenchError, match="ended well and wrote no image; run it by hand to see why"):
        built("true").build(INI)


def test_a_program_that_hangs_is_a_deadline(built, monkeypatch):
    monkeypatch.setattr(mlxburn, "_DEADLINE_S", 0.2)
    with pytest.raises(DeadlineError, match=r"waited 0\.2 s for the image"):
        built("exec sleep 60").build(INI)


def test_the_virtual_benchs_own_program_makes_an_ethernet_image_of_the_cards_ini(tmp_path):
    base = tmp_path / "base.mlx"
    base.write_text("version = 2.42.5010\n")
    builder = Mlxburn(f"{sys.executable} -m rig.twin.connectx3 mlxburn", base)
    edited = with_ethernet(VARIANTS["ib"].ini("LAB0000000IB1", False))
    assert builder.build(edited) == image.build("eth", version=(2, 42, 5010), ini=edited, blank_guids=True)
    with pytest.raises(BenchError, match="no PSID"):
        builder.build("[HCA]\n")
