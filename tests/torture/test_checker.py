"""The judge on histories made by hand: good ones pass, each kind of bad one is caught."""

import random

import pytest

import visits
from checker import BACK, LOST, OWN, PHANTOM, WRONG, Read, Violations, Watcher, judge_table
from history import Outcome, Register
from nemesis import FAULTS, random_round
from promises import clean, promised
from scene import GATEWAY_LINES, KAFKA_LINES, Health

INFINITY = float("inf")


def register(*writes, initial=False):
    """A register with writes (value, invoked, answered, outcome); answered None: under way."""
    made = Register("key", initial)
    for value, invoked, answered, outcome in writes:
        write = made.invoke(value, "test", invoked)
        if answered is not None:
            write.end(outcome, answered)
    return made


def done(value, invoked, answered):
    return (value, invoked, answered, Outcome.DONE)


def found(made, *reads):
    """The kinds of violations when one watcher sees (value, Read) one after the other."""
    violations = Violations()
    watcher = Watcher(violations)
    for value, read in reads:
        watcher.see(made, value, read)
    return dict(violations.counts)


def at(begin, end=None, **more):
    return Read("test", begin, begin + 0.1 if end is None else end, **more)


COUNTED = register(done(1, 1, 2), done(2, 3, 4), done(3, 5, 6), initial=0)


@pytest.mark.parametrize("name, made, reads", [
    ("nothing written", register(), [(False, at(1))]),
    ("each value in turn", COUNTED, [(0, at(0.5)), (1, at(2)), (1, at(3)), (2, at(4)), (3, at(7))]),
    ("values left out", COUNTED, [(0, at(0.5)), (3, at(7))]),
    ("late while nothing is promised", COUNTED, [(0, at(100))]),
    ("a write under way may be seen", register((True, 1, None, None)), [(True, at(2))]),
    ("or not", register((True, 1, None, None)), [(False, at(2))]),
    ("unknown may be seen, and not", register((True, 1, 2, Outcome.UNKNOWN)), [(True, at(3)), (False, at(4)), (True, at(5))]),
    ("within the bound it may be missed", COUNTED, [(2, at(6.5, since=5.5))]),
    ("seen before it was answered", COUNTED, [(3, at(5.2, since=4.2))]),
    ("a read that began early and ended late", COUNTED, [(1, at(2.5, 5.5, since=1.9)), (3, at(5.4, 5.6))]),
    ("on, off, on: the flag alternates", register(done(True, 1, 2), done(False, 3, 4), done(True, 5, 6)),
     [(True, at(2)), (False, at(4)), (True, at(6))]),
    ("marked and excused", COUNTED, [(3, at(7)), (1, at(8, excused=True)), (2, at(9))]),
    ("own write seen", COUNTED, [(3, at(7, own=5))]),
    ("own write beyond the token's limits", COUNTED, [(2, at(70, own=45))]),
    ("own write still under way", register((True, 1, None, None)), [(False, at(2, own=0))]),
    ("a refused write is not there", register((True, 1, 2, Outcome.NOT_DONE)), [(False, at(3, own=0, since=2.5))]),
])
def test_good(name, made, reads):
    assert found(made, *reads) == {}, name


@pytest.mark.parametrize("kind, name, made, reads", [
    (PHANTOM, "a value that nobody wrote", COUNTED, [(9, at(7))]),
    (PHANTOM, "of a refused write", register((True, 1, 2, Outcome.NOT_DONE)), [(True, at(3))]),
    (PHANTOM, "before it was written", COUNTED, [(3, at(1, 2))]),
    (PHANTOM, "a torn value", register(done(("v1", 1), 1, 2), done(("v2", 2), 3, 4), initial=("v0", 0)), [(("v1", 2), at(5))]),
    (PHANTOM, "beside one in doubt", register((1, 1, 2, Outcome.UNKNOWN), initial=0), [(9, at(3))]),
    (BACK, "an older one later", COUNTED, [(3, at(7)), (2, at(8))]),
    (BACK, "the first again", COUNTED, [(1, at(2)), (0, at(3))]),
    (BACK, "a flag that was never off again", register(done(True, 1, 2)), [(True, at(2)), (False, at(3))]),
    (WRONG, "older than the bound", COUNTED, [(2, at(8, since=7))]),
    (WRONG, "never seen", register(done(True, 1, 2)), [(False, at(9, since=8))]),
    (PHANTOM, "nobody's value under health", COUNTED, [(9, at(8, since=7))]),
    (OWN, "own write missed", COUNTED, [(2, at(7, own=5))]),
    (OWN, "own write missed, and a refused one after it", register(done(True, 1, 2), (False, 3, 4, Outcome.NOT_DONE)), [(False, at(5, own=0))]),
    (OWN, "own removal missed", register(done(True, 1, 2), done(False, 3, 4)), [(True, at(5, own=0))]),
])
def test_bad(kind, name, made, reads):
    assert found(made, *reads) == {kind: 1}, name


def test_back_in_time_is_said_once():
    """What was seen last counts from then on."""
    assert found(COUNTED, (3, at(7)), (2, at(8)), (2, at(9)), (3, at(10))) == {BACK: 1}


def test_a_path_that_forgot_may_show_older_values():
    violations = Violations()
    watcher = Watcher(violations)
    watcher.see(COUNTED, 3, at(7))
    watcher.forget()
    watcher.see(COUNTED, 2, at(8))
    assert violations.total() == 0


