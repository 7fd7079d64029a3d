import pytest

from rig.bench.place.query import parse
from rig.errors import UsageError

TAGS = {"slot_gen": "3", "lanes": "8", "supply_a": "2.5", "flexlom": "yes", "site": "roof"}


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("flexlom", True),
        ("slot_gen=3 lanes=8", True),
        ("slot_gen=3,lanes=16", False),
        ("supply_a>=2", True),
        ("supply_a>=2.5", True),
        ("supply_a>=2.6", False),
        ("supply_w>=1", False),
        ("site>=1", False),
        ("name=bench-a", True),
        ("name=bench-b", False),
    ],
)
def test_a_place_meets_a_query_or_does_not(query, holds):
    assert parse(query).holds("bench-a", TAGS) is holds


def test_equality_alone_is_left_to_labgrid_which_knows_nothing_else():
    assert parse("flexlom lanes=8").filter == {"flexlom": "yes", "lanes": "8"}
    assert parse("lanes>=8").filter is None


@pytest.mark.parametrize("query", ["", "  ", "lanes>8", "a=1", "lanes==8", "lanes>=many", "Lanes=8", "lanes="])
def test_a_query_that_is_none_is_told_with_its_word(query):
    with pytest.raises(UsageError, match="query"):
        parse(query)
