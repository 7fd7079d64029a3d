from __future__ import annotations

from pathlib import Path

import pytest

from rig.twin.connectx3 import reader
from rig.twin.connectx3.__main__ import main
from rig.twin.connectx3.image import build, lay_out
from rig.twin.connectx3.variants import VARIANTS

SMALL = "0x4000"


def burn(folder: Path, ini: str, firmware: str = "") -> tuple[int, Path]:
    out = folder / "out.bin"
    (folder / "fw.mlx").write_text(firmware)
    (folder / "card.ini").write_text(ini)
    files = ["-fw", str(folder / "fw.mlx"), "-conf", str(folder / "card.ini"), "-wrimage", str(out)]
    return main(["mlxburn", *files]), out


def test_an_image_is_written_as_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "eth.bin"
    asked = ["--fw", "2.42.5010", "--psid", "HP_1", "--size", SMALL, "--mac", "00:02:c9:00:00:01", "--pro"]
    assert main(["image", "eth", str(out), *asked]) == 0
    assert out.read_bytes() == build(
        "eth", version=(2, 42, 5010), psid="HP_1", size=0x4000, mac=0x0002C9000001, pro=True
    )


def test_an_image_without_failsafe_or_guids_is_written(tmp_path: Path) -> None:
    out = tmp_path / "ib.bin"
    assert main(["image", "ib", str(out), "--size", SMALL, "--no-failsafe", "--blank-guids"]) == 0
    assert out.read_bytes() == build("ib", size=0x4000, failsafe=False, blank_guids=True)


@pytest.mark.parametrize(("arguments", "words"), [
    (["--size", "12"], "rig.twin.connectx3: an image cannot have 12 bytes"),
    (["--psid", "P" * 17], "longer than 16"),
    (["--fw", "2.99999.1"], "no firmware version"),
])  # fmt: skip
def test_what_cannot_be_built_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["image", "ib", str(tmp_path / "x"), *arguments]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("arguments", [
    [], ["image"], ["image", "fcoe", "x"], ["image", "ib", "x", "--fw", "two"], ["image", "ib", "x", "--size", "big"],
    ["image", "ib", "x", "--mac", "0002c9"], ["image", "ib", "x", "--mac", "0002c900000g"], ["burn"],
])  # fmt: skip
def test_a_wrong_call_is_told_how(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "ib", str(tmp_path / "no" / "x"), "--size", SMALL]) == 2
    assert "No such file or directory" in capsys.readouterr().err


# --- mlxburn ------------------------------------------------------------------------------------------------------


def test_mlxburn_makes_the_ini_s_card_of_the_firmware_s_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ini = VARIANTS["ib"].ini("HP_0230240019", pro=False).replace("eth_xfi_en = false", "eth_xfi_en = true")
    code, out = burn(tmp_path, ini, "# firmware\nversion = 2.42.5032\n")
    assert code == 0
    assert capsys.readouterr().out == "-I- Generating image ...\n-I- Image generation completed successfully.\n"
    image = out.read_bytes()
    assert image == build("eth", version=(2, 42, 5032), psid="HP_0230240019", ini=ini, blank_guids=True)
    assert reader.firmware(lay_out(image, 0x400000)) is None


@pytest.mark.parametrize("firmware", ["", "version = x", "\x00" * 100, "version = 2.42", "conversion = 9.9.9"])
def test_a_firmware_file_without_a_version_has_the_usual_one(tmp_path: Path, firmware: str) -> None:
    code, out = burn(tmp_path, "[ADAPTER]\nPSID = LAB1\n", firmware)
    assert code == 0
    assert out.read_bytes() == build("ib", ini="[ADAPTER]\nPSID = LAB1\n", blank_guids=True)


def test_an_ini_of_a_pro_makes_an_image_for_a_pro(tmp_path: Path) -> None:
    ini = VARIANTS["vpi"].ini("LAB1", pro=True)
    code, out = burn(tmp_path, ini)
    assert code == 0
    assert out.read_bytes() == build("vpi", ini=ini, pro=True, blank_guids=True)


@pytest.mark.parametrize(("ini", "words"), [
    ("", "no PSID in section [ADAPTER]"),
    ("PSID = LAB1", "no PSID"),
    ("[ADAPTER]\nPSID =", "no PSID"),
    ("[ADAPTER]\nPSID = " + "P" * 17, "not 1 to 16 plain characters"),
    ("[ADAPTER]\nPSID = LAB\x1b[2J", "not 1 to 16 plain characters"),
    ("[ADAPTER]\nPSID = LÄB", "not 1 to 16 plain characters"),
    ("x" * (2 << 20), "larger than"),
])  # fmt: skip
def test_mlxburn_refuses_an_ini_of_no_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ini: str, words: str
) -> None:
    code, out = burn(tmp_path, ini)
    told = capsys.readouterr().out
    assert code == 1
    assert told.startswith("-E- ")
    assert words in told
    assert told.count("\n") == 1
    assert "\x1b" not in told
    assert not out.exists()


@pytest.mark.parametrize("arguments", [
    [], ["-fw", "x"], ["-fw", "x", "-conf", "y"], ["-fw", "x", "-conf", "y", "-wrimage", "z"], ["-dev", "mt4099"],
])  # fmt: skip
def test_a_wrong_call_of_mlxburn_is_an_error_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["mlxburn", *arguments]) == 1
    assert capsys.readouterr().out.startswith("-E- ")
