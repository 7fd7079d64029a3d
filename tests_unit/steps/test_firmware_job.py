"""Programs on a test host that outlive whoever started them: a real shell, real FIFOs, real processes."""

import ctypes
import os
import re
import signal
import time

import pytest
from firmware_fakes import FolderHost

from rig.errors import DeadlineError, LinkDownError, UsageError
from rig.steps.firmware import job as jobs
from rig.steps.firmware.job import PROMPT, ROOT, Ended, Job, NotStartedError

DEADLINE_S = 20.0
QUESTION = "Do you want to continue ? (y/n) [n] : "
SLEEP = "sleep 60"


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "POLL_S", 0.01)
    host = FolderHost(tmp_path)
    # who inhibits a shutdown of this machine is no matter of these tests
    host.install("systemd-inhibit", "exit 1\n")
    return host


def ended(job, answer=lambda text: pytest.fail(f"nothing is asked: {text}"), progress=lambda text: None):
    return job.follow(answer, progress, DEADLINE_S)


def pid(host, name, file):
    """The process id in a file of a job, once it is there."""
    path = host.root / name / file
    end_s = time.monotonic() + DEADLINE_S
    while not (path.exists() and path.read_text().strip()):
        assert time.monotonic() < end_s, f"no {file}"
        time.sleep(0.01)
    return int(path.read_text())


def until(true):
    end_s = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("command", "text", "code"),
    [
        ("printf 'one\\ntwo\\n'", "one\ntwo\n", 0),
        ("printf ''", "", 0),
        ("sh -c 'echo out; echo err >&2; exit 7'", "out\nerr\n", 7),
        ("printf 'a\\rb\\r- OK'", "a\rb\r- OK", 0),
        ("printf '\\377\\001'", "\\xff\x01", 0),
        ("no-such-tool-anywhere", None, 127),
    ],
)
def test_what_it_prints_and_its_exit_code_come_back(host, command, text, code):
    it = ended(Job.start(host, "j", command))
    assert it.code == code
    if text is not None:
        assert it.text == text


def test_questions_are_answered_through_the_fifo_each_with_its_own_text(host):
    command = f'sh -c \'printf "first {QUESTION}"; read a; printf "\\nsecond {QUESTION}"; read b; echo got $a $b\''
    asked = []

    def answer(text):
        asked.append(text)
        return "y" if "second" in text else "n"

    it = ended(Job.start(host, "j", command), answer)
    assert asked == [f"first {QUESTION}", f"\nsecond {QUESTION}"]
    assert it == Ended(f"first {QUESTION}\nsecond {QUESTION}got n y\n", 0)


def test_a_question_that_the_tool_answered_itself_is_not_answered_again(host):
    it = ended(Job.start(host, "j", f"sh -c 'echo \"{QUESTION}y\"; sleep 0.1; echo done'"))
    assert it.text == f"{QUESTION}y\ndone\n"


def test_a_word_is_a_word_to_the_shell_whatever_is_in_it(host, tmp_path):
    word = f"$(touch {tmp_path}/no); '\"` >{tmp_path}/no"
    it = ended(Job.start(host, "j", f'sh -c \'printf "{QUESTION}"; read -r a; echo "$a"\''), lambda text: word)
    assert it.text == f"{QUESTION}{word}\n"
    assert not (tmp_path / "no").exists()


def test_progress_is_shown_as_it_grows_and_once_more_at_the_end(host, tmp_path):
    seen = []

    def look(text):
        seen.append(text)
        if text == "1\n":
            (tmp_path / "go").touch()

    ended(
        Job.start(host, "j", f"sh -c 'echo 1; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo 2'"),
        progress=look,
    )
    assert seen == sorted(seen, key=len)
    assert (seen[-1], "1\n" in seen) == ("1\n2\n", True)


@pytest.mark.parametrize("lines", [2_000, 40_000])
def test_output_longer_than_a_look_can_bring_comes_whole(host, lines):
    it = ended(Job.start(host, "j", f"seq {lines}"))
    assert it == Ended("".join(f"{n}\n" for n in range(1, lines + 1)), 0)


def test_the_last_words_of_a_program_that_ends_between_two_looks_are_kept(host):
    job = Job.start(host, "j", "sh -c 'printf one; read a; printf two'")
    until(lambda: job.poll() is None and job.text == "one")
    job.answer("y")
    until((host.root / "j" / "code").exists)
    assert job.poll() == Ended("onetwo", 0)


