import pytest
from step_fakes import ShellHost

from rig.errors import BenchError
from rig.steps.firmware import tools

ADDRESS = "0000:05:00.0"
STATUS = "ConnectX3(rev:1)  /dev/mst/mt4099_pci_cr0  05:00.0  mlx4_0  net-ens2  0\n"


@pytest.fixture
def host(tmp_path):
    """A host that has the programs it is told of, and answers `mst status` from a table."""

    def having(*programs, status=STATUS):
        has = "".join(f"has:{p}\n" for p in programs)
        return ShellHost(tmp_path, [("^command -v", has), ("^mst start", ""), ("^mst status", status)])

    return having


def test_mstflint_takes_the_pci_address(host):
    it = tools.find(host("mstflint", "mstconfig"), ADDRESS)
    assert (it.family, it.burner, it.configurator, it.device) == ("mstflint", "mstflint", "mstconfig", ADDRESS)
    assert it.flint("query", "full") == "mstflint -d 0000:05:00.0 query full"
    assert it.config("query") == "mstconfig -d 0000:05:00.0 query"
    assert it.image("/x/a b.bin", "verify") == "mstflint -i '/x/a b.bin' verify"


def test_mft_takes_the_device_that_mst_made(host):
    there = host("flint", "mlxconfig")
    it = tools.find(there, ADDRESS)
    assert (it.family, it.burner, it.configurator) == ("mft", "flint", "mlxconfig")
    assert it.device == "/dev/mst/mt4099_pci_cr0"
    assert there.asked.index("mst start") < there.asked.index("mst status -v")


def test_mstflint_is_taken_where_both_are_there_and_mst_is_left_alone(host):
    there = host("mstflint", "mstconfig", "flint", "mlxconfig")
    assert tools.find(there, ADDRESS).family == "mstflint"
    assert not any("mst start" in command for command in there.asked)


def test_a_bench_file_can_ask_for_mft(host):
    assert tools.find(host("mstflint", "mstconfig", "flint", "mlxconfig"), ADDRESS, "mft").family == "mft"


@pytest.mark.parametrize(
    ("programs", "wanted", "named"),
    [
        ([], "auto", "mstflint or flint is not installed"),
        (["mstconfig", "mlxconfig"], "auto", "mstflint or flint is not installed"),
        (["mstflint", "mstconfig"], "mft", "flint is not installed"),
        (["flint", "mlxconfig"], "mstflint", "mstflint is not installed"),
    ],
)
def test_a_host_without_them_is_told_what_to_install(host, programs, wanted, named):
    with pytest.raises(BenchError, match=rf"test host: {named}: 'apt-get install mstflint'.*or MFT 4\.24 or older"):
        tools.find(host(*programs), ADDRESS, wanted)


@pytest.mark.parametrize("status", ["", "-E- no devices\n", STATUS.replace("05:00.0", "06:00.0")])
def test_mft_that_does_not_know_the_card_says_which_version_does(host, status):
    with pytest.raises(BenchError, match=r"'mst status -v' for the card at 0000:05:00\.0, got .*newer than 4\.24"):
        tools.find(host("flint", "mlxconfig", status=status), ADDRESS)


def test_a_real_shell_says_what_is_installed(tmp_path):
    there = ShellHost(tmp_path)
    assert tools._installed(there, ["sh", "no-such-tool-anywhere"]) == {"sh"}


def test_what_a_tool_is_given_cannot_be_a_shells_command():
    it = tools.Tools("mstflint", "mstflint", "mstconfig", "0000:05:00.0; reboot")
    assert it.flint("query") == "mstflint -d '0000:05:00.0; reboot' query"
    assert it.flint("-vsd", "$(reboot)", "burn").endswith("-vsd '$(reboot)' burn")
