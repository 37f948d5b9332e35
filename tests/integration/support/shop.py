"""The shop as a customer sees it, and the oracle: what the answers must be, worked out from the tables."""

import itertools
import json
import re
import uuid

import requests

from .calls import SAMPLE_TOKEN, SERVICES
from .wait import eventually

ITEM_FIELDS = ("id", "name", "broadcaster", "category", "price")
NEWS_S = 1.0     # a change is seen at the neighbours within this time
GRACE_S = 4.0    # more of it, because a test machine is shared and Python is slow
_numbers = itertools.count(1001)

_DEGRADED = re.compile(r"[a-z]+(;age=\d+)?(, [a-z]+(;age=\d+)?)*")


def compact(value):
    """<value> as JSON the way the services write it: no blanks, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def degraded(reply):
    """The Degraded header as {domain: age or None}; {} when it is absent. Fails on a malformed one."""
    text = reply.headers.get("Degraded")
    if text is None:
        return {}
    assert _DEGRADED.fullmatch(text), f"malformed Degraded: {text!r}"
    parts = [part.partition(";age=") for part in text.split(", ")]
    return {name: int(age) if age else None for name, _, age in parts}


def assert_problem(reply, status):
    """<reply> (of requests) is an RFC 9457 problem document for <status>."""
    assert reply.status_code == status, f"{reply.status_code}: {reply.text[:300]}"
    assert reply.headers["Content-Type"].split(";")[0] == "application/problem+json"
    document = reply.json()
    assert document["status"] == status
    assert document["title"] and isinstance(document["title"], str)
    assert isinstance(document.get("type", "about:blank"), str)
    if status == 503:
        assert int(reply.headers["Retry-After"]) >= 0


def assert_empty(reply, status):
    """<reply> is exactly the JSON object {} with <status>."""
    assert (reply.status_code, reply.content) == (status, b"{}"), f"{reply.status_code}: {reply.text[:300]}"
    assert reply.headers["Content-Type"].split(";")[0] == "application/json"


class Person:
    """A user of the shop with a token."""

    def __init__(self, stack, user_id, token):
        self.stack, self.id, self.token = stack, user_id, token

    def get(self, service, path="/", **more):
        return self.stack.get(service, path, self.token, **more)

    def set_alarm(self, item_id):
        return self.stack.post("alarm_svc", "/", self.token, json={"item_id": str(item_id)})

    def unset_alarm(self, item_id):
        return self.stack.delete("alarm_svc", "/", self.token, json={"item_id": str(item_id)})

    def visit(self, *item_ids, service="item_svc"):
        for item_id in item_ids:
            reply = self.get(service, f"/{item_id}")
            assert reply.status_code == 200, reply.text

    def payload(self, service, path="/"):
        reply = self.get(service, path)
        assert reply.status_code == 200, f"{service}{path}: {reply.status_code} {reply.text[:300]}"
        return reply.json()["payload"]

    def flags(self, service="item_svc"):
        """{item id: is_alarm_set} of the item list."""
        return {item["id"]: item["is_alarm_set"] for item in self.payload(service)}

    def flagged(self, service="item_svc"):
        """Ids of the items that the item list shows with an alarm."""
        return {item_id for item_id, flag in self.flags(service).items() if flag}

    def flagged_visits(self):
        """Ids of the visited items that are shown with an alarm."""
        return {item["id"] for item in self.payload("user_svc", "/visit") if item["is_alarm_set"]}

    def alarm_ids(self, service="alarm_svc"):
        return [item["id"] for item in self.payload(service)]

    def visit_ids(self, service="user_svc"):
        return [item["id"] for item in self.payload(service, "/visit")]

    def known(self):
        """Waits until the neighbours know this user."""
        eventually(lambda: self.get("item_svc").status_code == 200 and self.get("alarm_svc").status_code == 200,
                   NEWS_S + GRACE_S, f"user {self.id} is known at the neighbours")
        return self


def sample(stack):
    """The sample user of the documentation, id 10."""
    return Person(stack, 10, SAMPLE_TOKEN)


def visited_by_sample(stack):
    """Makes item 50 the sample user's last visit: a test that looks at item 50 again then changes nothing."""
    person = sample(stack)
    person.visit(50)
    eventually(lambda: person.visit_ids()[:1] == [50], NEWS_S + GRACE_S, "the sample user's visit arrived")


def new_person(stack, token=None):
    """Adds a user by SQL and waits until the neighbours know it. Its rows go with remove_person()."""
    number = next(_numbers)
    token = token or str(uuid.uuid4())
    stack.sql("user", f"INSERT INTO user (id, name, access_token) VALUES ({number}, '시험{number}', '{token}')")
    return Person(stack, number, token).known()


def remove_person(person):
    person.stack.sql("alarm", f"DELETE FROM alarm WHERE user_id = {person.id}")
    person.stack.sql("user", f"DELETE FROM user WHERE id = {person.id}")


