"""A store whose disk is full: what is answered, what is told, and that room is all it needs."""

import contextlib
import itertools
import json
import re
import time

import pytest
import requests

from support.disk import NoMount, SmallDisk
from support.kafka import records
from support.metrics import parse, total
from support.shop import GRACE_S, NEWS_S, Truth, assert_problem, degraded, settled
from support.stack import SERVICES, StackError
from support.wait import eventually, throughout, timed

SOON_S = NEWS_S + GRACE_S + 10
DEADLINE_S = 2.6   # a request's 2 s and the way there and back
FULL_S = 10        # for so long after the last refusal a database counts as full
NO_WRITES = "redis: its disk takes no writes"


@pytest.fixture
def small_disk(whole):
    """Puts a part's data on a small disk; afterwards it is back where it was."""
    with contextlib.ExitStack() as undo:

        def put(name):
            try:
                disk = SmallDisk(whole, name)
            except NoMount as why:
                pytest.skip(f"NOT TESTED: a full disk needs the right to mount a tmpfs: {why}")
            undo.callback(disk.put_back)
            return disk

        yield put


def ready(base):
    return requests.get(base + "/readyz", timeout=5)


def state(stack, service):
    return ready(stack.admin(service)).json()


def metrics(base):
    return parse(requests.get(base + "/metrics", timeout=5).text)


def logged(stack, service, event):
    """Lines of <event> in the log of <service>."""
    return [line for line in stack.log(service).splitlines() if f" {event} " in line]


def quick(call):
    """Makes a call and checks that it was answered within the deadline."""
    reply, seconds = timed(call)
    assert seconds < DEADLINE_S, f"{reply.url} took {seconds:.2f} s"
    return reply


class GaveUp(Exception):
    """The server ended itself: InnoDB does when its purge finds no room ("Failing assertion: --n_tries")."""


def fill_by_sql(stack, domain, insert):
    """Runs <insert>, with fewer and fewer rows, until the database has no room for one; returns how many rows it took."""
    rows = 0
    for count in (500, 100, 20, 5, 1):
        for start in itertools.count(rows, count):
            try:
                stack.sql(domain, insert.format(first=start, last=start + count - 1))
            except StackError as error:
                if "Lost connection" in str(error) and not stack.alive(f"{domain}_db"):
                    raise GaveUp from error
                assert "is full" in str(error), error
                break
            rows += count
            assert rows < 200_000
    return rows


def ends_and_comes_back(stack, domain, disk, person):
    """The database is dead, on its full disk: reads come from the stand-in, and room and a start are all that it needs."""
    service, view = f"{domain}_svc", f"{domain}s"
    stack.kill(f"{domain}_db")     # if it has ended by itself, that is known now
    eventually(lambda: state(stack, service)["mysql"] == "down", SOON_S, "told")

    def stands_in():
        reply = quick(lambda: person.get(service))
        return reply.status_code == 200 and view in degraded(reply)

    eventually(stands_in, SOON_S, "the stand-in answers, marked")
    assert ready(stack.admin(service)).status_code == 200
    assert quick(lambda: person.set_alarm(9)).status_code == (503 if domain == "alarm" else 201)
    disk.make_room()
    stack.up()
    settled(stack, 60)
    eventually(lambda: stack.unhealthy() == [], SOON_S, "healthy again")


def write_until_refused(person, refusals):
    """Sets and unsets alarms until <refusals> writes were refused; returns {item id: whether an alarm is acknowledged on it}."""
    known, refused = {}, 0
    for number in range(20_000):
        item, on = number % 50 + 1, number // 50 % 2 == 0
        reply = quick(lambda: person.set_alarm(item) if on else person.unset_alarm(item))
        if reply.status_code == 503:
            assert_problem(reply, 503)
            assert "no room" in reply.json()["detail"] and "Nothing was done" in reply.json()["detail"]
            refused += 1
        else:
            assert reply.status_code == (201 if on else 200), reply.text
            known[item] = on
        if refused == refusals:
            return known
    raise AssertionError("the database took it all")


def alarms_of(stack, person):
    return {row[0] for row in stack.rows("alarm", f"SELECT item_id FROM alarm WHERE user_id = {person.id}")}


def test_a_database_that_ends_on_its_full_disk(whole, someone, small_disk):
    """What is acknowledged is there after it came back."""
    disk = small_disk("alarm_db")
    whole.healthy()
    assert someone.set_alarm(7).status_code == 201
    disk.fill()
    ends_and_comes_back(whole, "alarm", disk, someone)
    assert 7 in alarms_of(whole, someone) and 9 not in alarms_of(whole, someone)


