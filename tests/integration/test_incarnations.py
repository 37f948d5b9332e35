"""Logs and databases that are wiped, recreated or restored, and relays that die or freeze."""

import shutil
import subprocess
import time

import pytest

from support import metrics
from support.chaos import Writer
from support.kafka import delete_topic, records, topics
from support.shop import GRACE_S, NEWS_S, Truth, assert_empty, new_person, remove_person, settled
from support.stack import DOMAINS, ROOT
from support.wait import eventually, throughout

slow = pytest.mark.slow
HEALED_S = 60
TOPIC = {"item": "moa.items", "alarm": "moa.alarms", "user": "moa.users"}
CHANGE = {"item": "UPDATE item SET price = price + 1 WHERE id % 3 = 0", "alarm": "DELETE FROM alarm WHERE item_id % 2 = 0",
          "user": "UPDATE user SET name = '새 이름', access_token = UUID() WHERE id = 4"}


def healed(stack):
    """Everything is healthy and right again, and news flows: one more change in each domain is seen."""
    stack.healthy()
    settled(stack, HEALED_S)
    stack.sql("item", "UPDATE item SET price = price + 1 WHERE id = 50")
    stack.sql("alarm", "DELETE FROM alarm WHERE user_id = 6")
    stack.sql("user", "UPDATE user SET access_token = UUID() WHERE id = 8")
    settled(stack, NEWS_S + GRACE_S)


def audit(stack, service):
    """Asks the owner for a full snapshot round now."""
    assert stack.request("POST", stack.admin(service), "/audit").status_code == 202


# --- logs ------------------------------------------------------------------------------------

@pytest.mark.parametrize("domain", ["alarm", pytest.param("item", marks=slow), pytest.param("user", marks=slow)])
def test_topic_deleted_and_recreated(whole, domain):
    """A topic deleted under everybody: its owner makes it anew with a snapshot, the readers start over; nothing is wrong meanwhile."""
    before = Truth(whole)
    delete_topic(whole, TOPIC[domain])
    throughout(3, lambda: before.assert_right(marked=True))
    whole.sql(domain, CHANGE[domain])
    eventually(lambda: TOPIC[domain] in topics(whole), HEALED_S, "the topic is there again")
    healed(whole)


def test_old_answers_stay_while_a_view_is_read_anew(whole):
    """The alarms' topic deleted while its owner is frozen, so that nothing fills it, then made anew and read from its start: item_svc
    says the flags that it had all along, marked as old as long as it is not sure."""
    person, calls = new_person(whole), []
    for item_id in (3, 30, 50):
        assert_empty(person.set_alarm(item_id), 201)
    eventually(lambda: person.flagged() == {3, 30, 50}, NEWS_S + GRACE_S, "the flags")
    rebuilds = ("moa_view_rebuilds_total", (("view", "alarms"),))

    def asked():
        reply = person.get("item_svc")
        assert reply.status_code == 200
        assert {item["id"] for item in reply.json()["payload"] if item["is_alarm_set"]} == {3, 30, 50}
        calls.append("alarms" in reply.headers.get("Degraded", ""))
        return calls[-1]

    def rebuilt():
        return metrics.parse(whole.request("GET", whole.admin("item_svc"), "/metrics").text)[rebuilds]

    before = rebuilt()
    whole.pause("alarm_svc")
    delete_topic(whole, "moa.alarms")
    eventually(asked, 10, "the answer is marked")
    throughout(2, asked)
    whole.unpause("alarm_svc")
    end = time.monotonic() + HEALED_S
    while asked() or rebuilt() == before:
        assert time.monotonic() < end, "neither marked no more nor read anew"
    assert calls.count(True) > 20
    remove_person(person)
    healed(whole)


@slow
def test_visits_topic_deleted_and_recreated(whole):
    """The visits' topic deleted: visits made before and after are stored once."""
    person = new_person(whole)
    person.visit(1, 2)
    eventually(lambda: person.visit_ids() == [2, 1], 5, "the first visits")
    delete_topic(whole, "moa.visits")
    person.visit(3)
    eventually(lambda: person.visit_ids() == [3, 2, 1], HEALED_S, "the visit after it")
    person.visit(4, 5)
    eventually(lambda: person.visit_ids() == [5, 4, 3], 10, "later visits")
    rows = whole.sql("user", f"SELECT item_id FROM visit WHERE user_id = {person.id} ORDER BY visited_us")
    assert [int(row[0]) for row in rows] == [1, 2, 3, 4, 5]
    remove_person(person)


