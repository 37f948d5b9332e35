"""First start, on fresh volumes, with blocks of the compose file commented out; and then with the whole file."""

import pytest

from containers import PARTS
from expected import assert_as_expected
from support.calls import DOMAINS
from support.shop import settled
from support.wait import eventually, throughout

SAMPLE = ("alarm_svc", "user_db", "kafka")
UP_S, STEADY_S = 60, 3


def both_neighbours(domain):
    """The blocks of both neighbours of <domain>."""
    return [f"{other}_{kind}" for other in DOMAINS if other != domain for kind in ("svc", "db", "redis")]


def assert_works_without(absent, parts):
    shop = absent(*parts)
    eventually(lambda: assert_as_expected(shop, parts, loaded=False) is None, UP_S, f"all as documented without {parts}")
    throughout(STEADY_S, lambda: assert_as_expected(shop, parts, loaded=False))
    shop.up()
    shop.healthy()
    settled(shop, 60)
    eventually(lambda: assert_as_expected(shop) is None, UP_S, "all as documented with every part")


@pytest.mark.parametrize("part", [pytest.param(part, marks=[] if part in SAMPLE else pytest.mark.slow) for part in PARTS])
def test_block_commented_out(absent, part):
    """Without one block the rest starts and answers as documented; with it again all is healthy."""
    assert_works_without(absent, [part])


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_both_neighbours_commented_out(absent, domain):
    """A service with both of its neighbours, their databases and Redis commented out."""
    assert_works_without(absent, both_neighbours(domain))
