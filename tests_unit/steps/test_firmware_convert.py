import pytest
from firmware_fakes import FakeOperator, job, ports, queried

from rig.config.plan import Firmware
from rig.config.plan import Image as Authorised
from rig.parse import flint
from rig.steps.firmware import convert
from rig.steps.firmware.image import Image
from rig.steps.firmware.refused import Refused
from rig.vault import Identity

IB, ETH = "LAB0000000IB1", "LAB000000ETH1"
SHA256 = "5" * 64


def card(psid=IB):
    return Identity(psid, 4099, "2.42.5000", (), ())


def image(psid):
    return Image("/run/rig-firmware/5.bin", SHA256, psid, "2.42.5010", flint.query(queried(psid)))


def entry(from_psid=None, to_psid=None, **more):
    return Authorised(file="x.bin", sha256=SHA256, from_psid=from_psid, to_psid=to_psid, **more)


def authorise(tmp_path, authorised, *, on_card=IB, in_image=ETH, plan=None, operator=None):
    given = ports(None, tmp_path, operator=operator or FakeOperator())
    return convert.authorise(given, job(plan or Firmware()), card(on_card), image(in_image), authorised)


@pytest.mark.parametrize("change", [(None, None), (IB, IB)])
def test_an_image_of_the_cards_own_psid_needs_no_change(tmp_path, change):
    it = authorise(tmp_path, entry(*change, allow=["older version"]), in_image=IB)
    assert (it.by, it.psids, it.allow, it.identity) == ("plan", None, frozenset(["older version"]), None)


def test_the_change_that_the_plan_names_is_authorised_to_those_psids(tmp_path):
    it = authorise(tmp_path, entry(IB, ETH))
    assert (it.by, it.psids, it.allow) == ("plan", (IB, ETH), frozenset(["same version"]))


def test_a_change_that_the_plan_does_not_name_is_refused_with_what_to_put_into_it(tmp_path):
    with pytest.raises(Refused) as e:
        authorise(tmp_path, entry())
    assert str(e.value) == (
        f"PSID {IB} on the card, {ETH} in the image: changing it is not authorised; if it is meant, give the plan's "
        f"image from_psid: {IB} and to_psid: {ETH}"
    )


@pytest.mark.parametrize(
    "change", [(ETH, IB), (IB, "LAB000000ETH2"), ("LAB0000000IB2", ETH), (IB.lower(), ETH), (IB, IB)]
)
def test_other_psids_than_the_plan_names_are_refused(tmp_path, change):
    with pytest.raises(Refused, match=f"from_psid: {IB} and to_psid: {ETH}"):
        authorise(tmp_path, entry(*change))


def test_a_card_that_was_changed_already_is_not_taken_for_the_one_in_the_plan(tmp_path):
    with pytest.raises(Refused, match=f"the plan says PSID {IB} to {ETH}, the card and the image both have {ETH}"):
        authorise(tmp_path, entry(IB, ETH), on_card=ETH)


def test_the_operator_is_asked_only_where_the_plan_lets_them(tmp_path):
    operator = FakeOperator(allows=True)
    with pytest.raises(Refused):
        authorise(tmp_path, entry(), operator=operator)
    assert operator.asked == []


def test_the_operator_is_shown_both_psids_and_versions_and_allows_that_change_alone(tmp_path):
    operator = FakeOperator(allows=True)
    it = authorise(tmp_path, entry(allow=["not failsafe"]), plan=Firmware(ask=True), operator=operator)
    assert (it.by, it.psids) == ("operator", (IB, ETH))
    assert it.allow == {"not failsafe", "same version", "older version"}
    ((_, question),) = operator.asked
    assert all(part in question for part in [IB, ETH, "2.42.5000", "2.42.5010", SHA256, "C-1"])


def test_an_operator_who_says_no_refuses(tmp_path):
    with pytest.raises(Refused, match="changing it is not authorised"):
        authorise(tmp_path, entry(), plan=Firmware(ask=True), operator=FakeOperator(allows=False))


@pytest.mark.parametrize(("authorised", "in_image"), [(entry(IB, ETH), ETH), (entry(), IB)])
def test_nobody_is_asked_about_what_the_plan_authorises(tmp_path, authorised, in_image):
    operator = FakeOperator(allows=False)
    assert authorise(tmp_path, authorised, in_image=in_image, plan=Firmware(ask=True), operator=operator).by == "plan"
    assert operator.asked == []
