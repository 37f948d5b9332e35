"""Two instances of each service: who does what, takeovers, and restarts that nobody notices."""

import itertools
import os
import signal
import statistics
import threading
import time

import pytest
import requests

from support.chaos import Writer
from support.instances import JOBS, Load, alarm_in_redis, doing, gauges, holder, instances, start_second, well
from support.kafka import records
from support.shop import GRACE_S, settled
from support.stack import SERVICES
from support.wait import eventually, throughout
from support.wire import Wire, message

slow = pytest.mark.slow
GAUGES = ("moa_relay_leader", "moa_view_active", "moa_inbox_leader")
LIMIT_S = {("kill", "relay"): 1, ("kill", "view"): 1, ("kill", "visits"): 1, ("freeze", "relay"): 4, ("freeze", "view"): 1,
           ("freeze", "visits"): 4}
ROUNDS = 3
SIGNAL = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


@pytest.fixture
def two(whole):
    """The whole shop with a second instance of each service."""
    start_second(whole)
    yield whole
    names = [f"{service}.2" for service in SERVICES]
    whole.unpause(*names)
    whole.stop(*names)


def strike(stack, how, name):
    """SIGKILL or SIGSTOP, without the time that a command takes."""
    if how == "kill":
        stack.expected_alive.discard(name)
    os.kill(stack.pid(name), SIGNAL[how])


def mend(stack, how, name):
    if how == "kill":
        stack.kill(name)   # returns when the port is free
        stack.start(name)
    else:
        stack.unpause(name)


# --- who does what ---------------------------------------------------------------------------

def jobs_done(stack, service):
    """{job: how many instances say that they do it}, by the metrics and by readyz."""
    told = {}
    for name in instances(service):
        for key, value in gauges(stack, name).items():
            if key[0] in GAUGES:
                told[key] = told.get(key, 0) + value
        ready = requests.get(stack.admin(name) + "/readyz", timeout=2).json()
        assert ready["kafka"] == "up", f"{name}: {ready}"
        for part in ("own", "views"):
            for domain, state in ready[part].items():
                told[part, domain] = told.get((part, domain), 0) + state["active"]
    return told


def same(wanted, found):
    assert found == wanted


@pytest.mark.parametrize("service", SERVICES)
def test_each_job_is_done_by_one(two, service):
    """Relay, each view, the store of visits: one instance of two says that it does it, and it stays so."""
    eventually(lambda: set(jobs_done(two, service).values()) == {1}, 15, "one of each")
    assert len(jobs_done(two, service)) >= 6
    throughout(2, lambda: same({1}, set(jobs_done(two, service).values())))


# --- takeovers -------------------------------------------------------------------------------

class Waiting:
    """Makes one change after the other that <job> has to carry; tells how long each waited."""

    def __init__(self, stack, person, job):
        self.stack, self.person, self.job = stack, person, job
        self.alarms, self.redis = stack.mysql("alarm").cursor(), stack.redis("item")
        self.visits, self.items = stack.mysql("user").cursor(), itertools.count(1)

    def _changed(self):
        """Makes a change; returns what is true once it has arrived."""
        if self.job == "visits":
            item = next(self.items)
            self.person.visit(item)
            return lambda: self._stored(item)
        item = next(self.items)
        self.alarms.execute(f"INSERT INTO alarm (user_id, item_id) VALUES ({self.person.id}, {item})")
        return lambda: (alarm_in_redis(self.redis, self.person.id, item) or (0, "-"))[1] == "+"

    def _stored(self, item):
        self.visits.execute(f"SELECT COUNT(*) FROM visit WHERE user_id = {self.person.id} AND item_id = {item}")
        return self.visits.fetchone()[0] == 1

    def seconds(self):
        start = time.monotonic()
        arrived = self._changed()
        while not arrived():
            assert time.monotonic() - start < 20, f"{self.job}: a change has not arrived after 20 s"
            time.sleep(0.002)
        return time.monotonic() - start


def last_is_newest(stack, topic):
    """In a compacted topic the record written last stays: of each key it must be the one with the highest version."""
    last, newest = {}, {}
    for record in records(stack, topic):
        if record["key"].startswith("~"):
            continue
        headers = dict(zip(record["headers"][::2], record["headers"][1::2]))
        last[record["key"]] = headers["version"]
        newest[record["key"]] = max(newest.get(record["key"], ""), headers["version"])
    assert last and last == newest


@pytest.mark.parametrize("how,job", [pytest.param(*case, marks=slow) if case in (("freeze", "visits"), ("kill", "view")) else case
                                     for case in LIMIT_S])
