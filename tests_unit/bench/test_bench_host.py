import pytest
from bench_fakes import LOGIN, ShellServer, target_with
from labgrid.driver import ShellDriver
from labgrid.resource import NetworkSerialPort

from rig.bench.console import DrainedSerialDriver
from rig.bench.host import ConsoleHostDriver
from rig.errors import BenchError, DeadlineError, UsageError

SHELL = {
    "prompt": r"root@duthost:[^ ]*# ",
    "login_prompt": LOGIN,
    "username": "root",
    "await_login_timeout": 1,
    "login_timeout": 20,
}


@pytest.fixture(scope="module")
def machine():
    with ShellServer() as s:
        yield s


@pytest.fixture(scope="module")
def target(machine):
    t = target_with(
        (NetworkSerialPort, {"host": "127.0.0.1", "port": machine.port, "protocol": "raw"}),
        (DrainedSerialDriver, {}),
        (ShellDriver, SHELL),
        (ConsoleHostDriver, {}),
    )
    console = t.get_driver(DrainedSerialDriver)
    console.mark()
    machine.power(True)
    yield t
    t.cleanup()


@pytest.fixture(scope="module")
def host(target):
    return target.get_driver(ConsoleHostDriver)


def test_a_command_comes_back_with_its_text_and_code(host):
    reply = host.run("printf 'a\\nb\\n'; echo err >&2; exit 3")
    assert (reply.command, reply.text, reply.code) == (
        "printf 'a\\nb\\n'; echo err >&2; exit 3",
        "a\nb\nerr",
        3,
    )


def test_the_boot_was_timed_on_the_console(host):
    assert 0 <= host.boot_s() < 60
    assert "Linux version 6.1.0" in host.console_text()


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_long_output_arrives_whole(host, size):
    reply = host.run(f"head -c {size} /dev/zero | tr '\\0' x", timeout_s=20)
    assert len(reply.text) == size
    assert set(reply.text) == {"x"}


def test_output_that_is_not_text_is_kept_as_escapes(host):
    assert host.run("printf '\\377\\001ok'").text == "\\xff\x01ok"


def test_a_command_of_two_lines_is_one_command(host):
    assert host.run("echo one\necho two").text == "one\ntwo"


def test_hostile_text_that_is_quoted_stays_text(host):
    assert host.run("echo '$(reboot) `id` \"x\" ; # *'").text == '$(reboot) `id` "x" ; # *'


def test_a_command_that_hangs_is_interrupted_and_the_next_one_runs(host):
    with pytest.raises(
        DeadlineError,
        match=r"test host: waited 0\.5 s for the end of 'sleep 100', last saw .*hangs?|may hang",
    ):
        host.run("sleep 100", timeout_s=0.5)
    assert host.run("echo back", timeout_s=10).text == "back"


def test_a_command_that_ignores_the_interrupt_is_ended_harder(host):
    with pytest.raises(DeadlineError):
        host.run("trap '' INT; sleep 30 & wait; sleep 30", timeout_s=0.5)
    assert host.run("echo back", timeout_s=10).text == "back"


@pytest.mark.parametrize("key", ["\t", "\x03", "\x1b[A", "\x04", "\r", "\x7f"])
def test_a_control_character_is_refused_because_it_is_a_key(host, key):
    with pytest.raises(UsageError, match="control character"):
        host.run(f"echo {key}x")


def test_a_line_longer_than_a_terminal_takes_is_refused(host):
    with pytest.raises(UsageError, match="a command of 3003 bytes, but 3000 fit"):
        host.run("x" * 2996 + " yyyy")
    assert len(host.run("echo " + "x" * 2900).text) == 2900


def test_before_the_login_a_command_is_a_usage_error(machine):
    t = target_with(
        (NetworkSerialPort, {"host": "127.0.0.1", "port": machine.port, "protocol": "raw"}),
        (DrainedSerialDriver, {}),
        (ShellDriver, SHELL),
        (ConsoleHostDriver, {}),
    )
    with pytest.raises(UsageError, match=r"before the login; transition\('shell'\) first"):
        t.get_driver(ConsoleHostDriver, activate=False).run("true")


def test_a_shell_that_does_not_come_back_is_not_waited_for_again():
    with ShellServer() as machine:
        t = target_with(
            (NetworkSerialPort, {"host": "127.0.0.1", "port": machine.port, "protocol": "raw"}),
            (DrainedSerialDriver, {}),
            (ShellDriver, SHELL),
            (ConsoleHostDriver, {}),
        )
        t.get_driver(DrainedSerialDriver)
        machine.power(True)
        host = t.get_driver(ConsoleHostDriver)
        with pytest.raises(DeadlineError):
            host.run("stty -isig; trap '' INT QUIT; exec sleep 60", timeout_s=0.3)
        with pytest.raises(BenchError, match=r"test host: did not come back from .*; the host may hang"):
            host.run("true")
        t.cleanup()