def test_kafkas_data_wiped(whole):
    """Kafka comes back without its data; rows deleted meanwhile go from the neighbours too."""
    whole.stop("kafka")
    shutil.rmtree(whole.data("kafka"))
    for domain in DOMAINS:
        whole.sql(domain, CHANGE[domain])
    whole.sql("item", "DELETE FROM item WHERE id = 13")
    whole.start("kafka")
    healed(whole)


# --- databases -------------------------------------------------------------------------------

def schema_file(domain):
    return (ROOT / f"{domain}_svc" / "schema" / "init_database.sql").read_text()


def recreate(stack, domain):
    """Drops the domain's database and makes it again from its SQL, as at the first start."""
    stack.script(domain, f"DROP DATABASE {domain}; CREATE DATABASE {domain} CHARACTER SET utf8mb4; USE {domain};\n"
                 + schema_file(domain))
    stack.run("migrate", domain)


@pytest.mark.parametrize("domain", ["alarm", pytest.param("item", marks=slow), pytest.param("user", marks=slow)])
def test_database_dropped_and_recreated(whole, domain):
    """A database re-created from its SQL under running services: the neighbours follow to the sample data."""
    person = new_person(whole)
    whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (1, {person.id}), (2, 10), (50, 10)")
    whole.sql("item", "UPDATE item SET name = '바뀐 이름' WHERE id = 9")
    settled(whole)
    recreate(whole, domain)
    healed(whole)


@pytest.mark.parametrize("domain", ["alarm", pytest.param("user", marks=slow)])
def test_database_volume_recreated(whole, domain):
    """The data folder of a stopped database removed: it is initialised anew, and the neighbours follow."""
    whole.sql(domain, CHANGE[domain])
    settled(whole)
    whole.kill(f"{domain}_db")
    shutil.rmtree(whole.data(f"{domain}_db"))
    whole.start(f"{domain}_db")
    healed(whole)


def dump(stack, domain):
    """A mysqldump of the domain's schema, triggers and all."""
    path, user = stack.admin_account(domain)
    return subprocess.run(["mysqldump", "--no-defaults", f"--socket={path}", f"--user={user}", "--single-transaction", "--triggers",
                           "--routines", "--default-character-set=utf8mb4", domain],
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60, check=True).stdout


@pytest.mark.parametrize("domain,running", [("alarm", True), pytest.param("alarm", False, marks=slow), pytest.param("item", True, marks=slow),
                                            pytest.param("user", True, marks=slow)])
def test_database_restored_from_a_dump(whole, domain, running):
    """A database restored from a dump of earlier, with its service running or not: versions move on, neighbours follow."""
    saved = dump(whole, domain)
    whole.sql(domain, CHANGE[domain])
    settled(whole)
    if not running:
        whole.stop(f"{domain}_svc")
    whole.script(domain, saved)
    if not running:
        whole.start(f"{domain}_svc")
    healed(whole)