def test_takeover(two, person, how, job):
    """The instance that does a job is killed or frozen, writers go on: how long a change waits; nothing is lost or out of order.

    The limit is that of most rounds: the machine that runs the tests has other things to do.
    """
    waiting, taken, service = Waiting(two, person, job), [], JOBS[job][0]
    waiting.seconds()
    with Writer(two, [1, 2, 3, 4], seed=17):
        for _ in range(ROUNDS):
            first, other = holder(two, job)
            strike(two, how, first)
            taken.append(waiting.seconds())
            if how == "kill":
                assert doing_alone(two, job, other)
            mend(two, how, first)
            well(two, service)
            holder(two, job)
    assert statistics.median(taken) < LIMIT_S[how, job] and max(taken) < LIMIT_S[how, job] + GRACE_S, taken
    settled(two)
    last_is_newest(two, "moa.alarms")


def doing_alone(stack, job, name):
    return eventually(lambda: gauges(stack, name)[JOBS[job][1]] == 1, GRACE_S, f"{name} says that it does {job}")


def test_given_away(two, person):
    """Stopped in good order an instance gives its jobs away: changes hardly wait."""
    for job in ("relay", "view"):
        waiting = Waiting(two, person, job)
        waiting.items = itertools.count(10 if job == "relay" else 30)
        waiting.seconds()
        first, other = holder(two, job)
        stopper = threading.Thread(target=two.stop, args=(first,))
        stopper.start()
        taken = []
        while stopper.is_alive() and len(taken) < 15:
            taken.append(waiting.seconds())
            time.sleep(0.2)
        stopper.join()
        assert max(taken) < 1 + GRACE_S and statistics.median(taken) < 0.5, taken
        assert doing_alone(two, job, other)
        two.start(first)
        well(two, JOBS[job][0])
    settled(two)


# --- readers ---------------------------------------------------------------------------------

class Meanwhile(threading.Thread):
    """Runs beside what stands in a with statement, until <ending> is set at its end."""

    def __init__(self):
        super().__init__()
        self.ending = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join()


class Prices(Meanwhile):
    """Raises the price of an item by SQL, all the time."""

    def __init__(self, stack, item_id):
        super().__init__()
        self.stack, self.item_id, self.written = stack, item_id, 0

    def run(self):
        cursor = self.stack.mysql("item").cursor()
        while not self.ending.wait(0.005):
            cursor.execute(f"UPDATE item SET price = price + 1 WHERE id = {self.item_id}")
            self.written += 1


class Watch(Meanwhile):
    """Calls <look> again and again in a thread: what it returns must never get less. None is nothing."""

    def __init__(self, look):
        super().__init__()
        self.look, self.last, self.seen, self.steps = look, None, set(), []

    def run(self):
        while not self.ending.is_set():
            found = self.look()
            if found is None:
                continue
            if self.last is not None and found < self.last:
                self.steps.append((self.last, found))
            self.last = found
            self.seen.add(found)


def version_in_redis(stack, item_id):
    """Looks up the version of an item in alarm_svc's Redis."""
    client = stack.redis("alarm")
    key = next(key for key in client.scan_iter("m1:{items:*") if client.type(key) == "hash" and client.hexists(key, item_id))
    return lambda: client.hget(key, item_id)[:16]


def price_at_either(person):
    """Asks the two instances of alarm_svc in turn for the price of the only item in the user's list."""
    names = itertools.cycle(instances("alarm_svc"))

    def look():
        try:
            return person.get(next(names), timeout=1).json()["payload"][0]["price"]
        except (requests.RequestException, KeyError, IndexError):
            return None   # killed, frozen, or it starts

    return look


ITEMS_RELAY = ("item_svc", ("moa_relay_leader", (("topic", "moa.items"),)))
ITEMS_VIEW = ("alarm_svc", ("moa_view_active", (("view", "items"),)))


def test_no_reader_steps_back(two, person, items):
    """While the holders of items' relay and of alarm_svc's view of items freeze and die, what is in alarm_svc's Redis never gets
    older, and a reader who asks its instances in turn never sees an earlier price."""
    item = items(price=1)
    eventually(lambda: person.set_alarm(item).status_code == 201, GRACE_S, "the item is known")
    with Prices(two, item) as prices, Watch(version_in_redis(two, item)) as held, Watch(price_at_either(person)) as read:
        for how, (service, gauge) in itertools.product(("freeze", "kill", "freeze"), (ITEMS_RELAY, ITEMS_VIEW)):
            first = eventually(lambda: [name for name in instances(service) if gauges(two, name)[gauge] == 1], 15, "one does it")[0]
            other = next(name for name in instances(service) if name != first)
            strike(two, how, first)
            eventually(lambda: gauges(two, other)[gauge] == 1, 4 + GRACE_S, f"{other} takes over")
            mend(two, how, first)
            well(two, service)
        goal = prices.written
        eventually(lambda: read.last > goal, GRACE_S, "the last price is seen")
    assert not held.steps and not read.steps, (held.steps[:5], read.steps[:5])
    assert len(held.seen) > 30 and len(read.seen) > 20  # enough looks, on the slowest machine
    last_is_newest(two, "moa.items")


