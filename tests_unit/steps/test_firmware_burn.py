"""The state machine of a burn, with the words of the real tool and a flash that is a file."""

import hashlib

import pytest
from firmware_fakes import UNIT, FakeFlint, FakeGuard, FolderHost, captured, job, ports, queried

from rig.config.plan import Firmware
from rig.errors import BenchError, DeadlineError, LinkDownError, ReplyError
from rig.model import AdapterUnit, CardUnit, Unit
from rig.parse.flint import Problem
from rig.steps.firmware import burn as burns
from rig.steps.firmware import image as images
from rig.steps.firmware import job as jobs
from rig.steps.firmware.authority import Authority
from rig.vault import FLASH, UNKNOWN, Identity

IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
OLD, NEW, TORN = b"InfiniBand " * 500, b"Ethernet " * 500, b"half of each"
GUIDS = tuple(f"0200000300c0ffe{n}" for n in range(4))
MACS = ("020000c0ffe0", "020000c0ffe1")
OWN = Identity(IB, 4099, "2.42.5000", GUIDS, MACS)
GOOD = captured("verify")
STUCK = captured("burn-stuck-byte")
NO_GUIDS = captured("burn-blank-refused")
BLANK = captured("burn-blank").replace("0002c903000c0de", "0200000300c0ffe").replace("0002c90c0de", "020000c0ffe")
PLAN = Firmware(burn_deadline_s=20.0)
CHANGE = Authority("plan", frozenset(["same version"]), (IB, ETH))


class Watchful(FakeGuard):
    """Remembers what the tool had been called with by the time the power was held or let go."""

    def __init__(self, flint):
        super().__init__()
        self._flint, self.seen = flint, []

    def burn(self, on):
        super().burn(on)
        self.seen.append(list(self._flint.calls))


class Shop:
    """A card with a backup in the vault, and an image for it on the test host."""

    def __init__(self, tmp_path):
        self.host = FolderHost(tmp_path)
        self.host.install("systemd-inhibit", "exit 1\n")
        self.host.install("sleep", "exec /bin/sleep 0.01\n")
        self.flint = FakeFlint(self.host, tmp_path, tmp_path / "vault")
        self.flint.knows(OLD, verify=GOOD, query=queried())
        self.flint.knows(NEW, verify=GOOD, query=queried(ETH))
        self.flint.flash = OLD
        self.guard, self.told, self.events = Watchful(self.flint), [], []
        self.ports = ports(
            self.host, tmp_path, guard=self.guard, told=self.told,
            event=lambda kind, **about: self.events.append((kind, about)),
        )  # fmt: skip
        self.job = job(PLAN)
        self.vault = self.ports.vault
        self.backup = self.vault.keep(UNIT, OWN, {FLASH: OLD}, bench="bench", virtual=True, failsafe=True)
        self.image = images.check(self.host, self.flint.tools, NEW, 4099)

    def flash(self, authority=CHANGE):
        return burns.flash(self.ports, self.job, self.flint.tools, self.image, authority, self.backup)

    def put_back(self):
        return burns.put_back(self.ports, self.job, self.flint.tools, self.backup, "own backup")

    @property
    def record(self):
        return self.vault.unfinished("C-1")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "POLL_S", 0.01)
    return Shop(tmp_path)


# --- it goes well ---------------------------------------------------------------------------------------------


def test_an_authorised_change_is_burned_and_proven(shop):
    shop.flint.burn(captured("burn-psid-change"))
    it = shop.flash()
    assert (it.ok, it.started, it.failsafe, it.why, it.problem) == (True, True, True, "", None)
    assert it.asked == ("the same version is on the flash", "the PSID changes")
    assert shop.flint.flash == NEW
    (call,) = shop.flint.burns
    assert call == f"-d 0000:05:00.0 -i {shop.image.path} -allow_psid_change burn"
    assert "Restoring signature 100 %" in shop.told


def test_an_image_of_the_same_psid_is_burned_without_allowing_a_change(shop):
    shop.flint.burn(captured("burn"))
    assert shop.flash(Authority("plan", frozenset())).ok
    assert shop.flint.burns == [f"-d 0000:05:00.0 -i {shop.image.path} burn"]


def test_the_power_is_held_before_the_burn_begins_and_let_go_only_after_the_flash_verified(shop):
    shop.flint.burn(captured("burn-psid-change"))
    shop.flash()
    assert shop.guard.burning == [True, False]
    before, after = shop.guard.seen
    assert not any(call.endswith(" burn") for call in before)
    assert after[-2:] == ["-d 0000:05:00.0 verify", "-d 0000:05:00.0 query full"]
    assert after.index(shop.flint.burns[0]) < len(after) - 2


