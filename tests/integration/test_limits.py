"""Poison in the topics, and stores without room: what nobody understands is parked, what is full is named, and all goes on by itself."""

import base64
import json
import os
import subprocess
import time

import pytest
import requests

from support.metrics import parse, total
from support.shop import NEWS_S, GRACE_S, Truth, degraded, settled
from support.wait import eventually

SOON_S = NEWS_S + GRACE_S + 10
TOPICS = {"moa.items": ("alarm_svc", "user_svc"), "moa.users": ("item_svc", "alarm_svc"),
          "moa.alarms": ("item_svc", "user_svc"), "moa.visits": ("user_svc",)}
KEYS = {"moa.items": "50", "moa.users": "10", "moa.alarms": "10:50", "moa.visits": "10"}
LOG = "log=01890000-0000-7000-8000-000000000000"
SECRET = "11111111-2222-4333-8444-555555555555"


def produce(stack, topic, key, value, *headers, partition=0):
    """One record of the test's own making, by kcat."""
    command = ["kcat", "-P", "-b", stack.brokers, "-t", topic, "-p", str(partition), "-k", key, "-X", "message.timeout.ms=10000"]
    for header in headers:
        command += ["-H", header]
    subprocess.run(command, input=value.encode(), timeout=30, check=True)


def parked(stack, service):
    """{topic: its part of /parked}"""
    return {part["topic"]: part for part in requests.get(stack.admin(service) + "/parked", timeout=5).json()}


def poison(stack, topic):
    """Eight records that are none of ours; returns how many."""
    typed, version = "ce_type=moa.x.changed", "version=0000000000000001"
    produce(stack, topic, KEYS[topic], SECRET)
    produce(stack, topic, KEYS[topic], SECRET, typed)
    produce(stack, topic, KEYS[topic], SECRET, typed, "version=12")
    produce(stack, topic, KEYS[topic], "{}", typed, "version=9999999999999999")
    produce(stack, topic, KEYS[topic], "{}", typed, version, "log=zzzzzzzz-zzzz-7zzz-zzzz-zzzzzzzzzzzz")
    for text in ("not JSON", "[1,2]"):
        produce(stack, topic, KEYS[topic], text, typed, *((version,) if topic != "moa.visits" else (LOG,)))
    produce(stack, topic, SECRET, "{}", typed, *((version,) if topic != "moa.visits" else (LOG,)))
    return 8


def test_poison_is_parked_in_all_topics_and_holds_up_nothing(whole, someone):
    for topic in TOPICS:
        count = poison(whole, topic)
        for service in TOPICS[topic]:
            eventually(lambda: parked(whole, service)[topic]["kept"] == count, SOON_S, f"{service} parked the poison of {topic}")
    newest = parked(whole, "item_svc")["moa.alarms"]["newest"]
    assert {entry["reason"] for entry in newest} >= {"no ce_type", "malformed version", "absurd version", "malformed log"}
    assert base64.b64decode(newest[-1]["value_base64"]).decode() == SECRET and newest[-1]["value_bytes"] == len(SECRET)
    for service in ("item_svc", "alarm_svc", "user_svc"):
        assert SECRET not in whole.log(service)
    # All goes on: the very keys that were poisoned change, and everybody sees it.
    assert someone.set_alarm(50).status_code == 201
    whole.sql("item", "UPDATE item SET price = price + 1 WHERE id = 50")
    someone.visit(49, 50)
    settled(whole, SOON_S)
    assert whole.unhealthy() == []
    # Kept over a restart, once each; and cleared.
    whole.kill("user_svc", "item_svc")
    whole.start("user_svc", "item_svc")
    for service in ("user_svc", "item_svc"):
        for topic in (topic for topic, readers in TOPICS.items() if service in readers):
            eventually(lambda: parked(whole, service)[topic]["kept"] == 8, SOON_S, f"{service} still has the poison of {topic}")
            assert parked(whole, service)[topic]["dropped"] == 0
    for service in ("item_svc", "alarm_svc", "user_svc"):
        assert requests.delete(whole.admin(service) + "/parked", timeout=5).status_code == 202
        eventually(lambda: not any(part["kept"] or part["newest"] for part in parked(whole, service).values()), SOON_S, "cleared")


