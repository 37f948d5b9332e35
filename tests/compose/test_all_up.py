"""Everything up: it works, as its users see it, and each container may do no more than it must."""

import json
import os
import signal

import pytest

from containers import PARTS
from expected import assert_as_expected
from support.calls import DOMAINS, SERVICES
from support.shop import NEWS_S, GRACE_S, degraded, new_person, remove_person, sample, settled
from support.stack import ROOT
from support.wait import eventually

OURS = (*SERVICES, "gateway")
ADMIN_PORT = {"item_svc": 9501, "alarm_svc": 9601, "user_svc": 9701, "gateway": 8404}


def test_all_up(shop):
    """Everything answers as documented, and every container says that it is healthy."""
    eventually(lambda: assert_as_expected(shop) is None, 30, "all as documented")
    settled(shop)
    for part in PARTS:
        eventually(lambda: shop.inspect(part, "{{.State.Health.Status}}") == "healthy", 60, f"{part} is healthy")


def test_events_flow(shop):
    """An alarm set and unset, a change by hand in SQL, visits: seen by the neighbours, through the gateway too."""
    person, news = new_person(shop), NEWS_S + GRACE_S
    assert person.set_alarm(33).status_code == 201
    eventually(lambda: person.flagged() == {33}, news, "the alarm is seen in the item list")
    shop.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id} AND item_id = 33")
    eventually(lambda: person.flagged() == set(), news, "the alarm is gone")
    for item in (1, 2, 2, 3):
        assert shop.get("gateway", f"/items/{item}", person.token).status_code == 200
    assert [row["id"] for row in shop.get("gateway", "/users/visit", person.token).json()["payload"]] == [3, 2, 1], "at once, there"
    eventually(lambda: person.visit_ids() == [3, 2, 1], news, "the visits have arrived")
    assert degraded(person.get("item_svc")) == {}
    remove_person(person)


@pytest.mark.parametrize("domain", DOMAINS)
def test_databases_are_migrated(shop, domain):
    """The given tables, then every migration; the service's account has its password and only its own rights."""
    files = sorted(path.name for path in (ROOT / f"{domain}_svc" / "schema" / "migrations").glob("*.sql"))
    assert [row[0] for row in shop.sql(domain, "SELECT name FROM schema_migration ORDER BY version")] == files
    grants = [row[0] for row in shop.sql(domain, f"SHOW GRANTS FOR {domain}_svc@'%'")]
    assert not [grant for grant in grants if "ALL PRIVILEGES" in grant or "CREATE" in grant or "DROP" in grant], grants
    assert shop.execute(f"{domain}_db", "/docker-entrypoint-initdb.d/2_migrate.sh") == "", "nothing is left to be applied"


def test_published_ports(shop):
    """Only the three APIs and the gateway are published, and only on 127.0.0.1."""
    for part in PARTS:
        ports = json.loads(shop.inspect(part, "{{json .HostConfig.PortBindings}}")) or {}
        hosts = [binding["HostIp"] for bindings in ports.values() for binding in bindings]
        assert hosts == (["127.0.0.1"] if part in OURS else []), f"{part}: {ports}"


@pytest.mark.parametrize("part", OURS)
def test_programs_may_do_nothing_more(shop, part):
    """Our programs run without root, without capabilities, and write to their volume and /tmp alone; all have limits."""
    status = shop.execute(part, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == 0 and int(fields["CapBnd"], 16) == 0 and fields["NoNewPrivs"] == "1"
    writable = "touch /tmp/x" + ("" if part == "gateway" else " /var/spool/moa/x && rm /var/spool/moa/x")
    shop.execute(part, "sh", "-c", writable + " && ! touch /x /etc/x /usr/local/bin/x 2>/dev/null")
    assert int(shop.inspect(part, "{{.HostConfig.Memory}}")) > 0 and int(shop.inspect(part, "{{.HostConfig.PidsLimit}}")) > 0


def reaches(shop, part, host, port):
    words = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{host}/{port} && echo yes; true"]
    try:
        return "yes" in shop.execute(part, *words)
    except AssertionError:      # timeout's own status
        return False


def test_a_service_reaches_its_own_stores_only(shop):
    """The network lets a service to its own database and Redis and to Kafka, and to no neighbour's."""
    for domain in DOMAINS:
        for other in DOMAINS:
            for store, port in (("db", 3306), ("redis", 6379)):
                assert reaches(shop, f"{domain}_svc", f"{other}_{store}", port) == (domain == other), f"{domain}_svc, {other}_{store}"
        assert reaches(shop, f"{domain}_svc", "kafka", 9092)


@pytest.mark.parametrize("part", [pytest.param(part, marks=[] if part == "item_svc" else pytest.mark.slow) for part in PARTS])
def test_what_dies_by_itself_is_started_again(whole, part):
    """The process killed from outside, as by a crash: the restart policy brings it back."""
    before = whole.inspect(part, "{{.State.StartedAt}}")
    os.kill(int(whole.inspect(part, "{{.State.Pid}}")), signal.SIGKILL)
    eventually(lambda: whole.inspect(part, "{{.State.Running}} {{.State.StartedAt}}") not in (f"true {before}", f"false {before}"), 30,
               f"{part} is started again")
    whole.healthy()
    settled(whole)


@pytest.mark.slow
def test_data_outlives_the_containers(whole):
    """`down` without -v removes containers, not data: alarms, visits and what Redis and Kafka hold are there again."""
    person = sample(whole)
    assert person.set_alarm(21).status_code == 201
    visits = person.visit_ids()
    assert visits
    try:
        whole.compose("down", "--timeout", "10")
        whole.ids.clear()
        whole.up()
        whole.healthy()
        assert 21 in person.alarm_ids() and 21 in person.flagged() and person.visit_ids() == visits
    finally:
        assert person.unset_alarm(21).status_code == 200
        settled(whole)
