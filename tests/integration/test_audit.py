"""The audit: whatever makes a copy differ from its owner's table is found, counted by class, logged once and repaired by one round."""

import hashlib
import statistics
import threading
import time
import uuid

import pytest

from support import audit as audits
from support.chaos import Writer
from support.shop import GRACE_S, NEWS_S, Person, Truth, new_person, remove_person, settled
from support.stack import DOMAINS
from support.wait import eventually, throughout

slow = pytest.mark.slow
READERS = ("item_svc", "alarm_svc", "user_svc")   # one of them has the own copy
COPIES_S = 10                                      # a round is complete at its owner: the neighbours have swept within this time


@pytest.fixture
def quiet(whole):
    """A healthy stack in which the rounds that the start asked for are over at all readers."""
    for domain in DOMAINS:
        audits.audit(whole, domain)
    settled(whole)
    return whole


def expect(stack, before, wanted):
    """All that was found since <before> is <wanted>, and stays it for a while."""
    eventually(lambda: check(stack, before, wanted) is None, COPIES_S, f"found: {wanted}")
    throughout(1.5, lambda: check(stack, before, wanted))


def check(stack, before, wanted):
    seen = audits.since(stack, before)
    assert seen == wanted, seen


def fill(stack, rows, users=100):
    """<rows> alarms of users that nobody asks for."""
    values = ",".join(f"({1 + number // users}, {100001 + number % users})" for number in range(rows))
    stack.script("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES {values};")
    alarms = stack.redis("item")
    count = lambda: sum(alarms.hlen(key) for user in (100001, 100000 + users) for key in alarms.scan_iter(f"m1:{{alarms:*}}:{user}", 1000))
    wanted = 2 * (rows // users)
    eventually(lambda: count() >= wanted, 30, "the alarms are at item_svc")


# --- what is found ---------------------------------------------------------------------------

def test_truncate(quiet):
    """TRUNCATE fires no trigger: every row is found as extra at every copy, once, and is gone after one round."""
    quiet.sql("alarm", "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (1, 10), (2, 10), (3, 9), (50, 9)")
    settled(quiet)
    rows = int(quiet.sql("alarm", "SELECT COUNT(*) FROM alarm")[0][0])
    before, starts = audits.all_found(quiet), {name: len(quiet.log(name)) for name in READERS}
    quiet.sql("alarm", "TRUNCATE TABLE alarm")
    audits.audit(quiet, "alarm")
    settled(quiet, COPIES_S)
    assert Truth(quiet).alarms == {}
    expect(quiet, before, {(service, "alarms", "extra"): rows for service in READERS})
    for service in READERS:
        lines = audits.logged(quiet, service, starts[service])
        assert len(lines) == rows and set(lines.values()) == {1}, lines


UNSEEN = {
    "item": ("UPDATE item SET price = price + 5 WHERE id = 20; DELETE FROM item WHERE id = 13;"
             "INSERT INTO item (id, name, broadcaster, category, price) VALUES (900, '몰래', 'testmall', '시험', 1)"),
    "user": ("UPDATE user SET access_token = UUID() WHERE id = 4; DELETE FROM user WHERE id = 2;"
             "INSERT INTO user (id, name, access_token) VALUES (900, '몰래', UUID())"),
    "alarm": "UPDATE alarm SET item_id = 8 WHERE user_id = 7 AND item_id = 7",   # a copy has alarms, and no more of them than that
}


@pytest.mark.parametrize("domain", DOMAINS)
def test_rows_changed_without_triggers(quiet, domain):
    """A row changed, one added and one deleted while the triggers were gone: one round finds and repairs each, at every copy."""
    quiet.sql("alarm", "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (7, 7)")
    quiet.sql("alarm", "DELETE FROM alarm WHERE item_id = 8 AND user_id = 7")
    settled(quiet)
    before, view = audits.all_found(quiet), audits.TOPIC[domain]
    triggers = quiet.sql(domain, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
    quiet.script(domain, "".join(f"DROP TRIGGER {name};" for name, in triggers) + UNSEEN[domain] + ";")
    quiet.run("migrate", domain)
    audits.audit(quiet, domain)
    settled(quiet, COPIES_S)
    kinds = ("missing", "extra") if domain == "alarm" else audits.CLASSES
    expect(quiet, before, {(service, view, kind): 1 for service in READERS for kind in kinds})


def spoil(stack, reader, view, group, fields, version):
    """Edits the first of <fields>, deletes the second and adds the third in <reader>'s Redis; returns the three and what they were."""
    entries = [audits.Entry(stack, reader, view, group, field) for field in fields]
    were = [entry.value() for entry in entries]
    assert were[0] and were[1] and were[2] is None, were
    text = entries[0].get()
    entries[0].set((version or text[:16]) + "+" + "0" * (len(text) - 17))
    entries[1].remove()
    entries[2].set((version or text[:16]) + text[16:])
    return entries, were


@pytest.mark.parametrize("version", [None, "9999999999999999"])
@pytest.mark.parametrize("reader,view", [("item", "alarms"), ("user", "items"), ("alarm", "users"), ("alarm", "alarms"), ("item", "items")])
def test_entries_changed_by_hand(quiet, reader, view, version):
    """A field edited, one deleted and one added by hand, in a neighbour's Redis or the own one: found and repaired by one round.

    <version>: they bear a version of the future, which nothing that comes after could replace.
    """
    person = new_person(quiet)
    quiet.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (1, {person.id}), (2, {person.id})")
    settled(quiet)
    group = str(person.id) if view == "alarms" else "all"
    fields = ("1", "2", "44") if view == "alarms" else ("3", "5", "77777") if view == "items" else ("3", "5", "777")
    before, start = audits.all_found(quiet), len(quiet.log(f"{reader}_svc"))
    entries, were = spoil(quiet, reader, view, group, fields, version)
    owner = next(domain for domain in DOMAINS if audits.TOPIC[domain] == view)
    audits.audit(quiet, owner)
    eventually(lambda: [entry.value() for entry in entries] == were, COPIES_S, "the entries are as they were")
    settled(quiet, COPIES_S)
    expect(quiet, before, {(f"{reader}_svc", view, kind): 1 for kind in audits.CLASSES})
    wanted = {(view, kind, entry.key, entry.field): 1 for entry, kind in zip(entries, audits.CLASSES)}
    assert audits.logged(quiet, f"{reader}_svc", start) == wanted
    remove_person(person)


def test_whole_key_replaced_by_another_type(quiet):
    """A key that is no hash any more stops nothing: its rows are found missing and are back after one round."""
    person = new_person(quiet)
    quiet.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (1, {person.id}), (2, {person.id})")
    settled(quiet)
    before, entry = audits.all_found(quiet), audits.Entry(quiet, "item", "alarms", str(person.id), "1")
    entry.redis.set(entry.key, "text")
    audits.audit(quiet, "alarm")
    eventually(lambda: person.flagged() == {1, 2}, COPIES_S, "the flags are back")
    expect(quiet, before, {("item_svc", "alarms", "missing"): 2})
    remove_person(person)


def ids_key(item_id):
    return audits.key("items", "ids", item_id)


def terms_key(token):
    return audits.key("users", f"t:{hashlib.sha256(token.encode()).hexdigest()}", "")


@pytest.mark.parametrize("reader", DOMAINS)
def test_ids_changed_by_hand(quiet, reader):
    """Only the list of ids is wrong: one too many, one too few, one in a wrong place. Each is found and repaired by one round."""
    ids = quiet.redis(reader)
    before, start = audits.all_found(quiet), len(quiet.log(f"{reader}_svc"))
    ids.zadd(ids_key(77777), {"77777": 77777})
    assert ids.zrem(ids_key(3), "3") == 1
    ids.zadd(ids_key(5), {"5": 500})
    audits.audit(quiet, "item")
    eventually(lambda: [ids.zscore(ids_key(item), str(item)) for item in (77777, 3, 5)] == [None, 3, 5], COPIES_S, "the ids are right")
    service = f"{reader}_svc"
    expect(quiet, before, {(service, "items", "extra"): 1, (service, "items", "missing"): 2})
    wanted = {("items", kind, ids_key(item), str(item)): 1 for item, kind in ((77777, "extra"), (3, "missing"), (5, "missing"))}
    assert audits.logged(quiet, service, start) == wanted


@pytest.mark.parametrize("reader", DOMAINS)
def test_tokens_changed_by_hand(quiet, reader):
    """A token that nobody has, one that is another's, and one that is nobody's any more: valid for whom the table says after one round."""
    people = [new_person(quiet) for _ in range(3)]
    forged = Person(quiet, people[0].id, str(uuid.uuid4()))
    settled(quiet)
    tokens, service = quiet.redis(reader), f"{reader}_svc"
    before, start = audits.all_found(quiet), len(quiet.log(service))
    tokens.sadd(terms_key(forged.token), forged.id)
    tokens.srem(terms_key(people[1].token), people[1].id)
    tokens.sadd(terms_key(people[1].token), people[0].id)
    assert tokens.delete(terms_key(people[2].token)) == 1
    if reader != "user":   # which asks its own table
        assert [who.get(service).status_code for who in (forged, people[2])] == [200, 401]
    audits.audit(quiet, "user")
    held = lambda: [tokens.smembers(terms_key(who.token)) for who in (*people, forged)]
    eventually(lambda: held() == [*({str(who.id)} for who in people), set()], COPIES_S, "the tokens are right")
    if reader != "user":
        assert [who.get(service).status_code for who in (forged, people[2])] == [401, 200]
    expect(quiet, before, {(service, "users", "extra"): 2, (service, "users", "missing"): 2})
    wanted = [("extra", forged, forged), ("extra", people[1], people[0]), ("missing", people[1], people[1]), ("missing", people[2], people[2])]
    assert audits.logged(quiet, service, start) == {("users", kind, terms_key(who.token), str(whose.id)): 1 for kind, who, whose in wanted}
    for person in people:
        remove_person(person)


def test_index_replaced_by_another_type(quiet):
    """Keys of the index that are none any more stop neither the view nor its round, and are put right by that."""
    person = new_person(quiet)
    settled(quiet)
    redis, nobody, before = quiet.redis("alarm"), terms_key(str(uuid.uuid4())), audits.all_found(quiet)
    count = redis.zcard(ids_key(1))
    for key in (ids_key(1), terms_key(person.token), nobody, audits.key("items", "nonsense", 1)):
        redis.set(key, "text")
    for domain in ("item", "user"):
        audits.audit(quiet, domain)
    eventually(lambda: redis.type(ids_key(1)) == "zset" and redis.zcard(ids_key(1)) == count, COPIES_S, "the ids are back")
    eventually(lambda: redis.smembers(terms_key(person.token)) == {str(person.id)}, COPIES_S, "the token is back")
    expect(quiet, before, {("alarm_svc", "items", "missing"): count, ("alarm_svc", "items", "extra"): 1,
                           ("alarm_svc", "users", "missing"): 1, ("alarm_svc", "users", "extra"): 1})
    assert not redis.exists(nobody)
    remove_person(person)


def test_nothing_is_found_where_nothing_is_wrong(quiet):
    """Rounds of all owners while alarms, items and users are written: no divergence, and all is right afterwards."""
    before = audits.all_found(quiet)
    with Writer(quiet, [1, 2, 3, 4, 5], seed=3), Writer(quiet, [1, 2, 3, 6], seed=4):
        for number in range(4):
            for domain in DOMAINS:
                quiet.sql("item", f"UPDATE item SET price = price + {number} WHERE id % 5 = {number}")
                quiet.sql("user", f"UPDATE user SET name = CONCAT(name, '{number}') WHERE id = {number + 1}")
                audits.audit(quiet, domain)
    settled(quiet)
    expect(quiet, before, {})


@pytest.mark.parametrize("change", ["UPDATE item SET price = price + 7 WHERE id = 20", "DELETE FROM item WHERE id = 20",
                                    "INSERT INTO item (id, name, broadcaster, category, price) VALUES (901, '늦게', 'testmall', '시험', 1)"])
def test_a_late_commit_is_no_finding(quiet, change):
    """A round waits for a row that was locked for so long that the relay has given its change up, and copies it before that is found."""
    before, start = audits.all_found(quiet), audits.told(quiet, "item_svc")["last"]["started"]
    with quiet.mysql("item") as late, late.cursor() as cursor:
        late.begin()
        cursor.execute(change)
        quiet.sql("item", "UPDATE item SET price = price + 1 WHERE id = 21")
        throughout(1.5, lambda: check(quiet, before, {}))   # the next id is known, and this one looked for no more
        quiet.request("POST", quiet.admin("item_svc"), "/audit")
        eventually(lambda: quiet.sql("item", "SELECT trx_id FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"), 10,
                   "the round waits for the row")
        late.commit()
    audits.completed_after(quiet, "item_svc", start)
    settled(quiet, COPIES_S)
    expect(quiet, before, {})


# --- when rounds run -------------------------------------------------------------------------

def lead_alone(stack, **settings):
    """Only a second alarm_svc, with <settings>, and it leads; the stack's own one is stopped."""
    stack.stop("alarm_svc")
    second = stack.second("alarm_svc", **settings)
    eventually(lambda: audits.told(stack, second.admin)["leader"], 20, "the second instance leads")
    return second


def test_runs_by_itself_at_its_rate(quiet):
    """Nobody asks: a round each period, at the set rate, finds what is wrong; /audit and /metrics tell its time, rows and end."""
    fill(quiet, 300)
    second = lead_alone(quiet, AUDIT_PERIOD_S="2", AUDIT_ROWS_PER_S="100")
    start = eventually(lambda: audits.told(quiet, second.admin)["last"], 20, "a round")["started"]
    done = audits.completed_after(quiet, second.admin, start)
    done = audits.completed_after(quiet, second.admin, done["started"])
    assert done["kind"] == "audit" and done["rows"] >= 300
    assert done["ms"] >= 1000 * (done["rows"] // 100) , done
    numbers = audits.samples(quiet, second.admin)
    labels = (("topic", "moa.alarms"),)
    assert numbers[("moa_audit_rounds_total", labels)] >= 2
    assert numbers[("moa_audit_last_round_rows", labels)] >= 300
    assert numbers[("moa_audit_last_round_milliseconds", labels)] >= 1000
    assert abs(numbers[("moa_audit_last_round_timestamp_seconds", labels)] - time.time()) < 30
    before, entry = audits.all_found(quiet, ("item_svc", "user_svc")), audits.Entry(quiet, "item", "alarms", "100001", "1")
    was = entry.value()
    entry.remove()
    eventually(lambda: entry.value() == was, 20, "the audit brings the entry back")
    after = audits.all_found(quiet, ("item_svc", "user_svc"))
    assert {key: after[key] - before[key] for key in after if after[key] != before[key]} == {("item_svc", "alarms", "missing"): 1}


def test_a_restart_does_not_put_the_round_off(quiet):
    """The last round's time outlives the process: restarted before its period is over, an instance still keeps it."""
    second = lead_alone(quiet, AUDIT_PERIOD_S="6")
    last = audits.told(quiet, second.admin)["last"]
    began = time.monotonic()
    for _ in range(3):
        second.kill()
        second = quiet.second("alarm_svc", AUDIT_PERIOD_S="6")
        eventually(lambda: audits.told(quiet, second.admin)["leader"], 20, "it leads")
    assert last and audits.completed_after(quiet, second.admin, last["started"])
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("how,asked", [("kill", True), ("pause", False), pytest.param("kill", False, marks=slow),
                                       pytest.param("pause", True, marks=slow)])
def test_killed_or_frozen_in_the_middle(quiet, how, asked):
    """The leader ends in the middle of a round: half a round claims nothing, the successor does a whole one, all is repaired and nothing counted twice."""
    fill(quiet, 400)
    settings = {"SNAPSHOT_ROWS_PER_S": "20", "AUDIT_ROWS_PER_S": "20", "AUDIT_PERIOD_S": "86400" if asked else "1"}
    second = lead_alone(quiet, **settings)
    quiet.start("alarm_svc")
    quiet.healthy()
    if asked:
        assert quiet.request("POST", second.admin, "/audit").status_code == 202
    kind = "snapshot" if asked else "audit"
    half = eventually(lambda: (lambda run: run if run and run["kind"] == kind and run["rows"] >= 100 else None)(
        audits.running(quiet, second.admin)), 30, "half a round")
    before = audits.all_found(quiet)
    edited, added = (audits.Entry(quiet, "item", "alarms", user, field) for user, field in (("100001", "1"), ("100002", "99")))
    was, text = edited.value(), edited.get()
    edited.set(text[:17] + "0" * (len(text) - 17))
    added.set(text)
    getattr(second, how)()
    eventually(lambda: audits.told(quiet, "alarm_svc")["leader"], 4 + GRACE_S, "the other one leads")
    if asked:
        audits.completed_after(quiet, "alarm_svc", half["started"])
    else:
        quiet.healthy()
        audits.audit(quiet, "alarm")
    eventually(lambda: edited.value() == was and added.value() is None, COPIES_S, "the entries are right")
    if how == "pause":
        second.unpause()
        eventually(lambda: audits.told(quiet, second.admin)["abandoned"]["count"] > 0, 20, "the frozen one gives its round up")
        assert not audits.told(quiet, second.admin)["leader"]
    settled(quiet)
    # the successor's own snapshot, or the wish that was kept, may come while the marks' absence still makes views stale: it only repairs
    seen = audits.since(quiet, before)
    assert seen.items() <= {("item_svc", "alarms", "differs"): 1, ("item_svc", "alarms", "extra"): 1}.items(), seen


def test_two_instances(quiet):
    """Two instances of owner and reader: one finds and counts, once; a round can be asked of either, and both tell of it."""
    reader, owner = quiet.second("item_svc"), quiet.second("alarm_svc")
    fill(quiet, 200)
    instances = ("item_svc", reader.admin)
    count = lambda: sum(sum(audits.found(quiet, instance, "alarms").values()) for instance in instances)
    before = count()
    for asked in (owner.admin, "alarm_svc"):
        entry = audits.Entry(quiet, "item", "alarms", "100001", "1")
        was = entry.value()
        start = eventually(lambda: audits.told(quiet, asked)["last"], 20, "the last round is known")["started"]
        entry.remove()
        base = asked if "://" in asked else quiet.admin(asked)
        assert quiet.request("POST", base, "/audit").status_code == 202
        done = audits.completed_after(quiet, "alarm_svc", start)
        assert audits.completed_after(quiet, owner.admin, start) == done
        eventually(lambda: entry.value() == was, COPIES_S, "the entry is back")
        before += 1
        eventually(lambda: count() == before, COPIES_S, "counted")
    throughout(1.5, lambda: check_count(count, before))


def check_count(count, wanted):
    assert count() == wanted


def test_asked_while_the_slow_round_runs(quiet):
    """A round that somebody asks for does not wait until the slow one is over."""
    fill(quiet, 400)
    second = lead_alone(quiet, AUDIT_ROWS_PER_S="5", AUDIT_PERIOD_S="1")
    slow_one = eventually(lambda: (lambda run: run if run and run["kind"] == "audit" else None)(audits.running(quiet, second.admin)), 20,
                          "the slow round runs")
    quiet.request("POST", second.admin, "/audit")
    done = audits.completed_after(quiet, second.admin, slow_one["started"])
    assert done["kind"] == "snapshot" and done["rows"] >= 400


# --- what it costs ---------------------------------------------------------------------------

class Clock(threading.Thread):
    """Makes <writes> writes of alarms of its own user, one after the other; the times taken are in .took."""

    def __init__(self, stack, user, writes):
        super().__init__()
        self.stack, self.user, self.writes, self.took = stack, user, writes, []

    def run(self):
        with self.stack.mysql("alarm") as connection, connection.cursor() as cursor:
            for number in range(1, self.writes + 1):
                item = 1 + number // 2 % 20
                start = time.monotonic()
                if number % 2:
                    cursor.execute(f"INSERT INTO alarm (item_id, user_id) VALUES ({item}, {self.user}) ON DUPLICATE KEY UPDATE created = created")
                else:
                    cursor.execute(f"DELETE FROM alarm WHERE user_id = {self.user} AND item_id = {item}")
                self.took.append(time.monotonic() - start)
                time.sleep(0.004)  # the load, not a wait: about 200 writes a second of each


def p99(stack, writes=300):
    clocks = [Clock(stack, user, writes // 2) for user in (100001, 100050)]
    for clock in clocks:
        clock.start()
    for clock in clocks:
        clock.join()
    took = sorted(value for clock in clocks for value in clock.took)
    assert len(took) == writes, len(took)
    return took[len(took) * 99 // 100]


@slow
def test_writers_are_not_held_up(quiet):
    """p99 of writes during a round at the default rate is at most 1.5 times that without; with and without by turns, median of the ratios."""
    fill(quiet, 10000)
    second = lead_alone(quiet, SNAPSHOT_ROWS_PER_S="500")   # a round that can be started at will, at the audit's speed
    p99(quiet)
    ratios = []
    for _ in range(7):
        without = p99(quiet)
        start = audits.told(quiet, second.admin)["last"]["started"]
        quiet.request("POST", second.admin, "/audit")
        eventually(lambda: audits.running(quiet, second.admin), 10, "the round runs")
        during = p99(quiet)
        assert audits.running(quiet, second.admin), "the round was over too early"
        audits.completed_after(quiet, second.admin, start)
        ratios.append(during / without)
    print("ratios:", " ".join(f"{ratio:.2f}" for ratio in ratios))
    assert statistics.median(ratios) <= 1.5, ratios
