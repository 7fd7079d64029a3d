"""One batch on both kinds of virtual test host: what the rig says of a unit must not depend on who plays the host.

The real kernel is right about the kernel. A difference that is not in `DIFFER` fails, and so does one there that is
gone.
"""

import fnmatch
import json
import re
from itertools import product

import pytest
from both_hosts import TO_FLASH, UNITS, Batch

DEADLINE_S = 5400
pytestmark = [pytest.mark.long, pytest.mark.timeout(DEADLINE_S * 4)]
TOP = 3
"""So many causes are compared, in their order."""
MEASURED = (
    "short.*", "rail.*", "supply.*", "host.boot_s", "host.kernel", "pcie.aer.*", "traffic.*", "link.*.mac",
    "firmware.backup", "firmware.backup.sha256", "firmware.burn_s",
)  # fmt: skip
"""Rows whose value is an instrument's, a clock's or chance: only what was judged of it is compared."""
WORD_OF = {"firmware": "firmware", "link": "link", "traffic": "throughput"}
"""First word of the rows of a step."""
LOOSE = ("*.starved?", "pcie.aer.*.[A-Z]*", "traffic.aer.*.[A-Z]*")
"""Rows that chance adds: a run of iperf3 that a busy machine repeats, the names of the errors that were counted."""
POOR = ("poor-*", "slow", "bad-*", "cx3-poor", "cx3-slow", "flash-poor")
"""Units whose link errs by chance: the far end of a poor pair sees a time-out or none, and causes that are close to
each other change places with it; their first cause is compared."""

QEMU_PORT = "QEMU's root port has no Lane Error Status (docs/linux.md)"
PATH = "each bench has its own golden figure; both are held to the same share of it"
NO_DRIVER = "the guest has no driver for a card without a register model: what only a driver shows is not known there"
UNDRIVEN = ("x-*", "cx3-*")
BY_DRIVER = (
    "verdict", "causes", "pcie.driver", "link", "throughput", "firmware.damaged", "firmware.interfaces",
    "firmware.interfaces_missing", "firmware.route", "firmware.version", "firmware.bar_failed",
    "firmware.vf_bar_failed", "firmware.kernel_symptoms", "firmware.sriov.*_vfs", "pcie.answers (*)",
)  # fmt: skip
DIFFER = {
    "*: pcie.lane_errors.root": QEMU_PORT,
    "*: traffic.port?.*_host_bps": PATH,
    **{f"{unit}: {what}": NO_DRIVER for unit, what in product(UNDRIVEN, BY_DRIVER)},
    "cx3-*: firmware.port_types": NO_DRIVER,
    **{f"flash-*: {what}": NO_DRIVER for what in ("pcie.driver", "firmware.version", "firmware.damaged")},
    **{f"flash-{unit}: causes": QEMU_PORT for unit in ("narrow", "poor")},
}
"""`unit: what` that is not the same, and why it may stay so; `*` and `?` stand for anything."""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Kind of host to what the rig said of every unit on it."""
    said = {}
    for kind in ("process", "linux"):
        flashed = Batch(kind, tmp_path_factory.mktemp(kind), TO_FLASH, "linux-flash", DEADLINE_S)
        others = Batch(kind, tmp_path_factory.mktemp(kind), UNITS, "linux", DEADLINE_S)
        said[kind] = {
            name: told(batch.run(name)) for batch, units in ((flashed, TO_FLASH), (others, UNITS)) for name in units
        }
    return said


def told(run):
    """Of a run's folder: its verdict, causes, steps, and of each row its verdict, reason and value."""
    stop = json.loads((run / "stop.json").read_text())
    lines = (run / "judged.jsonl").read_text().splitlines()
    rows = {key_of(row): row for row in map(json.loads, lines)}
    seen = {"verdict": (stop["status"], stop["verdict"])}
    seen["causes"] = [(c["title"], tuple(c["pins"])) for c in stop["causes"]]
    for name, row in rows.items():
        step, _, whole = name.rpartition(".")
        if whole == "completed":
            seen[step] = (row["verdict"], kind_of(row["why"]))
        elif not is_one_of(name, LOOSE):
            value = () if is_one_of(name, MEASURED) else (row["value"],)
            seen[name] = (row["verdict"], kind_of(row["why"]), *value)
    return seen


def key_of(row):
    """Its name; what is asked again in a later step is a row of that step."""
    again = row["name"].startswith("pcie.") and row["step"] != "enumeration"
    return f"{row['name']} ({row['step']})" if again else row["name"]


def kind_of(reason):
    """A reason without its figures."""
    return re.sub(r"-?\d[\d.,]*(e[+-]?\d+)?", "N", reason)


def is_one_of(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def differences(process, linux):
    """`unit: what` to what either host's rig said of it; rows of a step that one of them did not run are left out."""
    apart = {}
    for unit in process:
        one, other = process[unit], linux[unit]
        left_out = [f"{word}.*" for word, step in WORD_OF.items() if step in one or step in other]
        for what in one.keys() | other.keys():
            said = one.get(what), other.get(what)
            if what == "causes":
                said = tuple(causes[: 1 if is_one_of(unit, POOR) else TOP] for causes in said)
            if said[0] == said[1] or is_one_of(what, left_out) or (is_one_of(unit, POOR) and is_far_end(what, said)):
                continue
            apart[f"{unit}: {what}"] = said
    return apart


def is_far_end(what, said):
    """Few errors were counted here on one host, none on the other."""
    return what.endswith(".correctable_per_s") and {row[0] for row in said if row} == {"PASS", "MARGINAL"}


def test_verdicts_reasons_and_causes_are_the_same_but_for_what_is_listed(both):
    apart = differences(both["process"], both["linux"])
    new = [
        f"{what}: process {one!r}, linux {other!r}"
        for what, (one, other) in sorted(apart.items())
        if not is_one_of(what, DIFFER)
    ]
    assert not new, "\n".join(new)
    assert [known for known in DIFFER if not fnmatch.filter(apart, known)] == [], "no longer different"


def test_what_is_compared_was_really_there(both):
    """Two hosts on which nothing is judged are alike as well."""
    linux = both["linux"]
    assert set(linux) == {*UNITS, *TO_FLASH}
    verdicts = {linux[unit]["verdict"] for unit in linux}
    assert verdicts >= {("finished", v) for v in ("PASS", "MARGINAL", "FAIL", "NOT_RUN")}
    assert {status for status, _ in verdicts} == {"finished"}
    first = {linux[unit]["causes"][0][0] for unit in linux if linux[unit]["causes"]}
    assert len(first) > 10, first
    assert linux["flash-ib"]["firmware.route"][0] == "PASS"