def test_redis_at_maxmemory(whole, someone):
    """The neighbours' views stand still, marked and named; nothing is answered wrong; all goes on when there is room."""
    client = whole.redis("item")
    client.config_set("maxmemory", "1")
    try:
        eventually(lambda: requests.get(whole.admin("item_svc") + "/readyz", timeout=5).json()["views"]["alarms"].get("waits_for")
                   == "redis: out of memory", SOON_S, "the reason is told")
        assert someone.set_alarm(1).status_code == 201
        eventually(lambda: "alarms" in degraded(someone.get("item_svc")), SOON_S, "the view is marked")
        assert someone.get("item_svc").status_code == 200 and someone.get("item_svc", "/1").status_code == 200
        Truth(whole).assert_right(("item_svc",), marked=True)
        Truth(whole).assert_right(("alarm_svc", "user_svc"))
    finally:
        client.config_set("maxmemory", "0")
    settled(whole, SOON_S)
    eventually(lambda: whole.unhealthy() == [], SOON_S, "healthy again")
    views = requests.get(whole.admin("item_svc") + "/readyz", timeout=5).json()["views"]
    assert not any("waits_for" in view for view in views.values()), json.dumps(views)


def metrics(base):
    return parse(requests.get(base + "/metrics", timeout=5).text)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True).returncode != 0:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_under_the_spool(whole, someone, small_disk):
    """Without room for visits every answer is as always; what is full and what was lost is told; room is all that it needs."""
    whole.kill("kafka")
    second = whole.second("item_svc", SPOOL_DIR=str(small_disk / "spool"))

    def spool():
        return requests.get(second.admin + "/readyz", timeout=5).json()["spool"]

    eventually(lambda: someone.get(second.url, "/48").status_code == 200, SOON_S, "the second instance answers")
    assert spool() == {"state": "up", "lost": 0, "dropped": 0}
    with open(small_disk / "ballast", "wb", buffering=0) as ballast, pytest.raises(OSError):
        while True:
            ballast.write(bytes(4096))
    asked = 0
    while spool()["lost"] < 20:   # what is left of the last page takes some
        asked += 1
        assert asked < 200
        assert someone.get(second.url, "/49").status_code == 200
    ready = requests.get(second.admin + "/readyz", timeout=5)
    assert ready.status_code == 200 and spool()["state"] == "full"
    told = metrics(second.admin)
    assert total(told, "moa_spool_full") == 1 and total(told, "moa_visits_lost_total") == spool()["lost"]
    os.unlink(small_disk / "ballast")
    assert someone.get(second.url, "/47").status_code == 200
    assert spool()["state"] == "up" and total(metrics(second.admin), "moa_spool_full") == 0
    whole.start("kafka")
    eventually(lambda: someone.visit_ids()[:1] == [47], 60, "the visit after it arrived")
    eventually(lambda: total(metrics(second.admin), "moa_spool_records") == 0, 60, "the spool is delivered")


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.mark.parametrize("rows", [20_000, pytest.param(500_000, marks=pytest.mark.slow)])
def test_outbox_of_a_long_outage_drains_in_bounded_memory(whole, rows, capsys):
    """Kafka was away while <rows> alarms were set: they drain in the memory that a few take, and all arrive."""
    user, bound_kib = 9, 16 << 10
    whole.kill("kafka")
    for first in range(0, rows, 50_000):
        last = min(first + 50_000, rows) - 1
        whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id, created) SELECT 100000 + seq, {user}, UTC_TIMESTAMP() "
                           f"FROM seq_{first}_to_{last}")
    assert int(whole.sql("alarm", "SELECT COUNT(*) FROM outbox")[0][0]) >= rows
    before = most = rss_kib(whole.pid("alarm_svc"))
    whole.start("kafka")
    client = whole.redis("item")

    def arrived():
        return sum(client.hlen(f"m1:{{alarms:{partition}}}:{user}") for partition in range(4))

    began, start_rows, until = None, arrived(), time.monotonic() + 60 + rows / 1000
    while (now := arrived()) < rows:
        most = max(most, rss_kib(whole.pid("alarm_svc")))
        if began is None and now > start_rows:
            began, start_rows = time.monotonic(), now
        assert time.monotonic() < until, f"{now} of {rows} arrived"
        time.sleep(0.02)
    took = max(time.monotonic() - (began or time.monotonic()), 1e-3)
    with capsys.disabled():
        print(f"\n{rows} rows: {(rows - start_rows) / took:.0f} a second, RSS {before} -> at most {most} KiB")
    assert most - before < bound_kib
    eventually(lambda: int(whole.sql("alarm", "SELECT COUNT(*) FROM outbox")[0][0]) < 1000, 60 + rows / 1000, "the outbox is empty again")
    for first in range(0, rows, 50_000):
        whole.sql("alarm", f"DELETE FROM alarm WHERE user_id = {user} AND item_id BETWEEN {100000 + first} AND {149999 + first}")