def test_the_record_is_there_while_it_burns_and_gone_after(shop):
    shop.flint.burn(captured("burn-psid-change"))
    shop.flash()
    (record,) = shop.flint.records(0)
    assert (record["state"], record["psid"], record["run"]) == ("burn in progress", ETH, "run")
    assert record["backup"] == str(shop.backup.folder)
    assert record["image_sha256"] == hashlib.sha256(NEW).hexdigest()
    assert record["unit"]["card"] == {"model": UNIT.card.model, "serial": "C-1"}
    assert shop.record is None
    assert [about["state"] for _, about in shop.events] == ["begun", "settled"]


def test_a_record_that_cannot_be_written_burns_nothing_and_lets_the_power_go(shop):
    shop.vault.root.joinpath("burning").write_text("a file where the folder should be")
    with pytest.raises(Exception, match="the record of the burn cannot be written"):
        shop.flash()
    assert shop.flint.burns == []
    assert shop.guard.burning == [True, False]


# --- it is refused before anything is written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "authority", "why"),
    [
        (captured("burn-not-failsafe-refused"), CHANGE, "a burn that is not failsafe is not authorised"),
        (NO_GUIDS, CHANGE, "flash has no GUIDs or MACs to keep (exit 1)"),
        (NO_GUIDS, Authority("plan", burns.OWN_BACKUP), "flash has no GUIDs or MACs to keep (exit 1)"),
        (NO_GUIDS, Authority("plan", identity=OWN), "a burn that is not failsafe is not authorised"),
        (captured("burn-psid-mismatch"), CHANGE, "image is for another PSID (exit 1)"),
        (captured("burn-psid-change"), Authority("plan", frozenset(["same version"])), "is not authorised"),
        (captured("burn-older"), CHANGE, "'older version' is not authorised"),
        (captured("burn-nofs"), CHANGE, "'not failsafe' is not authorised"),
        (
            "-E- Burning FS2 image failed: Size of failsafe image (0x1f8000) is greater than max failsafe image size\n",
            Authority("plan", burns.OWN_BACKUP),
            "image is too big for a failsafe burn",
        ),
    ],
)
def test_what_is_refused_leaves_the_flash_as_it_was_and_nothing_more_is_tried(shop, said, authority, why):
    shop.flint.burn(said, code=1)
    it = shop.flash(authority)
    assert (it.ok, it.started) == (False, False)
    assert why in it.why
    assert len(shop.flint.burns) == 1
    assert shop.flint.flash == OLD
    assert shop.record is None
    assert shop.guard.burning == [True, False]


def test_a_question_that_nobody_knows_is_refused_and_quoted(shop):
    shop.flint.burn("    The boot record will be erased.\n\n Do you want to continue ? (y/n) [n] : Burning - OK\n")
    it = shop.flash()
    assert not it.ok
    assert "what this version of the rig does not know: 'The boot record will be erased." in it.why
    assert shop.flint.flash == OLD


# --- not failsafe ---------------------------------------------------------------------------------------------


def test_an_image_that_is_not_failsafe_is_burned_so_only_after_the_tools_own_message(shop):
    shop.flint.burn(captured("burn-not-failsafe-refused"), code=1)
    shop.flint.burn(captured("burn-nofs"))
    it = shop.flash(Authority("plan", frozenset(["not failsafe"]), (IB, ETH)))
    assert (it.ok, it.failsafe) == (True, False)
    first, second = shop.flint.burns
    assert "-nofs" not in first
    assert second == f"-d 0000:05:00.0 -i {shop.image.path} -allow_psid_change -nofs burn"


def test_a_card_without_an_image_gets_its_own_guids_and_macs_with_its_backup(shop):
    shop.flint.flash = b"nothing"
    shop.flint.burn(NO_GUIDS, code=1)
    shop.flint.burn(BLANK)
    it = shop.put_back()
    assert (it.ok, it.failsafe) == (True, False)
    first, second = shop.flint.burns
    path = first.split()[3]
    assert first == f"-d 0000:05:00.0 -i {path} burn"
    assert second == (
        f"-d 0000:05:00.0 -i {path} -nofs -use_image_ps -guids {' '.join(GUIDS)} -macs {' '.join(MACS)} burn"
    )
    assert shop.flint.flash == OLD
    assert shop.record is None


