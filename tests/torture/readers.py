"""Clients that read: what each answer says about each register is given to the checker."""

import json
import random
import time

import visits
from checker import PHANTOM, REFUSED, UNCLEAN, Read, Watcher
from client import Client, Memory
from promises import UNAVAILABLE, clean, promised
from scene import FLAGGED, PASSING, PRICED

TOKEN_LIMIT_S = 25      # facts are kept 30 s
STALL_SEEN_S = 0.4
PLURAL = {"item": "items", "alarm": "alarms", "user": "users"}


class Reader:
    """One client of one user over one path. <writes>: the same client writes the user's alarms and visits."""

    def __init__(self, scene, user_id, token, through_gateway, with_memory=False, writes=False):
        self.scene, self.user_id, self.writes = scene, user_id, writes
        self.client = Client(scene.ports, token, through_gateway, Memory() if with_memory else None)
        self.remembers = through_gateway or with_memory
        self.watchers = {domain: Watcher(scene.violations) for domain in PLURAL}
        self.last_read = dict.fromkeys(PLURAL, 0.0)
        self.reads = self.judged_2xx = self.failed = self.marked = self.unknown_flags = self.late_visits = self.unreached = self.direct = 0

    # --- asking ----------------------------------------------------------------------------------

    def ask(self, kind, method, domain, path="/", body=None):
        """One request, judged for its status."""
        health = self.scene.health
        answer = self.client.ask(method, domain, path, body)
        self.reads += method == "GET"
        must, done = promised(health, domain, kind, answer.begin, self.client.through_gateway), 200 <= answer.status < 300
        self.judged_2xx += must
        if not done:
            fits = clean(health, domain, answer.status, answer.begin, self.client.through_gateway)
            self.failed += fits is not None
            if must or fits is False:
                self._refused(REFUSED if must else UNCLEAN, kind, method, domain, path, answer)
        self._count_cut_off(domain, done, answer)
        self.marked += bool(answer.degraded)
        return answer

    def _count_cut_off(self, domain, done, answer):
        """What became of requests to a service that runs and that the gateway does not reach."""
        health, service = self.scene.health, f"{domain}_svc"
        if f"gateway-{service}" in health.broken and health.intact(service, answer.begin):
            self.unreached += self.client.through_gateway and health.intact("gateway", answer.begin) and answer.status in UNAVAILABLE[True]
            self.direct += not self.client.through_gateway and done

    def _refused(self, violation, kind, method, domain, path, answer):
        time.sleep(STALL_SEEN_S)    # a stall is known only at the next beat
        if self.scene.stalls.between(answer.begin - 1, answer.end + STALL_SEEN_S):
            self.scene.excused += 1
            return
        self.scene.violations.add(violation, f"{method} {self.client.where(domain, path)} ({kind}) [{answer.begin:.3f}–{answer.end:.3f}]: {answer}; "
                                           f"broken: {sorted(self.scene.health.broken)}")

    def items(self):
        answer = self.ask("list", "GET", "item")
        if answer.status == 200:
            found = {item["id"]: item for item in self._payload(answer)}
            self.judge("item", "/", answer, lambda see: self._see_items(found, see))

    def alarms(self):
        answer = self.ask("list", "GET", "alarm")
        if answer.status == 200:
            listed = {item["id"] for item in self._payload(answer)}
            self.judge("alarm", "/", answer, lambda see: [see(("alarm", self.user_id, item), item in listed, "alarm") for item in FLAGGED])

    def visits(self):
        answer = self.ask("visits", "GET", "user", "/visit")
        if answer.status == 200:
            shown = self._payload(answer)
            self.judge("user", "/visit", answer, lambda see: self._see_visits(shown, see))

    def users(self):
        answer = self.ask("list", "GET", "user")
        if answer.status == 200:
            rows = self._payload(answer)
            self.judge("user", "/", answer, lambda see: [see(("user", row["id"]), (row["name"], row["access_token"]), "user") for row in rows])

    def detail(self, item_id):
        """One item, which is a visit as well: the caller records it. Returns the answer."""
        answer = self.ask("detail", "GET", "item", f"/{item_id}")
        if answer.status == 200:
            row = answer.json()["payload"]
            self.judge("item", f"/{item_id}", answer, lambda see: self._see_flag(row, see))
        return answer

    def read_something(self, choice):
        """One read, by chance."""
        choice.choice((self.items, self.items, self.alarms, self.visits, self.users))()

    # --- judging -----------------------------------------------------------------------------------

    def _payload(self, answer):
        document = json.loads(answer.body)
        if document["count"] != len(document["payload"]):
            self.scene.violations.add(PHANTOM, f"count {document['count']} of {len(document['payload'])} rows")
        return document["payload"]

    def judge(self, domain, path, answer, look):
        """Gives every register that <look> finds in the answer to this path's watcher."""
        health, watcher = self.scene.health, self.watchers[domain]
        if self.remembers and health.gateway_lost > self.last_read[domain]:
            watcher.forget()
        where, since = self.client.where(domain, path), health.since(answer.begin)
        if since is not None and self.scene.stalls.between(answer.begin - health.bound_s, answer.end):
            since = None
        own = max(answer.begin - TOKEN_LIMIT_S, health.gateway_lost) if self.writes and self.remembers else None
        broken = {of: self._was_broken(of) if of == domain else not health.intact(f"{domain}_redis", self.last_read[domain]) for of in PLURAL}

        def see(key, value, of):
            register = self.scene.history.get(key)
            if register is None:
                return
            if key[0] == "visits" and since is None and not register.dirty:
                if visits.came_late(value, register):
                    self.late_visits += 1
                    return
            excused = PLURAL[of] in answer.degraded and broken[of]
            watcher.see(register, value, Read(where, answer.begin, answer.end, since, excused, own if key[0] in self.scene.told else None))

        look(see)
        self.last_read[domain] = answer.begin

    def _was_broken(self, domain):
        """The service answers with its stand-in while it has no connection to its database: also just after it was started."""
        return not all(self.scene.health.intact(f"{domain}_{kind}", self.last_read[domain]) for kind in ("db", "svc"))

    def _see_flag(self, row, see):
        if row["is_alarm_set"] is None:
            self.unknown_flags += 1
        else:
            see(("alarm", self.user_id, row["id"]), row["is_alarm_set"], "alarm")

    def _see_items(self, found, see):
        for item_id in FLAGGED:
            if item_id in found:
                self._see_flag(found[item_id], see)
            else:
                self.scene.violations.add(PHANTOM, f"item {item_id} is not in the item list")
        for item_id in (*PRICED, *PASSING):
            row = found.get(item_id)
            see(("item", item_id), row and (row["name"], row["price"]), "item")

    def _see_visits(self, shown, see):
        see(("visits", self.user_id), tuple(row["id"] for row in shown), "user")
        for row in shown:
            self._see_flag(row, see)


def run_readers(scene, seed):
    """Reads as one user after the other, over both paths, until the run ends; for a thread."""
    choice = random.Random(seed)
    readers = [Reader(scene, user_id, token, through) for user_id, token in scene.users.items() for through in (False, True)]
    scene.readers.extend(readers)
    while not scene.ending.is_set():
        reader = choice.choice(readers)
        for _ in range(choice.randint(1, 4)):
            reader.read_something(choice)
        time.sleep(0.01)
