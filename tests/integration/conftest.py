"""Fixtures of the integration tests.

    stack     one private stack for the session: own folder, own ports; nothing runs until something asks
    shop      the same stack with every part up and healthy and the sample data as it was at first (per module)
    whole     like shop, for one test that breaks things: afterwards all is started, unpaused, healthy and right;
              item 50 is the last that the sample user visited
    fresh     a stack of its own for one test, with empty data and nothing running
    person    a user of the test's own, with a token, known everywhere; its rows are removed afterwards
    items     makes items of the test's own (by SQL), removed afterwards
"""

import pytest

from support.initial import InitialData
from support.shop import new_item, new_person, remove_item, remove_person, sample, settled, visited_by_sample
from support.stack import Stack


def pytest_configure(config):
    config.moa_failed = False
    config.moa_kept_logs = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.config.moa_failed = item.moa_failed = True


def pytest_terminal_summary(terminalreporter, config):
    for place in config.moa_kept_logs:
        terminalreporter.write_line(f"logs of the stack: {place}")


def _remove(stack, config, failed):
    kept = stack.remove(keep_logs=failed)
    if kept:
        config.moa_kept_logs.append(kept)


@pytest.fixture(scope="session")
def stack(pytestconfig):
    stack = Stack()
    stack.initial = None
    yield stack
    _remove(stack, pytestconfig, pytestconfig.moa_failed)


def _bring_up(stack):
    stack.make_whole()
    if stack.initial is None:
        stack.initial = InitialData(stack)
    stack.initial.restore()
    settled(stack)
    return stack


@pytest.fixture(scope="module")
def shop(stack):
    return _bring_up(stack)


@pytest.fixture
def whole(shop):
    if shop.unhealthy():
        _bring_up(shop)
    visited_by_sample(shop)
    yield shop
    shop.make_whole()
    shop.initial.restore()
    settled(shop, 60)


@pytest.fixture(autouse=True)
def nothing_dies(request):
    """No test may make a part end by itself: a crash must not hide behind a later start."""
    yield
    if "stack" in request.fixturenames:
        stack = request.getfixturevalue("stack")
        died = stack.died()
        stack.expected_alive -= set(died)
        assert not died, f"ended by themselves: {died}; last lines: {[stack.log(name)[-800:] for name in died]}"


@pytest.fixture
def fresh(request, pytestconfig):
    stack = Stack()
    yield stack
    died = stack.died()
    _remove(stack, pytestconfig, died or getattr(request.node, "moa_failed", False))
    assert not died, f"ended by themselves: {died}"


@pytest.fixture
def person(shop):
    person = new_person(shop)
    yield person
    remove_person(person)


@pytest.fixture
def someone(shop):
    return sample(shop)


@pytest.fixture
def items(shop):
    made = []

    def make(**fields):
        made.append(new_item(shop, **fields))
        return made[-1]

    yield make
    for item_id in made:
        remove_item(shop, item_id)