def test_under_the_database_of_alarms(whole, someone, small_disk):
    """No room for alarms or the outbox: writes are refused and told so, reads and the relay go on, no acknowledged write is lost."""
    disk = small_disk("alarm_db")
    whole.healthy()
    # A term begins by writing anew what it finds, for which a full disk has no room: let it have begun.
    eventually(lambda: total(metrics(whole.admin("alarm_svc")), "moa_relay_leader") == 1, SOON_S, "the relay is at work on the small disk")
    ended = len(logged(whole, "alarm_svc", "relay.term_ended"))
    before = alarms_of(whole, someone)
    whole.kill("kafka")    # so that the outbox keeps what it gets
    disk.fill()
    try:
        made = fill_by_sql(whole, "alarm", "INSERT INTO alarm (item_id, user_id, created) "
                                           "SELECT 100000 + seq, 9, UTC_TIMESTAMP() FROM seq_{first}_to_{last}")
    except GaveUp:
        return ends_and_comes_back(whole, "alarm", disk, someone)
    known = write_until_refused(someone, 30)
    expected = (before - set(known)) | {item for item, on in known.items() if on}
    # Told, without a line for each refusal; ready, because reads are answered.
    told = ready(whole.admin("alarm_svc"))
    assert (told.status_code, told.json()["mysql"]) == (200, "full")
    assert total(metrics(whole.admin("alarm_svc")), "moa_mysql_full") == 1
    assert 1 <= len(logged(whole, "alarm_svc", "sql.full")) <= 4 and not logged(whole, "alarm_svc", "sql.refused")
    assert alarms_of(whole, someone) == expected
    listed = quick(lambda: someone.get("alarm_svc"))
    assert listed.status_code == 200 and {item["id"] for item in listed.json()["payload"]} == expected
    # Kafka is back: what was acknowledged goes out of a database that is full.
    whole.up()
    settled(whole, 60, ("item_svc", "user_svc"))
    assert disk.free() == 0
    eventually(lambda: int(whole.sql("alarm", "SELECT COUNT(*) FROM outbox")[0][0]) < 100, 60, "the relay empties the outbox")
    assert len(logged(whole, "alarm_svc", "relay.term_ended")) == ended
    disk.make_room()
    assert someone.set_alarm(50).status_code == 201
    eventually(lambda: state(whole, "alarm_svc")["mysql"] == "up", FULL_S + SOON_S, "told that there is room")
    assert total(metrics(whole.admin("alarm_svc")), "moa_mysql_full") == 0
    assert alarms_of(whole, someone) == expected | {50}
    assert int(whole.sql("alarm", "SELECT COUNT(*) FROM alarm WHERE item_id >= 100000")[0][0]) == made
    settled(whole, SOON_S)
    eventually(lambda: whole.unhealthy() == [], SOON_S, "healthy again")


def test_under_the_database_of_visits(whole, someone, small_disk):
    """No room for visits: they wait in Kafka, the list goes on with the older ones, and all are there once there is room."""
    disk = small_disk("user_db")
    whole.healthy()
    someone.visit(41, 42)
    eventually(lambda: someone.visit_ids()[:2] == [42, 41], SOON_S, "the visits before it")
    disk.fill()
    try:
        fill_by_sql(whole, "user", "INSERT INTO visit (event_id, user_id, item_id, visited_us) SELECT "
                                   "CONCAT('00000000-0000-7000-8000-', LPAD(seq, 12, '0')), 999999, 1, seq FROM seq_{first}_to_{last}")
    except GaveUp:
        return ends_and_comes_back(whole, "user", disk, someone)
    for number in range(2000):
        someone.visit(number % 20 + 1)
        if number % 20 == 19 and state(whole, "user_svc")["mysql"] == "full":
            break
    stored = total(metrics(whole.admin("user_svc")), "moa_visits_stored_total")
    someone.visit(44, 45, 46)
    eventually(lambda: state(whole, "user_svc")["mysql"] == "full" and logged(whole, "user_svc", "inbox.waits"), SOON_S, "told")
    assert "reason=full" in logged(whole, "user_svc", "inbox.waits")[-1]

    def goes_on():
        reply = quick(lambda: someone.get("user_svc", "/visit"))
        assert (reply.status_code, degraded(reply)) == (200, {}) and reply.json()["count"] == 3
        assert quick(lambda: someone.get("user_svc")).status_code == 200

    throughout(FULL_S + 2, goes_on)
    # Nobody wrote meanwhile but those who wait: it is known all the time.
    assert state(whole, "user_svc")["mysql"] == "full" and ready(whole.admin("user_svc")).status_code == 200
    assert total(metrics(whole.admin("user_svc")), "moa_visits_stored_total") - stored < 3
    disk.make_room()
    eventually(lambda: someone.visit_ids() == [46, 45, 44], SOON_S, "the visits that waited")
    eventually(lambda: state(whole, "user_svc")["mysql"] == "up", FULL_S + SOON_S, "told that there is room")
    whole.sql("user", "DELETE FROM visit WHERE user_id = 999999")
    settled(whole, SOON_S)


