import hashlib

import pytest

from rig.config.library import project_root
from rig.errors import UsageError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.plugin import one_card
from rig.plugin.one_card import Place
from rig.vault import FLASH, Identity, Vault

BENCHES = project_root() / "configs" / "benches"
VIRTUAL, REAL = BENCHES / "virtual.yaml", BENCHES / "example-rigol-shelly.yaml"
MODEL = "544FLR-QSFP-649282"
OWN = Identity("LAB0000000IB1", 4099, "2.42.5000", ("0200000300c0ffe0",), ("020000c0ffe0",))
UNIT = Unit(AdapterUnit("TobleMiner-revC", "A-9", {}, ()), CardUnit(MODEL, "CX3-05"))


def place(bench=VIRTUAL, **more):
    return Place(bench, **{"model": MODEL, "serial": "CX3-05", **more})


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "eth.bin"
    path.write_bytes(b"an image")
    return path


@pytest.fixture
def backup(tmp_path):
    return Vault(tmp_path).keep(UNIT, OWN, {FLASH: b"flash"}, bench="b", virtual=True, failsafe=True)


@pytest.mark.parametrize(("task", "route"), [(one_card.show, "shown"), (one_card.backup, "backed up")])
def test_one_card_is_a_batch_of_one_unit_through_the_firmware_step_alone(task, route):
    it = task(place(adapter="A-7"))
    (unit,) = it.units
    assert (unit.card, unit.adapter.serial) == (CardUnit(MODEL, "CX3-05"), "A-7")
    assert it.plan.steps == ["firmware"]
    assert it.plan.limits["firmware.route"].one_of == [route]
    assert (it.images, it.restore, it.plan.firmware.images) == ((), None, [])
    assert it.batch.units[0].card.serial == "CX3-05"


def test_a_part_number_names_the_card_as_well(tmp_path):
    assert one_card.show(place(model="649282-B21")).units[0].card.model == MODEL


def test_an_adapter_nobody_named_is_one_of_a_known_design():
    (unit,) = one_card.show(place()).units
    assert unit.adapter.serial == "unnamed"
    assert unit.adapter.design in one_card.default_library().designs()
    assert one_card.show(place(design="TobleMiner-revB")).units[0].adapter.design == "TobleMiner-revB"


@pytest.mark.parametrize("given", [{"model": None}, {"serial": None}, {"model": None, "serial": None}])
def test_a_card_that_was_not_named_is_asked_for(given):
    with pytest.raises(UsageError, match="which card"):
        one_card.show(place(**given))


def test_a_card_that_nobody_knows_is_refused():
    with pytest.raises(UsageError, match="no card 'nope'"):
        one_card.backup(place(model="nope"))


# --- flash ----------------------------------------------------------------------------------------------------


def test_an_image_is_authorised_by_the_sum_of_the_file_as_it_is_now(image):
    it = one_card.flash(place(), image, None, (), ask=False)
    (entry,) = it.plan.firmware.images
    assert (entry.sha256, entry.file) == (hashlib.sha256(b"an image").hexdigest(), str(image))
    assert (entry.from_psid, entry.to_psid, entry.allow) == (None, None, ["same version"])
    assert it.images == (b"an image",)
    assert (it.plan.firmware.task, it.plan.firmware.ask) == ("flash", False)
    assert it.plan.limits["firmware.route"].one_of == ["flashed"]


def test_what_is_allowed_on_the_command_line_is_allowed_and_no_more(image):
    it = one_card.flash(place(), image, ("IB1", "ETH1"), ("not failsafe",), ask=True)
    (entry,) = it.plan.firmware.images
    assert (entry.from_psid, entry.to_psid) == ("IB1", "ETH1")
    assert set(entry.allow) == {"same version", "not failsafe"}
    assert it.plan.firmware.ask
    assert not it.plan.firmware.recover


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()], ids=["absent", "a folder"])
def test_an_image_that_cannot_be_read_is_refused(tmp_path, make):
    path = tmp_path / "x.bin"
    make(path)
    with pytest.raises(UsageError, match=r"x\.bin: cannot be read: (No such file|Is a directory)"):
        one_card.flash(place(), path, None, (), ask=False)


@pytest.mark.parametrize("size", [0, (16 << 20) + 1])
def test_an_image_that_is_empty_or_too_large_is_refused(image, size):
    with image.open("wb") as file:
        file.truncate(size)
    with pytest.raises(UsageError, match=rf"eth\.bin: {size} bytes; expected 1 to 16777216"):
        one_card.flash(place(), image, None, (), ask=False)


# --- restore --------------------------------------------------------------------------------------------------


def test_a_backup_goes_back_onto_the_unit_it_is_of(backup):
    it = one_card.restore(Place(VIRTUAL), backup.folder)
    assert it.units == (UNIT,)
    assert it.restore == backup
    assert (it.plan.firmware.task, it.plan.firmware.recover) == ("restore", True)
    assert it.plan.limits["firmware.route"].one_of == ["restored"]
    assert one_card.restore(place(), backup.folder).units == (UNIT,)


def test_a_backup_of_another_card_than_the_one_named_is_refused(backup):
    with pytest.raises(UsageError, match="is a backup of card CX3-05, not of CX3-06"):
        one_card.restore(place(serial="CX3-06"), backup.folder)


def test_a_backup_that_is_damaged_is_refused_with_its_file(backup):
    (backup.folder / FLASH).write_bytes(b"flasH")
    with pytest.raises(UsageError, match=r"flash\.bin: damaged"):
        one_card.restore(place(), backup.folder)


def test_a_folder_that_is_no_backup_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"backup\.json: cannot be read"):
        one_card.restore(place(), tmp_path)


# --- where ----------------------------------------------------------------------------------------------------


def test_a_real_bench_waits_until_a_card_is_really_off():
    assert one_card.show(place(REAL)).plan.firmware.off_s == 10.0
    assert one_card.show(place()).plan.firmware.off_s == one_card.VIRTUAL_OFF_S


def test_a_real_card_has_no_state_of_a_twin(tmp_path):
    with pytest.raises(UsageError, match=r"this bench is real .*--twin-state goes with a twin"):
        one_card.show(place(REAL, twin_state=tmp_path))
    with pytest.raises(UsageError, match=r"this bench is real .*--twin goes with a virtual one"):
        one_card.show(place(REAL, twin=project_root() / "configs" / "twins" / "good.yaml"))
    assert one_card.show(place(twin_state=tmp_path)).twin_state == tmp_path


def test_a_bench_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml"):
        one_card.show(place(tmp_path / "none.yaml"))
