from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.parse import ParseError, iperf3

DATA = Path(__file__).parent / "data"


def text(name: str) -> str:
    return (DATA / f"iperf3-3.12-{name}.json").read_text()


def test_what_arrived_is_told_from_what_was_sent() -> None:
    it = iperf3.transfer(text("tcp"))
    assert it.received_bps == pytest.approx(199_587_841.24, rel=1e-6)
    assert it.sent_bps == pytest.approx(199_938_719.99, rel=1e-6)
    assert (it.retransmits, it.error, it.version, it.direction) == (0, "", "3.12", "to_server")
    assert (it.protocol, it.streams, it.lost_ratio) == ("TCP", 1, None)
    assert it.duration_s == pytest.approx(1.0, abs=0.1)
    assert it.cpu_local_pct == pytest.approx(5.055, abs=0.01)
    assert it.cpu_remote_pct == pytest.approx(0.798, abs=0.01)


def test_in_reverse_the_receiver_still_counts() -> None:
    it = iperf3.transfer(text("tcp-reverse"))
    assert it.direction == "from_server"
    assert it.received_bps == pytest.approx(200_256_188.08, rel=1e-6)
    assert it.sent_bps == pytest.approx(200_234_765.29, rel=1e-6)


def test_both_directions_at_once_are_two_transfers() -> None:
    there, back = iperf3.transfers(text("tcp-bidir"))
    assert (there.direction, back.direction) == ("to_server", "from_server")
    assert there.received_bps == back.received_bps == pytest.approx(200_162_122.13, rel=1e-6)


@pytest.mark.parametrize("name", ["udp", "udp-reverse"])
def test_udp_has_losses_and_no_retransmits(name: str) -> None:
    it = iperf3.transfer(text(name))
    assert (it.protocol, it.retransmits, it.lost_ratio) == ("UDP", None, 0.0)
    assert it.received_bps == pytest.approx(20.18e6, rel=1e-2)


# esnet/iperf PR 1174 (3.10 and before): `sum` is the sender's rate, two thirds of it never arrived
OLD_UDP = {
    "start": {"version": "iperf 3.7", "test_start": {"protocol": "UDP", "num_streams": 40, "reverse": 1}},
    "end": {
        "sum": {
            "seconds": 4.999296,
            "bits_per_second": 2858356221.91022,
            "lost_packets": 820880,
            "packets": 1234657,
            "lost_percent": 66.4866432215017,
        }
    },
}


def test_the_one_sum_of_old_udp_documents_is_corrected_for_losses() -> None:
    it = iperf3.transfer(OLD_UDP)
    assert it.sent_bps == pytest.approx(2858356221.9)
    assert it.received_bps == pytest.approx(957.9e6, rel=1e-3)
    assert it.lost_ratio == pytest.approx(0.664866, abs=1e-5)


def test_an_old_udp_sum_without_losses_says_nothing_of_what_arrived() -> None:
    it = iperf3.transfer({"start": {}, "end": {"sum": {"bits_per_second": 1e9}}})
    assert (it.received_bps, it.sent_bps) == (None, 1e9)


def test_a_run_that_never_began_has_an_error_and_no_rates() -> None:
    it = iperf3.transfer(text("refused"))
    assert it.error == "unable to connect to server: Connection refused"
    assert (it.received_bps, it.sent_bps, it.duration_s, it.direction, it.version) == (None, None, None, None, "3.12")


def test_a_run_that_broke_off_has_no_rates_even_if_it_prints_some() -> None:
    tree = json.loads(text("tcp")) | {"error": "control socket has closed unexpectedly"}
    it = iperf3.transfer(tree)
    assert (it.received_bps, it.sent_bps) == (None, None)
    assert "control socket" in it.error


def test_a_mapping_and_its_text_are_the_same() -> None:
    assert iperf3.transfer(json.loads(text("tcp"))) == iperf3.transfer(text("tcp"))


# esnet/iperf issue 1143: a line that is no JSON behind the document
def test_lines_around_the_document_do_not_hurt() -> None:
    around = (
        "# iperf3 -J\r\n"
        + text("tcp").replace("\n", "\r\n")
        + "iperf3: error - unable to send control message: Broken pipe\r\n"
    )
    assert iperf3.transfer(around) == iperf3.transfer(text("tcp"))


@pytest.mark.parametrize(
    "bad", ["", "iperf3: command not found", text("tcp")[:700], "[1]", '{"a": 1}', '{"a":' * 100_000]
)
def test_what_is_no_whole_document_is_said(bad: str) -> None:
    with pytest.raises(ParseError, match="iperf3"):
        iperf3.transfer(bad)


@pytest.mark.parametrize("value", [None, "1e9", True, float("nan"), float("inf"), [], 10**400])
def test_a_rate_that_is_no_number_is_none(value: object) -> None:
    it = iperf3.transfer(
        {"start": {}, "end": {"sum_received": {"bits_per_second": value}, "sum_sent": {"retransmits": value}}}
    )
    assert (it.received_bps, it.retransmits) == (None, None)


def test_sections_of_another_shape_are_not_there() -> None:
    it = iperf3.transfer({"start": [], "end": "x", "error": None})
    assert (it.received_bps, it.error, it.version) == (None, "", "")
