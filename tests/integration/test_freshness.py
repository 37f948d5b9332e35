"""How fresh a view is: marks, `Degraded`, and the distribution of commit to visible."""

import math

import pytest

from support import audit as audits
from support.shop import degraded, new_person, remove_person, settled
from support.wait import eventually, throughout

slow = pytest.mark.slow

# A frozen owner, the calls at its neighbours that use it, and the name they give it.
OWNERS = {
    "item_svc": ("items", [("alarm_svc", "/"), ("user_svc", "/visit")]),
    "alarm_svc": ("alarms", [("item_svc", "/"), ("user_svc", "/visit")]),
    "user_svc": ("users", [("item_svc", "/"), ("alarm_svc", "/")]),
}


def fresh(stack, service, view):
    return audits.samples(stack, service)[("moa_view_fresh", (("view", view),))]


def age(stack, service, view):
    return audits.samples(stack, service)[("moa_view_age_seconds", (("view", view),))]


def marked(stack, calls, view, wanted):
    """Each call answers 200; when <wanted> it names just <view>, at least 5 s old, and else nothing. The metrics say the same."""
    for service, path in calls:
        reply = stack.get(service, path)
        named = degraded(reply)
        assert reply.status_code == 200, f"{service}{path}: {reply.status_code}"
        assert list(named) == ([view] if wanted else []), f"{service}{path}: {named}"
        assert not wanted or named[view] >= 5, f"{service}{path}: {named}"
        assert fresh(stack, service, view) == (0 if wanted else 1), service
        assert (age(stack, service, view) >= 5) == wanted, service


@pytest.mark.parametrize("owner", ["alarm_svc", pytest.param("item_svc", marks=slow), pytest.param("user_svc", marks=slow)])
def test_frozen_owner_is_marked_and_unmarked(whole, owner):
    """An owner frozen by SIGSTOP: after 5 s its neighbours name it and still answer 200; once it wakes they do not, and news flow."""
    view, calls = OWNERS[owner]
    marked(whole, calls, view, False)
    whole.pause(owner)
    eventually(lambda: marked(whole, calls, view, True) is None, 12, f"{view} is marked")
    throughout(2, lambda: marked(whole, calls, view, True))
    whole.unpause(owner)
    eventually(lambda: marked(whole, calls, view, False) is None, 12, f"{view} is not marked any more")
    settled(whole)


def test_commit_to_visible_is_a_histogram(whole):
    """Each reader's /metrics has the distribution for each view: buckets that never fall, fine below 10 ms, every change counted once."""
    person = new_person(whole)
    before = {service: audits.visible_counts(whole, service, "alarms") for service in ("item_svc", "user_svc")}
    changes = 40
    for number in range(changes):
        whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES ({number + 1}, {person.id})")
    for service, old in before.items():
        eventually(lambda: audits.visible_counts(whole, service, "alarms")[-1][1] == old[-1][1] + changes, 10, f"{service} counts each change")
        now = audits.visible_counts(whole, service, "alarms")
        counts = [count for _, count in now]
        assert counts == sorted(counts) and now[-1][0] == math.inf
        assert sum(1 for bound, _ in now if bound <= 0.010) >= 8 and now[-2][0] >= 10
        numbers, labels = audits.samples(whole, service), (("view", "alarms"),)
        assert numbers[("moa_commit_to_visible_seconds_count", labels)] == counts[-1]
        assert numbers[("moa_commit_to_visible_seconds_sum", labels)] > 0
    audits.audit(whole, "alarm")   # snapshot rows are no news
    for service, old in before.items():
        assert audits.visible_counts(whole, service, "alarms")[-1][1] == old[-1][1] + changes
    remove_person(person)