def test_database_files_restored(whole, tmp_path):
    """The data folder of yesterday put back: versions move on, snapshot, the neighbours follow."""
    whole.stop("alarm_db")
    shutil.copytree(whole.data("alarm_db"), tmp_path / "saved", symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
    whole.start("alarm_db")
    whole.healthy()
    whole.sql("alarm", CHANGE["alarm"])
    whole.sql("alarm", "INSERT IGNORE INTO alarm (item_id, user_id) VALUES (50, 10), (49, 10)")
    settled(whole)
    whole.kill("alarm_db")
    shutil.rmtree(whole.data("alarm_db"))
    shutil.copytree(tmp_path / "saved", whole.data("alarm_db"), symlinks=True)
    subprocess.run(["chown", "-R", f"--reference={tmp_path / 'saved'}", str(whole.data("alarm_db"))], check=True)
    whole.start("alarm_db")
    healed(whole)


def test_truncate_is_healed_by_a_round(whole):
    """TRUNCATE fires no trigger; a snapshot round tells the neighbours, and a second one leaves all as it is."""
    whole.sql("alarm", "TRUNCATE TABLE alarm")
    audit(whole, "alarm_svc")
    settled(whole, HEALED_S)
    assert Truth(whole).alarms == {}
    whole.sql("alarm", "INSERT INTO alarm (item_id, user_id) VALUES (3, 10), (4, 9)")
    settled(whole, NEWS_S + GRACE_S)
    audit(whole, "alarm_svc")
    throughout(3, Truth(whole).assert_right)


def test_round_while_people_write(whole):
    """Snapshot rounds of all owners during writes: nothing lost, nothing brought back."""
    with Writer(whole, [1, 2, 3, 4, 5], seed=7):
        for service in ("alarm_svc", "item_svc", "user_svc", "alarm_svc"):
            audit(whole, service)
            throughout(1, lambda: whole.get("item_svc").raise_for_status())
    settled(whole)


def without_triggers(stack, domain, text):
    """Runs <text> while the domain's triggers are gone; the migrations make them again."""
    triggers = stack.sql(domain, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
    drops = "".join(f"DROP TRIGGER {name};" for name, in triggers)
    stack.script(domain, f"{drops} {text};")
    stack.run("migrate", domain)


def missing_triggers(stack, service):
    samples = metrics.parse(stack.request("GET", stack.admin(service), "/metrics").text)
    return metrics.total(samples, "moa_outbox_triggers_missing")


@slow
def test_triggers_that_come_back_bring_what_was_changed_without_them(whole):
    """The owner notices that its triggers are gone and that they are back, and sends everything anew: no audit has to come by first."""
    triggers = whole.sql("item", "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
    whole.script("item", "".join(f"DROP TRIGGER {name};" for name, in triggers))
    eventually(lambda: missing_triggers(whole, "item_svc") > 0, 20, "item_svc says that triggers are missing")
    whole.post("alarm_svc", json={"item_id": "21"})
    whole.sql("item", "UPDATE item SET price = 7654321 WHERE id = 21")
    whole.run("migrate", "item")
    eventually(lambda: 7654321 in [item["price"] for item in whole.get("alarm_svc").json()["payload"]], 30, "alarm_svc has the new price")
    settled(whole)


def divergences(stack, service):
    samples = metrics.parse(stack.request("GET", stack.admin(service), "/metrics").text)
    return metrics.total(samples, r"\w*divergence\w*")


def test_wrong_row_at_the_neighbours_is_found_and_repaired(whole):
    """A change that no trigger saw: a round finds the divergence, counts it and repairs it."""
    before = {service: divergences(whole, service) for service in ("alarm_svc", "user_svc")}
    without_triggers(whole, "item", "UPDATE item SET price = price + 5 WHERE id = 20")
    audit(whole, "item_svc")
    settled(whole, HEALED_S)
    for service, count in before.items():
        eventually(lambda: divergences(whole, service) > count, 10, f"{service} counts the divergence")


# --- relays ----------------------------------------------------------------------------------

@pytest.mark.parametrize("times", [4, pytest.param(20, marks=slow)])
def test_relay_killed_between_publish_and_delete(whole, times):
    """The owner killed again and again while its table is written: afterwards nothing lost, twice or out of order."""
    with Writer(whole, [1, 2, 3, 4, 5], seed=times) as writer:
        for _ in range(times):
            goal = writer.writes + 150
            eventually(lambda: writer.writes > goal and whole.sql("alarm", "SELECT 1 FROM outbox LIMIT 1"), 20, "rows in the outbox")
            whole.kill("alarm_svc")
            whole.start("alarm_svc")
    whole.healthy()
    settled(whole)


@pytest.mark.parametrize("name", ["alarm_db", "kafka", "item_redis", pytest.param("item_svc", marks=slow),
                                  pytest.param("alarm_redis", marks=slow)])
def test_killed_while_people_write(whole, name):
    """Each part on the way killed during writes and started again: the neighbours end where the table ends."""
    with Writer(whole, [1, 2, 3, 4, 5], seed=11) as writer:
        for _ in range(2):
            whole.kill(name)
            whole.start(name)
            goal = writer.writes + 50
            eventually(lambda: writer.writes > goal, 20, "writes go on")
    whole.healthy()
    settled(whole)


def test_frozen_relay(whole):
    """The relay's holder frozen: the second instance takes over; the first, awake again, does no harm."""
    second = whole.second("alarm_svc")
    person = new_person(whole)
    with Writer(whole, [1, 2, 3], seed=5):
        whole.pause("alarm_svc")
        whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (50, {person.id})")
        eventually(lambda: person.flagged() == {50}, 4 + GRACE_S, "the second instance publishes")
        whole.unpause("alarm_svc")
        whole.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id}")
        eventually(lambda: person.flagged() == set(), 4 + GRACE_S, "still published")
        second.pause()
        whole.sql("alarm", f"INSERT INTO alarm (item_id, user_id) VALUES (49, {person.id})")
        eventually(lambda: person.flagged() == {49}, 4 + GRACE_S, "the first instance publishes again")
        second.unpause()
    remove_person(person)
    settled(whole)


# --- two instances ---------------------------------------------------------------------------

def news_at(stack, service, base, person):
    """A change that the instance <service> at <base> must see or spread; waits until it shows."""
    if service == "item_svc":
        assert_empty(person.set_alarm(42), 201)
        eventually(lambda: person.flagged(base) == {42}, 4 + GRACE_S, "the alarm shows at the other item_svc")
        person.visit(33, service=base)
        eventually(lambda: person.visit_ids()[:1] == [33], 4 + GRACE_S, "its visit arrives")
    elif service == "alarm_svc":
        assert_empty(stack.post(base, token=person.token, json={"item_id": "42"}), 201)
        assert person.alarm_ids(base) == [42]
        eventually(lambda: person.flagged() == {42}, 4 + GRACE_S, "the alarm shows at item_svc")
        stack.sql("item", "UPDATE item SET price = 4242 WHERE id = 42")
        eventually(lambda: person.payload(base)[0]["price"] == 4242, 4 + GRACE_S, "the price shows at the other alarm_svc")
    else:
        person.visit(33)
        eventually(lambda: person.visit_ids(base)[:1] == [33], 4 + GRACE_S, "the visit shows at the other user_svc")
        new_person_known = new_person(stack)
        eventually(lambda: stack.get("item_svc", token=new_person_known.token).status_code == 200, 4 + GRACE_S, "a new user is known")
        remove_person(new_person_known)


@pytest.mark.parametrize("service,how", [("item_svc", "pause"), ("alarm_svc", "kill"), ("user_svc", "kill"),
                                         pytest.param("item_svc", "kill", marks=slow), pytest.param("alarm_svc", "pause", marks=slow),
                                         pytest.param("user_svc", "pause", marks=slow)])
def test_two_instances_and_one_killed_or_frozen(whole, service, how):
    """Two instances side by side: with one killed or frozen, news keep flowing through the other within seconds."""
    person = new_person(whole)
    second = whole.second(service)
    eventually(lambda: whole.get(second.url).status_code == 200 and "Degraded" not in whole.get(second.url).headers, 15,
               "the second instance is healthy")
    getattr(whole, how)(service)
    news_at(whole, service, second.url, person)
    whole.start(service)
    whole.unpause(service)
    whole.healthy()
    second.kill()
    person.unset_alarm(42)
    eventually(lambda: person.flagged() == set() and person.get("item_svc").status_code == 200, 4 + GRACE_S, "the first instance alone")
    remove_person(person)
    settled(whole)


# --- what is in the log ----------------------------------------------------------------------

def test_records_are_as_documented(whole):
    """Headers follow the CloudEvents binding plus version; versions of 16 digits grow per key; marks name the log."""
    person = new_person(whole)
    person.set_alarm(50)
    eventually(lambda: person.flagged() == {50}, 5, "the alarm shows")
    person.unset_alarm(50)
    eventually(lambda: person.flagged() == set(), 5, "its removal shows")
    found = records(whole, "moa.alarms")
    mine = [record for record in found if record["key"] == f"{person.id}:50"]
    assert [record["payload"] is None or record["payload"] == "" for record in mine][-2:] == [False, True]
    versions = []
    for record in mine:
        headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
        assert {"ce_id", "ce_type", "ce_source", "ce_time", "version"} <= set(headers)
        assert len(headers["version"]) == 16 and headers["version"].isdigit()
        versions.append(headers["version"])
    assert versions == sorted(set(versions))
    assert any(record["key"] == "~mark" for record in found)
    remove_person(person)


def test_tokens_are_never_in_kafka(whole):
    """users' records hold the token's hash, never the token."""
    tokens = [row[0] for row in whole.sql("user", "SELECT access_token FROM user")]
    for topic in ("moa.users", "moa.visits", "moa.alarms", "moa.items"):
        text = "\n".join(str(record) for record in records(whole, topic))
        assert text and not [token for token in tokens if token in text]