def new_item(stack, name=None, price=1000):
    """Adds an item by SQL and returns its id (above 1000)."""
    number = next(_numbers)
    name = (name or f"시험 상품 {number}").replace("\\", "\\\\").replace("'", "''")
    stack.sql("item", "INSERT INTO item (id, name, broadcaster, category, price) "
                      f"VALUES ({number}, '{name}', 'testmall', '시험', {price})")
    return number


def remove_item(stack, item_id):
    stack.sql("item", f"DELETE FROM item WHERE id = {item_id}")


def visible_everywhere(person, item_id):
    """Waits until alarm_svc and user_svc know the item: an alarm on it can be set, a visit is listed."""
    eventually(lambda: person.set_alarm(item_id).status_code == 201, NEWS_S + GRACE_S, "alarm_svc knows the item")
    assert person.unset_alarm(item_id).status_code == 200


class Truth:
    """The tables at one moment, and what the services must answer from them."""

    def __init__(self, stack, user_limit=12):
        self.items = [dict(zip(ITEM_FIELDS, row)) for row in
                      stack.rows("item", f"SELECT {','.join(ITEM_FIELDS)} FROM item ORDER BY id DESC")]
        self.users = stack.rows("user", "SELECT id, name, access_token FROM user ORDER BY id DESC")
        self.people = [Person(stack, row[0], row[2]) for row in self.users[-user_limit:]]
        wanted = ",".join(str(person.id) for person in self.people) or "0"
        self.alarms = {}
        for user_id, item_id in stack.rows("alarm", f"SELECT user_id, item_id FROM alarm WHERE user_id IN ({wanted})"):
            self.alarms.setdefault(user_id, set()).add(item_id)
        self.visits = {}
        for user_id, item_id in stack.rows("user", f"SELECT user_id, item_id FROM visit WHERE user_id IN ({wanted}) "
                                                   "ORDER BY visited_us DESC, event_id DESC"):
            self.visits.setdefault(user_id, []).append(item_id)

    def item_list(self, user_id):
        mine = self.alarms.get(user_id, set())
        return [{**item, "is_alarm_set": item["id"] in mine} for item in self.items]

    def alarm_list(self, user_id):
        return [item for item in self.item_list(user_id) if item["is_alarm_set"]]

    def visit_list(self, user_id):
        """The last three visited: items that are gone skipped first, then runs collapsed."""
        by_id = {item["id"]: item for item in self.item_list(user_id)}
        known = [item_id for item_id in self.visits.get(user_id, []) if item_id in by_id]
        return [by_id[item_id] for item_id, _ in itertools.groupby(known)][:3]

    def user_list(self):
        return [dict(zip(("id", "name", "access_token"), row)) for row in self.users]

    def wrong(self, services=SERVICES, unknown=False, marked=False):
        """Where the answers of <services> differ from the tables: a list of texts, empty when all is right.

        <unknown>: an answer may also be 503, and a flag null; what is said must still be right.
        <marked>: likewise, and an answer with Degraded may be of earlier.
        """
        found = []
        for person in self.people:
            for service, path, expected in self._expectations(person, services):
                found += _difference(person, service, path, expected, unknown or marked, marked)
        return found

    def _expectations(self, person, services):
        if "item_svc" in services:
            yield "item_svc", "/", self.item_list(person.id)
        if "alarm_svc" in services:
            yield "alarm_svc", "/", self.alarm_list(person.id)
        if "user_svc" in services:
            yield "user_svc", "/", self.user_list()
            yield "user_svc", "/visit", self.visit_list(person.id)

    def assert_right(self, services=SERVICES, unknown=False, marked=False):
        wrong = self.wrong(services, unknown, marked)
        assert not wrong, "\n".join(wrong[:10])


def _difference(person, service, path, expected, unknown, marked):
    where = f"{service}{path} for user {person.id}"
    try:
        reply = person.get(service, path)
    except requests.RequestException as error:
        return [f"{where}: {type(error).__name__}"]
    if reply.status_code != 200:
        return [] if unknown and reply.status_code == 503 else [f"{where}: {reply.status_code} {reply.text[:200]}"]
    if marked and degraded(reply):
        return []
    document = reply.json()
    if document["count"] != len(expected) or len(document["payload"]) != len(expected):
        return [f"{where}: {document['count']} {[row['id'] for row in document['payload']]} "
                f"instead of {[row['id'] for row in expected]}"]
    return [f"{where}: {got} instead of {want}" for got, want in zip(document["payload"], expected)
            if got != want and not (unknown and got == {**want, "is_alarm_set": None})]


def settled(stack, timeout_s=30, services=SERVICES):
    """Waits until every answer agrees with the tables as they are now."""
    eventually(lambda: Truth(stack).assert_right(services) is None, timeout_s, "all answers agree with the tables")