def test_a_rig_that_comes_later_finds_it_by_its_folder(host):
    began = Job.start(host, "j", f"sh -c 'printf \"{QUESTION}\"; read a; echo got $a'")
    it = ended(Job(host, began.folder), lambda text: "n")
    assert it == Ended(f"{QUESTION}got n\n", 0)
    assert Job(host, began.folder).poll() == it


def test_it_runs_in_a_session_of_its_own(host):
    Job.start(host, "j", SLEEP)
    tool = pid(host, "j", "tool")
    try:
        assert os.getsid(tool) not in (os.getsid(0), 0)
    finally:
        os.kill(tool, signal.SIGKILL)


def test_a_program_that_is_killed_tells_by_its_exit_code(host):
    job = Job.start(host, "j", SLEEP)
    os.kill(pid(host, "j", "tool"), signal.SIGKILL)
    assert ended(job) == Ended("", 128 + signal.SIGKILL)


@pytest.fixture
def reap():
    """Takes in orphans in place of this machine's init, which may take its time."""
    prctl, subreaper = ctypes.CDLL(None).prctl, 36  # Ref: prctl(2), PR_SET_CHILD_SUBREAPER
    assert prctl(subreaper, 1, 0, 0, 0) == 0
    yield lambda number: os.waitpid(number, 0)
    prctl(subreaper, 0, 0, 0, 0)


def test_a_tool_whose_shell_was_killed_still_runs_and_then_is_gone_without_a_code(host, tmp_path, reap):
    job = Job.start(host, "j", f"sh -c 'echo before; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo after'")
    tool, shell = pid(host, "j", "tool"), pid(host, "j", "pid")
    os.kill(shell, signal.SIGKILL)
    reap(shell)
    assert job.poll() is None
    (tmp_path / "go").touch()
    reap(tool)
    assert ended(job) == Ended("before\nafter\n", None)


@pytest.mark.parametrize("folder", ["never", "empty"])
def test_a_job_that_is_not_there_any_more_is_gone(host, folder):
    host.root.mkdir()
    assert Job(host, f"{ROOT}/{folder}").poll() == Ended("", None)


def test_a_shell_that_was_killed_before_it_wrote_anything_down_is_not_waited_for_longer_than_the_deadline(host):
    (host.root / "j").mkdir(parents=True)
    with pytest.raises(DeadlineError, match=r"waited 0\.1 s for the end of /run/rig-firmware/j, last saw ''"):
        Job(host, f"{ROOT}/j").follow(lambda text: "n", lambda text: None, 0.1)


def test_a_word_to_a_program_that_has_ended_is_lost_and_nobody_waits(host):
    job = Job.start(host, "j", "true")
    assert ended(job).code == 0
    job.answer("y")
    assert job.poll() == Ended("", 0)


def test_one_that_does_not_end_is_a_deadline_and_left_running(host):
    job = Job.start(host, "j", f"sh -c 'echo here; exec {SLEEP}'")
    tool = pid(host, "j", "tool")
    try:
        with pytest.raises(DeadlineError, match=r"test host: waited 0\.2 s for the end of .*/j, last saw 'here"):
            job.follow(lambda text: "n", lambda text: None, 0.2)
        os.kill(tool, 0)
    finally:
        os.kill(tool, signal.SIGKILL)


KERNEL = "[   12.345678] mlx4_core 0000:05:00.0: command 0x23 timed out\n"


