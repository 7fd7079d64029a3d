"""No parser raises on any text (ParseError apart, where a document is due), and none takes long over any."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.parse import ParseError, dump, ethtool, flint, ip, iperf3, kernel_log, lspci, mstconfig, scpi, sysfs
from rig.parse import text as console

DATA = Path(__file__).parent / "data"
MARKER = "k3J9sdfAA1"


def rules(text: str) -> object:
    found = kernel_log.events(text)
    bars, counts = kernel_log.failed_bars(found), kernel_log.aer_counts(found)
    return bars, counts, kernel_log.bandwidth(found), kernel_log.symptoms(found)


def document(parse: Callable[[str], object]) -> Callable[[str], object]:
    def tolerant(text: str) -> object:
        with contextlib.suppress(ParseError):
            return parse(text)
        return None

    return tolerant


PARSERS: dict[str, Callable[[str], object]] = {
    "text.tool_lines": console.tool_lines,
    "sysfs.link_speed_gtps": sysfs.link_speed_gtps,
    "sysfs.link_width": sysfs.link_width,
    "sysfs.is_gone": sysfs.is_gone,
    "sysfs.hex_id": sysfs.hex_id,
    "sysfs.aer_counts": sysfs.aer_counts,
    "sysfs.bars": sysfs.bars,
    "dump.parse_dump": lambda text: dump.parse_dump(text, MARKER, ["/a", "/b"]),
    "lspci.devices": lambda text: [lspci.downgraded(d) for d in lspci.devices(text)],
    "ethtool.settings": ethtool.settings,
    "ethtool.driver": ethtool.driver,
    "ethtool.module": ethtool.module,
    "ethtool.statistics": ethtool.statistics,
    "ethtool.refusal": ethtool.refusal,
    "ip.interfaces": document(ip.interfaces),
    "kernel_log": rules,
    "flint.query": flint.query,
    "flint.verify": flint.verify,
    "flint.progress": flint.progress,
    "flint.burn": flint.burn,
    "flint.problem": flint.problem,
    "mstconfig.table": mstconfig.table,
    "mstconfig.number": mstconfig.number,
    "iperf3.transfers": document(iperf3.transfers),
    "scpi.identity": scpi.identity,
    "scpi.numbers": scpi.numbers,
    "scpi.switch": scpi.switch,
    "scpi.limiting": scpi.limiting,
    "scpi.error": scpi.error,
}

# pieces that lead a parser far into its patterns, in any order and any damage
PIECES = [
    *(
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "   ",
        "\0",
        "\x1b[31m",
        "\x1b[",
        "[   12.345678] ",
        "<3>",
        "0x",
        "²",
        "٣",
        "ﬀ",
        "\ud800",
    ),
    *(
        "0000:01:00.0 ",
        "01:00.0 ",
        "Ethernet controller [0200]: ",
        "[15b3:1003]",
        "(rev ff)",
        "\tLnkSta:\tSpeed ",
        "8GT/s",
    ),
    *(
        ", Width x8",
        "(downgraded)",
        "CESta:\tRxErr+ ",
        "LaneErrStat: LaneErr at lane: 3",
        "\tRegion 2: Memory at ",
        "<unassigned>",
    ),
    *(
        "[size=8M]",
        "Capabilities: [48] Vital Product Data\n",
        "\t\t\t[PN] Part number: ",
        "mlx4_core ",
        "0000:01:00.0: ",
        "AER: ",
    ),
    *(
        "BAR 2: ",
        "BAR 2 [mem size 0x00800000]: ",
        "failed to assign",
        "assigned",
        "VF BAR 0 ",
        "[ 0] RxErr",
        "Slot(4): Link Down",
    ),
    *(
        "16.000 Gb/s available PCIe bandwidth",
        "limited by 5.0 GT/s PCIe x4 link at ",
        "severity=Corrected",
        "error received: id=ffff",
    ),
    *(
        "NIC Link is Up 1.2.3 Gbps",
        "(Speed:5.0.1GT/s, Width: x4, Encoding Loss",
        "Settings for e:\n",
        "Speed: 10000Mb/s",
        "driver: x\n",
    ),
    *(
        "bus-info: y\n",
        "Identifier : ",
        "NIC statistics:\n",
        "a: 1\n",
        "Image type: FS2\n",
        "GUIDs: ",
        "f" * 16,
        "MACs: ",
        "-E- ",
        "-W- ",
    ),
    *(
        "Burning - 42%",
        "Restoring signature - OK",
        "Configurations: Next Boot New\n",
        "LINK_TYPE_P1   ETH(2)   IB(1)",
        "ETH(²)",
    ),
    *(
        '{"start":',
        '{"end":{"sum_received":',
        "{}",
        "}",
        "[",
        "]",
        '"ifname":"e"',
        "[{",
        "9.91E37",
        "+1e9999",
        "KORAD",
        "V1.2",
        ",",
        ";",
    ),
    *(f"{MARKER}<0\n", f"\n{MARKER}>0f0\n", f"\n{MARKER}>1n1\n", "63", "255", "0x00000000ffffffff", "TOTAL_ERR_COR 4"),
]
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=40).map("".join)


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())
def test_no_parser_raises_on_any_text(parse: Callable[[str], object]) -> None:
    @settings(max_examples=60, deadline=None, database=None)
    @given(SOUP)
    def check(text: str) -> None:
        parse(text)

    check()
    assert parse("") == parse("")


RECORDED = sorted(DATA.glob("*-*"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.name)
def test_recorded_text_may_be_cut_anywhere(path: Path) -> None:
    text = path.read_text()
    cuts = [text[:n] for n in range(0, len(text), max(len(text) // 25, 1))]
    answers = [parse(cut) for cut in cuts for parse in PARSERS.values()]
    assert len(answers) == len(cuts) * len(PARSERS)


KEYS = (
    *(
        "start",
        "end",
        "error",
        "test_start",
        "sum",
        "sum_sent",
        "sum_received",
        "sum_received_bidir_reverse",
        "reverse",
    ),
    *(
        "protocol",
        "packets",
        "lost_packets",
        "bits_per_second",
        "retransmits",
        "cpu_utilization_percent",
        "num_streams",
    ),
    *("ifname", "flags", "mtu", "addr_info", "local", "prefixlen", "family", "operstate", "address", "link_type"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None, database=None)
@given(JSON)
def test_json_of_any_shape_is_read_or_refused(tree: object) -> None:
    text = json.dumps(tree)
    for parse in (ip.interfaces, iperf3.transfers):
        with contextlib.suppress(ParseError):
            assert isinstance(parse(text), tuple)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        *(
            " ",
            "\n",
            "\r",
            "\t",
            "\0",
            "[",
            "\x1b",
            "a",
            "0",
            "-",
            ": ",
            " - ",
            "a: b   ",
            "-E- ",
            "[ 0] ",
            "\t\t[PN] ",
            "  {",
        ),
        *(
            "0000:01:00.0 ",
            "FW image verification failed: ",
            "BCM57x ",
            "mlx4_en: ",
            "01:00.0 X: Y\n",
            f"{MARKER}<0\n",
            "x  ",
        ),
    ],
)
def test_one_thing_fifty_thousand_times_takes_no_parser_long(unit: str) -> None:
    flood = (unit * 50_000)[:50_000]
    opened = "Image type: FS2\nSettings for e:\nConfigurations: Next Boot\nNIC statistics:\nA_B  "
    for text in (flood, opened + flood):
        assert len([parse(text) for parse in PARSERS.values()]) == len(PARSERS)