def test_identifiers_that_are_not_the_cards_own_are_not_set(shop):
    shop.flint.flash = b"nothing"
    shop.flint.burn(NO_GUIDS, code=1)
    shop.flint.burn(BLANK.replace("020000c0ffe1", "020000c0ffe9"))
    it = shop.put_back()
    assert not it.ok
    assert "other GUIDs and MACs than the card's own" in it.why
    assert shop.record.state == UNKNOWN


@pytest.mark.parametrize(
    ("guids", "macs", "options"),
    [
        (GUIDS, MACS, ["-use_image_ps", "-guids", *GUIDS, "-macs", *MACS]),
        (GUIDS[:1], MACS[:1], ["-use_image_ps", "-guid", GUIDS[0], "-mac", MACS[0]]),
        (("f" * 16,), MACS[:1], ["-use_image_ps", "-mac", MACS[0]]),
        ((), (), ["-use_image_ps"]),
    ],
)
def test_what_the_tool_is_given_of_an_identity(guids, macs, options):
    assert burns._identifiers(Identity(IB, 4099, "1", guids, macs)) == options


# --- it fails after it began ----------------------------------------------------------------------------------


def test_a_burn_that_failed_after_its_start_puts_the_backup_back(shop):
    shop.flint.burn(STUCK, code=1, leaves=TORN)
    shop.flint.burn(NO_GUIDS, code=1)
    shop.flint.burn(BLANK)
    it = shop.flash(Authority("plan"))
    assert (it.ok, it.started, it.problem) == (False, True, Problem.FLASH_BAD)
    assert it.why.startswith("the flash does not keep what is written to it (exit 1): Burning FS2 image failed")
    assert it.flash == "restored: the flash holds its own backup again"
    assert shop.flint.flash == OLD
    assert shop.record is None
    assert shop.guard.burning == [True, False]
    assert shop.flint.records(2)[0]["state"] == "burn in progress"


def test_a_tool_that_was_killed_before_its_first_word_of_progress_may_have_written(shop):
    shop.flint.burn(captured("burn").partition("\rBurning")[0], code=137, leaves=TORN)
    it = shop.flash(Authority("plan"))
    assert it.started and not it.ok
    assert shop.flint.flash != TORN or shop.record is not None


def test_a_flash_that_reads_as_before_is_not_burned_again(shop):
    shop.flint.burn(captured("burn-erase-fails"), code=1)
    it = shop.flash(Authority("plan", frozenset(["older version"]), (IB, ETH)))
    assert (it.ok, it.started) == (False, True)
    assert it.flash == "unchanged: the flash equals its backup"
    assert len(shop.flint.burns) == 1


def test_a_burn_that_was_not_failsafe_and_cannot_be_undone_leaves_everything_on(shop):
    shop.flint.burn(captured("burn-not-failsafe-refused"), code=1)
    asked, _, _ = captured("burn-nofs").rpartition("\rBurning")
    shop.flint.burn(asked + STUCK.partition("\r")[2], code=1, leaves=TORN)
    for _ in range(2):
        shop.flint.burn(NO_GUIDS.replace("GUIDs/MACs", "anything"), code=1)
    with pytest.raises(BenchError, match=r"everything stays on while the old firmware runs; 'rig firmware restore "):
        shop.flash(Authority("plan", frozenset(["not failsafe"]), (IB, ETH)))
    assert shop.guard.burning == [True]
    assert shop.record.state == "burn in progress"


def test_where_the_backup_cannot_be_put_back_either_the_record_says_that_nobody_knows(shop):
    for _ in range(3):
        shop.flint.burn(STUCK, code=1, leaves=TORN)
    it = shop.flash(Authority("plan"))
    assert not it.ok
    assert it.flash.startswith("unknown: the backup could not be put back (the flash does not keep what")
    assert len(shop.flint.burns) == 3
    assert shop.record.state == UNKNOWN
    assert shop.guard.burning == [True, False]
    assert shop.events[-1][1]["state"] == UNKNOWN


def test_a_tool_that_reports_success_is_not_believed(shop):
    shop.flint.knows(NEW, verify=captured("verify-bad"), query=queried(ETH))
    shop.flint.burn(captured("burn"))
    shop.flint.burn(captured("burn-psid-change").replace(IB, "X").replace(ETH, IB).replace("X", ETH))
    it = shop.flash(Authority("plan"))
    assert not it.ok
    assert "the tool reported success, but the flash does not verify: Bad CRC" in it.why
    assert it.flash == "restored: the flash holds its own backup again"
    assert shop.flint.flash == OLD