def waits(stack, service):
    """{view: what it waits for} of <service>, its own copy too; views that wait for nothing are left out."""
    told = state(stack, service)
    return {name: view["waits_for"] for name, view in {**told["views"], **told["own"]}.items() if "waits_for" in view}


def test_under_redis(whole, someone, small_disk):
    """Redis refuses writes and answers reads: so do all three services, marked and named, and also one that starts now."""
    disks = [small_disk(f"{domain}_redis") for domain in ("item", "alarm", "user")]
    whole.healthy()
    for disk in disks:
        disk.fill()
    someone.set_alarm(1)
    views = {"item_svc": {"items", "users", "alarms"}, "alarm_svc": {"alarms", "users", "items"}, "user_svc": {"users", "items", "alarms"}}
    for service in SERVICES:
        eventually(lambda: waits(whole, service) == dict.fromkeys(views[service], NO_WRITES), SOON_S, f"{service} tells why")

    def answers():
        for service, path in (("item_svc", "/"), ("item_svc", "/1"), ("alarm_svc", "/"), ("user_svc", "/"), ("user_svc", "/visit")):
            reply = quick(lambda: someone.get(service, path))
            assert reply.status_code == 200, f"{service}{path}: {reply.status_code} {reply.text[:200]}"
        assert quick(lambda: someone.set_alarm(2)).status_code == 201

    throughout(8, answers)
    assert set(degraded(someone.get("item_svc"))) == {"alarms", "users"}
    Truth(whole).assert_right(marked=True)
    for service in SERVICES:
        assert state(whole, service)["redis"] == "up"
        assert total(metrics(whole.admin(service)), "moa_view_redis_full") == 3
        assert len(logged(whole, service, "projection.redis_full")) <= 6, "the log is not filled with it"
        assert not logged(whole, service, "view.script")
    whole.stop("alarm_svc")
    whole.up()     # which finds the three Redis there
    eventually(lambda: someone.get("alarm_svc").status_code == 200, SOON_S, "one that starts now reads what is there")
    for disk in disks:
        disk.make_room()
    settled(whole, SOON_S)
    eventually(lambda: whole.unhealthy() == [], SOON_S, "healthy again")
    for service in SERVICES:
        eventually(lambda: waits(whole, service) == {}, SOON_S, f"{service} waits for nothing")


def test_own_copy_without_memory(whole, someone):
    """Redis at maxmemory: the reason is told of the own copy too, and what it holds is kept, not emptied in vain again and again."""
    client = whole.redis("alarm")
    assert someone.set_alarm(3).status_code == 201
    settled(whole, SOON_S)
    client.config_set("maxmemory", "1")
    try:
        eventually(lambda: waits(whole, "alarm_svc").get("alarms") == "redis: out of memory", SOON_S, "told of the own copy")
        assert metrics(whole.admin("alarm_svc"))["moa_view_redis_full", (("view", "alarms"),)] == 1
        assert 'reason=redis: out of memory' in logged(whole, "alarm_svc", "relay.own_broken")[-1].replace('"', "")
        rounds = len(logged(whole, "alarm_svc", "relay.round"))
        assert someone.set_alarm(4).status_code == 201
        eventually(lambda: 4 in someone.flagged(), SOON_S, "the neighbours hear of it all the same")
        throughout(7, lambda: someone.get("alarm_svc").raise_for_status())
        assert len(logged(whole, "alarm_svc", "relay.round")) <= rounds + 1, "each round sends the whole table"
        assert waits(whole, "alarm_svc")["alarms"] == "redis: out of memory"
        whole.kill("alarm_db")
        listed = eventually(lambda: (reply := someone.get("alarm_svc")).status_code == 200 and reply, SOON_S, "the copy stands in")
        assert "alarms" in degraded(listed) and 3 in {item["id"] for item in listed.json()["payload"]}
        whole.start("alarm_db")
    finally:
        client.config_set("maxmemory", "0")
    settled(whole, SOON_S)
    eventually(lambda: state(whole, "alarm_svc")["own"]["alarms"]["fresh"] and waits(whole, "alarm_svc") == {}, 30, "in step again")