@pytest.mark.parametrize("kind, made, value", [
    (None, COUNTED, 3),
    (None, register((True, 1, 2, Outcome.UNKNOWN)), True),
    (None, register((True, 1, 2, Outcome.UNKNOWN)), False),
    (None, register((True, 1, 2, Outcome.NOT_DONE)), False),
    (LOST, COUNTED, 2),
    (LOST, register(done(True, 1, 2)), False),
    (PHANTOM, COUNTED, 9),
    (PHANTOM, register((True, 1, 2, Outcome.NOT_DONE)), True),
])
def test_the_table(kind, made, value):
    violations = Violations()
    assert judge_table(made, value, violations) == (kind is None)
    assert dict(violations.counts) == ({kind: 1} if kind else {})


def test_a_pin_ends_all_doubt():
    made = register((True, 1, 2, Outcome.UNKNOWN))
    assert made.dirty
    made.pin(True, 3)
    assert not made.dirty and made.current is True
    assert found(made, (False, at(9, since=8))) == {WRONG: 1}


def test_evidence_is_bounded_and_names_the_writes():
    violations = Violations()
    for _ in range(100):
        violations.add(LOST, "what", COUNTED)
    assert violations.counts[LOST] == 100 and len(violations.evidence[LOST]) == 5
    assert "[5.000–6.000] test: 3, acknowledged" in violations.evidence[LOST][0]


def test_a_visit_that_came_late():
    made = Register("key", ())
    for item in (1, 2, 3):
        made.invoke(visits.after(made.current, item), "visit", item).end(Outcome.DONE, item + 0.5)
    assert visits.came_late((3, 1), made) and not visits.came_late((2, 1), made) and not visits.came_late((4, 1), made)


def test_visits():
    assert visits.of_table([5, 5, 4, 3, 2, 1]) == (5, 4, 3)
    assert visits.of_table([1, 2, 1]) == (1, 2, 1)
    shown = ()
    for item in (1, 2, 3, 4, 5, 5):
        shown = visits.after(shown, item)
    assert shown == (5, 4, 3)


def broken(*names):
    """The health of a shop in which <names> were broken, and a moment after that."""
    health = Health(1.0)
    health.heals()
    for name in names:
        health.breaks(name)
    return health, health.changed[names[-1]] + 1 if names else 1.0


@pytest.mark.parametrize("names, domain, kind, direct, through", [
    ((), "item", "write", True, True),
    (KAFKA_LINES, "item", "write", True, True),
    (KAFKA_LINES, "user", "visits", True, True),
    (("kafka",), "alarm", "write", True, True),
    (("gateway-item_svc",), "item", "list", True, False),
    (("gateway-item_svc",), "alarm", "write", True, True),
    (("gateway-alarm_svc",), "alarm", "write", True, False),
    (GATEWAY_LINES, "user", "visits", True, False),
    (("gateway",), "item", "list", True, False),
    (("item_svc",), "item", "list", False, False),
    (("item_db",), "item", "list", True, True),
    (("item_db",), "item", "write", False, False),
    (("item_redis",), "item", "detail", True, True),
    (("item_redis",), "alarm", "list", True, True),
    (("alarm_redis",), "alarm", "list", False, False),
    (("item_db", "item_redis"), "item", "list", False, False),
    (("user_svc", "user_db", "user_redis", "kafka"), "item", "write", True, True),
])
def test_what_deserves_a_2xx(names, domain, kind, direct, through):
    health, moment = broken(*names)
    assert promised(health, domain, kind, moment, False) == direct
    assert promised(health, domain, kind, moment, True) == through


def test_a_line_counts_as_broken_until_all_is_healthy():
    """Also for a request that began before it was broken; no longer for one that began after all was healthy."""
    health, moment = broken("gateway-item_svc")
    assert not promised(health, "item", "list", moment - 2, True)
    health.heals()
    assert not promised(health, "item", "list", moment - 2, True)
    assert promised(health, "item", "list", moment, True)


@pytest.mark.parametrize("names, status, direct, through", [
    (("gateway-item_svc",), 502, False, True),
    (("gateway-item_svc",), 503, True, True),
    (("gateway-item_svc",), 504, False, True),
    (("gateway-item_svc",), 0, False, False),
    (("gateway-item_svc",), 404, False, False),
    (("item_db",), 401, False, False),
    (("item_db",), 500, False, False),
    (("item_svc",), 0, None, False),
    (("item_svc",), 503, None, True),
    (("gateway",), 0, False, None),
    (("item_svc", "gateway"), 401, None, None),
])
def test_how_a_request_may_fail(names, status, direct, through):
    health, moment = broken(*names)
    assert clean(health, "item", status, moment, False) is direct
    assert clean(health, "item", status, moment, True) is through


def test_faults_hit_every_line_and_can_be_limited():
    lines = {*KAFKA_LINES, *GATEWAY_LINES}
    for mode in ("cut", "hold", "slow"):
        assert lines <= {part for kind, part in FAULTS if kind == mode}
    choice = random.Random(1)
    assert {fault.part for _ in range(300) for fault in random_round(choice, "gateway-")} == set(GATEWAY_LINES)
    assert lines <= {fault.part for _ in range(2000) for fault in random_round(choice)}