@pytest.mark.parametrize(
    "torn",
    [
        lambda text: text[:10] + KERNEL + text[10:],
        lambda text: text + KERNEL,
        lambda text: text.replace("rig-code", "rig-" + KERNEL + "code"),
        lambda text: text[:-4],
        lambda text: text[5:],
        lambda text: text[4:],
        lambda text: text[: len(text) // 2 // 4 * 4] + text[len(text) // 2 // 4 * 4 + 8 :],
        lambda text: "",
    ],
)
def test_a_look_that_the_console_tore_is_taken_again(host, torn):
    job = Job.start(host, "j", "seq 100")
    until((host.root / "j" / "code").exists)
    host.shown = torn
    assert job.poll() is None
    assert job.text == ""
    host.shown = lambda text: text
    assert job.poll() == Ended("".join(f"{n}\n" for n in range(1, 101)), 0)


@pytest.mark.parametrize(
    "folder",
    [
        "",
        ROOT,
        f"{ROOT}/",
        f"{ROOT}/a/b",
        f"{ROOT}/../etc",
        f"{ROOT}/..",
        f"{ROOT}/a b",
        f"{ROOT}/$(reboot)",
        f"{ROOT}/a\n",
        f"{ROOT}/" + "a" * 65,
        "/tmp/rig-firmware/a",
        f" {ROOT}/a",
    ],
)
def test_a_folder_that_is_none_of_a_job_is_refused_before_the_host_is_asked(host, folder):
    with pytest.raises(UsageError, match="is no folder of a job below /run/rig-firmware"):
        Job(host, folder)
    assert host.asked == []


def test_a_host_that_cannot_start_it_says_so(host, monkeypatch):
    monkeypatch.setattr(jobs, "_START_LOOKS", 1)
    host.root.write_text("a file where the folder should be")
    with pytest.raises(NotStartedError, match=r"start 'true'.*is /run/rig-firmware writable"):
        Job.start(host, "j", "true")


def test_a_host_without_the_programs_it_takes_says_which(host, monkeypatch):
    monkeypatch.setattr(jobs, "_START_LOOKS", 1)
    host.install("setsid", "exit 127\n")
    with pytest.raises(NotStartedError, match=r"start 'true'.*setsid"):
        Job.start(host, "j", "true")


def test_one_that_was_said_not_to_have_started_does_not_start_later(host, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_START_LOOKS", 1)
    slow = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done\n"
    host.install("setsid", f'{slow}PATH="${{PATH#*:}}" setsid "$@"\ntouch {tmp_path}/over\n')
    with pytest.raises(NotStartedError):
        Job.start(host, "j", f"touch {tmp_path}/burned")
    (tmp_path / "go").touch()
    until((tmp_path / "over").exists)
    assert not (tmp_path / "burned").exists()


def test_an_inhibitor_that_takes_its_time_does_not_keep_from_starting(host, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_START_LOOKS", 10)
    host.install("systemd-inhibit", f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done\nexit 1\n")
    job = Job.start(host, "j", "echo late")
    assert job.poll() is None
    (tmp_path / "go").touch()
    assert ended(job) == Ended("late\n", 0)


def test_a_console_that_fails_for_a_while_does_not_end_the_following(host, monkeypatch):
    monkeypatch.setattr(jobs, "_DEAF_S", 0.01)
    job = Job.start(host, "j", "echo whole")
    failing = iter([DeadlineError("test host", "a prompt", 30.0, ""), LinkDownError("console", "read", "gone")])

    def fail(text):
        if fault := next(failing, None):
            raise fault
        return text

    host.typed = fail
    assert ended(job) == Ended("whole\n", 0)


def test_a_console_that_stays_deaf_is_the_benchs_fault_at_the_deadline(host, monkeypatch):
    monkeypatch.setattr(jobs, "_DEAF_S", 0.01)
    job = Job.start(host, "j", "true")

    def fail(text):
        raise LinkDownError("console", "read", "gone")

    host.typed = fail
    with pytest.raises(LinkDownError, match="gone"):
        job.follow(lambda text: "n", lambda text: None, 0.1)


def test_the_folder_of_the_jobs_is_its_owners_alone(host):
    ended(Job.start(host, "j", "true"))
    assert host.root.stat().st_mode & 0o777 == 0o700


def test_the_host_is_kept_from_shutting_down_where_it_can_be(host, tmp_path):
    host.install("systemd-inhibit", 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n')
    assert ended(Job.start(host, "j", "sh -c 'echo held; exit 3'")) == Ended("held\n", 3)
    host.install("systemd-inhibit", f'echo "$*" >>{tmp_path}/inhibited; exit 0\n')
    ended(Job.start(host, "k", "true"))
    what, how = (tmp_path / "inhibited").read_text().splitlines()
    assert what == "--what=shutdown:sleep --who=rig --why=firmware true"
    assert how == what


@pytest.mark.parametrize(
    ("text", "asks"),
    [(QUESTION, True), (" (y/n) [n] : ", True), ("(y/n) [n] :", True), ("(y/n)", False), ("[n] : ", False)],
)
def test_the_end_of_a_question_is_known(text, asks):
    assert bool(re.search(PROMPT, text)) is asks
