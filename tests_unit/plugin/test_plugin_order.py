import hashlib
import json

import pytest

from rig.config.library import project_root
from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin import firmware, order
from rig.vault import FLASH, MANIFEST, Identity, Vault

CONFIGS = project_root() / "configs"
VIRTUAL, REAL = CONFIGS / "benches" / "virtual.yaml", CONFIGS / "benches" / "example-rigol-shelly.yaml"
IMAGE = b"an image of firmware"
UNIT = Unit(AdapterUnit("TobleMiner-revA", "A-1"), CardUnit("544FLR-QSFP-649282", "C-1"))
BATCH = """name: t
plan: plan.yaml
units:
- {adapter: {design: TobleMiner-revA, serial: A-1}, card: {model: 544FLR-QSFP-649282, serial: C-1}}
"""


@pytest.fixture
def ordered(tmp_path):
    """The order of one card with this firmware section in its plan."""

    def make(section, bench=VIRTUAL, **more):
        (tmp_path / "batch.yaml").write_text(BATCH)
        (tmp_path / "plan.yaml").write_text(f"name: t\nsteps: [firmware]\nfirmware: {json.dumps(section)}\n")
        return order.make(tmp_path / "batch.yaml", bench, **more)

    return make


def entry(data=IMAGE, name="image.bin", **more):
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest(), **more}


def test_images_are_read_beside_the_plan_and_in_its_order(ordered, tmp_path):
    (tmp_path / "image.bin").write_bytes(IMAGE)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "2.bin").write_bytes(b"2")
    it = ordered({"images": [entry(b"2", "more/2.bin"), entry()]})
    assert it.images == (b"2", IMAGE)
    assert [image.file for image in it.plan.firmware.images] == ["more/2.bin", "image.bin"]


def test_a_plan_without_images_reads_none(ordered):
    it = ordered({})
    assert (it.images, it.restore, it.twin_state) == ((), None, None)


def test_an_image_that_is_not_the_one_authorised_stops_everything(ordered, tmp_path):
    (tmp_path / "image.bin").write_bytes(IMAGE + b"\0")
    with pytest.raises(UsageError) as e:
        ordered({"images": [entry()]})
    assert hashlib.sha256(IMAGE + b"\0").hexdigest() in str(e.value)
    assert "nothing is burned that was not authorised" in str(e.value)
    assert "plan.yaml" in str(e.value)


def test_the_second_image_is_checked_as_the_first_is(ordered, tmp_path):
    (tmp_path / "image.bin").write_bytes(IMAGE)
    with pytest.raises(UsageError, match=r"2\.bin: cannot be read"):
        ordered({"images": [entry(), entry(name="2.bin")]})


def test_an_image_that_is_not_there_is_refused(ordered):
    with pytest.raises(UsageError, match=r"plan\.yaml: firmware image .*image\.bin: cannot be read: No such file"):
        ordered({"images": [entry()]})


def test_an_image_that_is_a_folder_is_refused(ordered, tmp_path):
    (tmp_path / "image.bin").mkdir()
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        ordered({"images": [entry()]})


@pytest.mark.parametrize("size", [0, (16 << 20) + 1])
def test_an_image_that_is_empty_or_too_large_is_refused_without_being_read(ordered, tmp_path, size):
    with (tmp_path / "image.bin").open("wb") as file:
        file.truncate(size)
    with pytest.raises(UsageError, match=rf"image\.bin: {size} bytes; expected 1 to 16777216"):
        ordered({"images": [entry()]})


@pytest.mark.parametrize(
    "wrong",
    [
        entry(from_psid="A"),
        entry(to_psid="B"),
        entry(from_psid="A B", to_psid="C"),
        entry(from_psid="A" * 17, to_psid="C"),
        entry(allow=["everything"]),
        {**entry(), "sha256": "5"},
        {"file": "image.bin"},
    ],
)
def test_an_authorisation_that_is_half_of_one_is_refused_with_its_file(ordered, tmp_path, wrong):
    (tmp_path / "image.bin").write_bytes(IMAGE)
    with pytest.raises(UsageError, match=r"plan\.yaml"):
        ordered({"images": [wrong]})


@pytest.fixture
def backup(tmp_path):
    own = Identity("LAB0000000IB1", 4099, "2.42.5000", (), ("020000c0ffe0",))
    return Vault(tmp_path / "vault").keep(UNIT, own, {FLASH: b"flash"}, bench="b", virtual=True, failsafe=True)


def test_a_backup_to_restore_is_loaded_before_anything_is_touched(ordered, backup):
    assert ordered({"task": "restore", "restore": str(backup.folder)}).restore == backup


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        (FLASH, b"flasH", r"flash\.bin: damaged"),
        (MANIFEST, b"{", r"backup\.json: this is no backup of the rig"),
        (MANIFEST, b"", r"backup\.json: this is no backup of the rig"),
    ],
)
def test_a_damaged_backup_is_refused_with_its_file(ordered, backup, name, data, why):
    (backup.folder / name).write_bytes(data)
    with pytest.raises(UsageError, match=why):
        ordered({"task": "restore", "restore": str(backup.folder)})


def test_a_backup_that_is_not_there_is_refused(ordered, tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        ordered({"task": "restore", "restore": str(tmp_path / "none")})


def test_the_state_of_virtual_cards_is_nothing_for_a_real_bench(ordered, tmp_path):
    with pytest.raises(UsageError, match=r"example-rigol-shelly\.yaml: this bench is real .*--twin-state goes with a"):
        ordered({}, REAL, twin_state=tmp_path / "state")
    assert ordered({}, twin_state=tmp_path / "state").twin_state == tmp_path / "state"
    assert ordered({}, REAL).twin_path is None


def test_every_file_it_was_made_from_is_hashed(ordered, tmp_path):
    it = ordered({})
    names = {path.rpartition("/")[2] for path in it.hashes()}
    assert names == {
        "batch.yaml", "plan.yaml", "virtual.yaml", "good.yaml", "TobleMiner-revA.yaml", "544FLR-QSFP-649282.yaml"
    }  # fmt: skip
    assert it.hashes()[str(tmp_path / "plan.yaml")] == hashlib.sha256((tmp_path / "plan.yaml").read_bytes()).hexdigest()


def test_backups_lie_where_the_bench_file_says_or_with_the_results(tmp_path):
    options = order.bench_options(VIRTUAL)
    assert firmware.vault(VIRTUAL, options).root == project_root() / "results" / "firmware"
    bench = tmp_path / "bench.yaml"
    bench.write_text(
        VIRTUAL.read_text()
        .replace("twin: ../twins/good.yaml", f"twin: {CONFIGS}/twins/good.yaml\n      firmware: {{vault: vault}}")
    )  # fmt: skip
    assert firmware.vault(bench, order.bench_options(bench)).root.resolve() == tmp_path / "vault"
    link = tmp_path / "link.yaml"
    link.symlink_to(bench)
    assert firmware.bench_key(link) == firmware.bench_key(bench) == str(bench)