# --- visits ----------------------------------------------------------------------------------

def test_visits_of_a_killed_instance(two, person):
    """Visits that wait in the spool of a killed instance are stored once when it is started again, those of the other at once."""
    two.pause("kafka")
    for item, name in enumerate(("item_svc", "item_svc.2") * 3, 1):
        person.visit(item, service=name)
    two.kill("item_svc.2")
    two.unpause("kafka")
    eventually(lambda: person.visit_ids() == [5, 3, 1], 10 + GRACE_S, "visits of the first instance")
    two.start("item_svc.2")
    eventually(lambda: person.visit_ids() == [6, 5, 4], 10 + GRACE_S, "visits of the second")
    first, _ = holder(two, "visits")
    two.kill(first)
    person.visit(7)
    eventually(lambda: person.visit_ids(instances("user_svc")[first == "user_svc"])[0] == 7, 1 + GRACE_S, "stored by the other")
    two.start(first)
    rows = two.sql("user", f"SELECT item_id, COUNT(*) FROM visit WHERE user_id = {person.id} GROUP BY item_id ORDER BY item_id")
    assert rows == [[str(item), "1"] for item in range(1, 8)]


# --- restarts --------------------------------------------------------------------------------

def test_leaving(two, person):
    """After SIGTERM an instance says that it is not ready and serves on for a second: also what comes on a kept connection, which
    closes with the answer. A write that a gateway has just sent is not lost."""
    name, body = "alarm_svc.2", b'{"item_id":"3"}'
    with Wire(two.port(name)) as kept:
        kept.send(message("GET", "/", person.token))
        assert kept.reply().status == 200
        stopper = threading.Thread(target=two.stop, args=(name,))
        stopper.start()
        eventually(lambda: requests.get(two.admin(name) + "/readyz", timeout=2).status_code == 503, GRACE_S, "not ready")
        assert requests.get(two.admin(name) + "/healthz", timeout=2).status_code == 200
        assert person.get(name).headers["Connection"] == "close"
        kept.send(message("POST", "/", person.token, [("Content-Length", len(body))], body))
        reply = kept.reply()
        assert (reply.status, reply.headers["connection"], kept.closed()) == (201, "close", True)
        stopper.join()
    assert person.alarm_ids() == [3]
    two.start(name)


def servers_up(stack):
    """The servers that the gateway says are up."""
    text = requests.get(stack.admin("gateway") + "/;csv", timeout=5).text
    rows = [line.split(",") for line in text.splitlines()]
    state = rows[0].index("status")
    return {row[1] for row in rows[1:] if len(row) > state and row[state] == "UP"} - {"BACKEND", "FRONTEND"}


@pytest.fixture
def shared_out(two):
    """Both instances of each service behind the gateway."""
    two.stop("gateway")
    two.start("gateway")
    eventually(lambda: len(servers_up(two)) == 6, 10, "six servers are up")
    yield two
    two.stop(*(f"{service}.2" for service in SERVICES))   # a gateway knows those that are there when it starts
    two.stop("gateway")
    two.start("gateway")


CALLS = [("GET", "/items", None, 200), ("POST", "/alarms", {"item_id": "7"}, 201), ("GET", "/users/visit", None, 200),
         ("GET", "/alarms", None, 200), ("DELETE", "/alarms", {"item_id": "8"}, 200), ("GET", "/items/9", None, 200),
         ("POST", "/alarms", {"item_id": "8"}, 201), ("GET", "/users", None, 200)]


def test_rolling_restart(shared_out, person):
    """Every instance of every service is stopped and started, one after the other, and no request through the gateway fails:
    reads, writes, on kept connections."""
    with Load(shared_out.url("gateway"), person.token, CALLS, clients=8) as load:
        for name in (name for service in SERVICES for name in instances(service)):
            before = load.answers
            shared_out.stop(name)
            eventually(lambda: len(servers_up(shared_out)) == 5, 10, f"{name} is out")
            shared_out.start(name)
            eventually(lambda: len(servers_up(shared_out)) == 6, 20, f"{name} is in again")
            eventually(lambda: load.answers > before + 50, 20, "requests went on")
    assert not load.failures, f"{len(load.failures)} of {load.answers}: {load.failures[:5]}"
    assert load.answers > 500
    settled(shared_out)
