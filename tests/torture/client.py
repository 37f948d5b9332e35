"""A client of the shop on kept connections, with or without a memory for its own Consistency-Token."""

import http.client
import json
import re
import select
import socket
import time

TIMEOUT_S = {False: 5, True: 12}      # direct; through the gateway more than it gives itself for any request
VISITS_MAX = 20      # alarms need no limit here: a customer has fewer than a token can hold
FACT_LIFE_S = 30
_FACT = re.compile(r"[av]\d+=\S+")
PATHS = {"item": "/items", "alarm": "/alarms", "user": "/users"}


class Answer:
    """status 0: there was none; <sent> says whether the request may have arrived."""

    def __init__(self, begin, status=0, headers=None, body=b"", sent=True, why=""):
        self.begin, self.end = begin, time.monotonic()
        self.status, self.headers, self.body, self.sent, self.why = status, headers or {}, body, sent, why

    def json(self):
        return json.loads(self.body)

    @property
    def degraded(self):
        """Domains that the answer names as degraded."""
        return {part.split(";")[0].strip() for part in self.headers.get("degraded", "").split(",") if part}

    @property
    def not_done(self):
        """The request certainly changed nothing."""
        return not self.sent or self.status in (400, 401, 404, 405, 413, 429) or b"Nothing was done" in self.body

    def __str__(self):
        return f"{self.status} {self.body[:160].decode(errors='replace')}" if self.status else self.why


class Memory:
    """The facts of a Consistency-Token, as a client keeps them: the highest version of each alarm, the last visits, for 30 s."""

    def __init__(self):
        self.facts = {}

    def learn(self, header, degraded):
        moment = time.monotonic()
        for text in _FACT.findall(header or ""):
            text = text.rstrip(",")
            key = text.split("=")[0] if text[0] == "a" else text
            old = self.facts.get(key)
            if old is None or _version(old[0]) < _version(text):
                self.facts[key] = (text, moment)
        names = {"a": degraded & {"alarms"}, "v": degraded & {"visits", "users"}}
        self.facts = {key: fact for key, fact in self.facts.items() if moment - fact[1] < FACT_LIFE_S or names[key[0]]}
        visits = sorted((fact[1], key) for key, fact in self.facts.items() if key[0] == "v")
        for _, key in visits[:-VISITS_MAX]:
            del self.facts[key]

    def header(self):
        return ", ".join(text for text, _ in self.facts.values())


def _version(fact):
    found = re.search(r"\.(\d+)$", fact)
    return int(found.group(1)) if found else 0


def _was_closed(connection):
    """The server ended the kept connection while nothing was asked: whoever keeps connections has to look."""
    return bool(select.select([connection.sock], [], [], 0)[0])


class Client:
    """Asks the services directly, or the gateway. <ports>: service name or "gateway" to port."""

    def __init__(self, ports, token, through_gateway, memory=None):
        self.ports, self.token, self.through_gateway, self.memory = ports, token, through_gateway, memory
        self.connections = {}

    def where(self, domain, path):
        return f"gateway {PATHS[domain]}{path}" if self.through_gateway else f"{domain}_svc {path}"

    def ask(self, method, domain, path="/", body=None):
        """One request; never repeated, never fails: a lost answer is an Answer without status."""
        part = "gateway" if self.through_gateway else f"{domain}_svc"
        target = PATHS[domain] + ("" if path == "/" else path) if self.through_gateway else path
        headers = {"USER-TOKEN": self.token}
        if self.memory is not None and self.memory.facts:
            headers["Consistency-Token"] = self.memory.header()
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        answer = self._exchange(part, method, target, body, headers)
        if self.memory is not None and answer.status:
            self.memory.learn(answer.headers.get("consistency-token"), answer.degraded)
        return answer

    def _exchange(self, part, method, target, body, headers):
        begin = time.monotonic()
        connection = self.connections.get(part)
        if connection is not None and _was_closed(connection):
            self._forget(part)
            connection = None
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.ports[part], timeout=TIMEOUT_S[self.through_gateway])
            try:
                connection.connect()
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                return Answer(begin, sent=False, why=repr(error))
            self.connections[part] = connection
        try:
            connection.request(method, target, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._forget(part)
            return Answer(begin, why=repr(error))
        if reply.will_close:
            self._forget(part)
        return Answer(begin, reply.status, {name.lower(): value for name, value in reply.getheaders()}, content)

    def _forget(self, part):
        self.connections.pop(part).close()