def test_spool_at_its_limit(whole, someone):
    """Kafka away for more visits than the spool may hold: all answers as always; the oldest visits go, counted; the rest comes, once."""
    whole.kill("kafka")
    second = whole.second("item_svc", SPOOL_MAX_MB="1", ACCESS_LOG="off")

    def spool():
        return ready(second.admin).json()["spool"]

    claimed = []
    eventually(lambda: set(degraded(someone.get(second.url))) == {"alarms", "users"}, SOON_S, "marked, without Kafka")
    with requests.Session() as session:
        session.trust_env = False
        while not claimed or len(claimed) % 500 != 0 or spool()["dropped"] == 0:
            reply = session.get(f"{second.url}/{len(claimed) % 50 + 1}", headers={"USER-TOKEN": someone.token}, timeout=5)
            assert reply.status_code == 200 and set(degraded(reply)) == {"alarms", "users"}
            claimed.append(re.fullmatch(r"v\d+=\d+\.([0-9a-f-]{36})", reply.headers["Consistency-Token"]).group(1))
            assert len(claimed) < 20_000
    told, sample = spool(), metrics(second.admin)
    assert told["state"] == "dropping" and told["lost"] == 0
    assert total(sample, "moa_spool_full") == 1 and total(sample, "moa_visits_recorded_total") >= len(claimed)
    kept = claimed[told["dropped"]:]
    counted = lambda: [total(metrics(second.admin), f"moa_spool_{name}") for name in ("dropped_total", "records")]
    eventually(lambda: counted() == [told["dropped"], len(kept)], SOON_S, "what is kept and what is not is counted")
    assert kept and total(metrics(second.admin), "moa_spool_bytes") <= 1 << 20
    whole.up()
    eventually(lambda: total(metrics(second.admin), "moa_spool_records") == 0, 60, "the spool is delivered")
    assert spool() == {"state": "up", "lost": 0, "dropped": told["dropped"]}
    delivered = [json.loads(record["payload"])["id"] for record in records(whole, "moa.visits")]
    assert set(delivered) & set(claimed) == set(kept)
    eventually(lambda: someone.visit_ids()[:1] == [(len(claimed) - 1) % 50 + 1], 60, "stored, the latest first")
    assert whole.sql("user", "SELECT COUNT(*), COUNT(DISTINCT event_id) FROM visit WHERE user_id = 10")[0] == ["20", "20"]
    stored = [row[0] for row in whole.rows("user", "SELECT event_id FROM visit WHERE user_id = 10 ORDER BY visited_us")]
    assert stored == kept[-20:]


def test_under_kafka(whole, someone, small_disk):
    """Kafka ends itself on a full disk: services answer, the outbox and the spool keep all, and Kafka with room gets it."""
    disk = small_disk("kafka")
    whole.healthy()
    disk.fill()
    whole.expected_alive.discard("kafka")
    until = time.monotonic() + 60
    for number in itertools.count():
        item = number % 40 + 1
        assert quick(lambda: someone.set_alarm(item)).status_code == 201
        assert quick(lambda: someone.get("item_svc", f"/{item}")).status_code == 200
        if not whole.alive("kafka"):
            break
        assert time.monotonic() < until, "Kafka goes on without room"
    for service in SERVICES:
        eventually(lambda: state(whole, service)["kafka"] == "down" and ready(whole.admin(service)).status_code == 200, SOON_S, "told")
    assert someone.unset_alarm(40).status_code == 200 and someone.set_alarm(45).status_code == 201
    someone.visit(46, 47, 48)
    eventually(lambda: {"alarms", "users"} == set(degraded(someone.get("item_svc"))), SOON_S, "marked")
    Truth(whole).assert_right(("alarm_svc",), marked=True)
    assert int(whole.sql("alarm", "SELECT COUNT(*) FROM outbox")[0][0]) > 0
    # It does not start before there is room.
    assert whole.run("start", "kafka", check=False).returncode != 0
    whole.kill("kafka")
    disk.make_room()
    whole.up()
    settled(whole, 60)
    eventually(lambda: whole.unhealthy() == [] and someone.visit_ids() == [48, 47, 46], SOON_S, "healthy, with all visits")
    eventually(lambda: int(whole.sql("alarm", "SELECT COUNT(*) FROM outbox")[0][0]) < 100, SOON_S, "the outbox is sent")
    assert state(whole, "item_svc")["spool"] == {"state": "up", "lost": 0, "dropped": 0}
