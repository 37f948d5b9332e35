"""Parts stopped, killed and paused while everything runs: the rest answers as documented, and all recovers."""

import pytest

from containers import PARTS
from expected import assert_as_expected
from support.calls import DOMAINS
from support.wait import eventually, throughout
from test_absent import both_neighbours

WAYS = ("stop", "kill", "pause")
CHANGED_S, STEADY_S = 30, 3


def assert_survives(shop, way, parts):
    eventually(lambda: assert_as_expected(shop) is None, CHANGED_S, "all as documented before")
    getattr(shop, way)(*parts)
    eventually(lambda: assert_as_expected(shop, parts) is None, CHANGED_S, f"all as documented after {way} of {parts}")
    throughout(STEADY_S, lambda: assert_as_expected(shop, parts))
    (shop.unpause if way == "pause" else shop.start)(*parts)
    eventually(lambda: assert_as_expected(shop) is None, 60, "all as documented afterwards")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", PARTS)
def test_part_away(whole, way, part):
    """One part away: the others go on with the right answers, marked after five seconds."""
    assert_survives(whole, way, [part])


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_both_neighbours_away(whole, domain, way):
    """Both neighbours of a service, with their databases and Redis, away."""
    assert_survives(whole, way, both_neighbours(domain))