def test_a_backup_that_came_back_without_the_cards_identifiers_is_not_settled(shop):
    shop.flint.knows(OLD, verify=GOOD, query=queried().replace("020000c0ffe1", "020000c0ffe9"))
    shop.flint.burn(captured("burn-same-version-declined").partition("-E-")[0] + captured("burn"))
    it = shop.put_back()
    assert (it.ok, it.why) == (False, "the backup is on the flash, but not with its GUIDs and MACs")
    assert shop.record.state == UNKNOWN


def test_a_flash_that_verifies_with_another_image_on_it_is_no_success(shop):
    shop.flint.knows(NEW, verify=GOOD, query=queried("LAB000000ETH9"))
    shop.flint.burn(captured("burn"))
    shop.flint.burn(captured("burn-psid-change").replace(IB, "LAB000000ETH9").replace(ETH, IB))
    it = shop.flash(Authority("plan"))
    assert "the flash does not hold the image" in it.why
    assert it.flash == "restored: the flash holds its own backup again"
    assert shop.flint.flash == OLD


@pytest.mark.parametrize(
    "text", [captured("burn").partition("Restoring")[0], captured("burn")[:300], ""], ids=["unsigned", "torn", "silent"]
)
def test_an_exit_code_of_0_without_its_last_words_is_no_success(text):
    it = burns._read(jobs.Ended(text, 0), burns.Answers(CHANGE), 1.0)
    assert not it.ok
    assert "it ended early (exit 0)" in it.why


def test_a_success_that_ends_with_another_code_or_none_is_no_success():
    for code in (1, 137, None):
        assert not burns._read(jobs.Ended(captured("burn"), code), burns.Answers(CHANGE), 1.0).ok


def test_a_burn_that_does_not_end_keeps_the_power_on_and_its_record(shop, monkeypatch):
    shop.flint.burn(captured("burn-older"))
    shop.job = job(Firmware(burn_deadline_s=0.3))
    # the word never comes: the tool waits, and so does its end
    monkeypatch.setattr(jobs.Job, "answer", lambda self, word: None)
    try:
        with pytest.raises(DeadlineError, match=r"the end of /run/rig-firmware/burn-"):
            shop.flash()
    finally:
        shop.host.run(f"kill $(cat {shop.record.job}/tool)")
    assert shop.guard.burning == [True]
    assert shop.record.state == "burn in progress"


def test_the_record_names_the_job_before_it_starts(shop):
    shop.flint.burn(captured("burn"))
    shop.flash()
    assert shop.flint.records(0)[0]["job"].startswith("/run/rig-firmware/burn-")
    seen = []
    shop.host.typed = lambda text: seen.append(shop.record) or text if "setsid" in text else text
    shop.flint.burn(captured("burn"))
    shop.flash()
    assert seen[0].job.startswith("/run/rig-firmware/burn-")


def test_a_burn_that_could_not_even_begin_lets_the_power_go(shop):
    shop.host.typed = lambda text: "exit 1" if "setsid" in text else text
    with pytest.raises(ReplyError, match="start 'mstflint"):
        shop.flash()
    assert shop.flint.flash == OLD
    assert shop.record is None
    assert shop.guard.burning == [True, False]


def test_a_console_that_is_lost_while_a_burn_is_started_keeps_everything_on(shop):
    def lost(text):
        if "setsid" in text:
            raise LinkDownError("console", "read", "gone")
        return text

    shop.host.typed = lost
    with pytest.raises(LinkDownError):
        shop.flash()
    assert shop.record.job.startswith("/run/rig-firmware/burn-")
    assert shop.guard.burning == [True]


def test_a_backup_that_could_not_even_begin_to_go_back_leaves_an_unknown_flash_on_record(shop):
    shop.host.typed = lambda text: "exit 1" if "setsid" in text else text
    with pytest.raises(ReplyError, match="start 'mstflint"):
        shop.put_back()
    assert shop.record.state == UNKNOWN


def test_the_burn_of_another_card_stays_on_record(shop):
    other = job(PLAN, bench="other", unit=Unit(AdapterUnit("d", "A-2"), CardUnit("m", "C-2")))
    shop.vault.begin(burns._record(shop.ports, other, shop.image, shop.backup))
    shop.flint.burn(captured("burn"))
    assert shop.flash(Authority("plan")).ok
    assert shop.vault.unfinished("C-2").bench == "other"


def test_progress_is_told_once_a_tenth():
    told = []
    look = burns.progress(told.append)
    for percent in (0, 1, 5, 9, 10, 10, 42, 99):
        look(f"\rBurning FS2 FW image without signatures - {percent:3}%")
    look("no progress")
    assert told == [f"Burning FS2 FW image without signatures {n} %" for n in (0, 10, 42, 99)]
