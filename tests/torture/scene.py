"""What all parts of a run share: the stack behind its breakable network, its health, and the gate that stops the writers."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from checker import Violations  # noqa: E402
from history import History  # noqa: E402
from link import Network  # noqa: E402
from support.stack import ADMIN_PORT, DB_PORT, DOMAINS, KAFKA_PORTS, REDIS_PORT, SAMPLE_TOKEN, SERVICES, Stack  # noqa: E402,F401

LATE_S = 0.15         # a thread that waited this long for a processor: the machine, not the shop, stood still (Redis has 0.2 s to answer)
BEAT_S = 0.3
WATCHED = tuple(f"{domain}_{kind}" for domain in DOMAINS for kind in ("svc", "db", "redis")) + ("kafka", "gateway")
FLAGGED = range(1, 31)      # items with alarms and visits: neither changed nor deleted
PRICED = range(31, 41)      # items whose name and price change
PASSING = range(2101, 2109)  # items that come and go
STORES = tuple(f"{domain}_{kind}" for domain in DOMAINS for kind in ("db", "redis"))     # and the lines to them
KAFKA_LINES = tuple(f"{service}-kafka" for service in SERVICES)
GATEWAY_LINES = tuple(f"gateway-{service}" for service in SERVICES)     # requests and checks


def item_value(item_id, number):
    """(name, price) of version <number> of an item: a torn pair is no value that anybody wrote."""
    return (f"torture {item_id} v{number}", number)


class Gate:
    """Writers pass one write at a time; closed, it lets those under way end and nobody else in."""

    def __init__(self):
        self.inside, self.closed = 0, False
        self.changed = threading.Condition()

    def __enter__(self):
        with self.changed:
            self.changed.wait_for(lambda: not self.closed)
            self.inside += 1

    def __exit__(self, *_):
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def close(self):
        with self.changed:
            self.closed = True
            self.changed.wait_for(lambda: self.inside == 0)

    def open(self):
        with self.changed:
            self.closed = False
            self.changed.notify_all()


class Stalls:
    """When this machine let us, a part or the network wait for a processor: what was late or refused then proves nothing."""

    def __init__(self, stack, links):
        self.stack, self.links, self.waited, self.who = stack, links, {}, Counter()
        self.spans, self.ending = [], threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        before = time.monotonic()
        while not self.ending.wait(BEAT_S):
            moment = time.monotonic()
            waited = self._parts_that_waited() + ["checker"] * (moment - before - BEAT_S > LATE_S) + ["network"] * (self.links.late_s() > LATE_S)
            self.who.update(waited)
            if waited:
                if self.spans and self.spans[-1][1] == before:
                    self.spans[-1] = (self.spans[-1][0], moment)
                else:
                    self.spans.append((before, moment))
            before = moment

    def end(self):
        self.ending.set()
        self.thread.join()

    def _parts_that_waited(self):
        """Those of which a thread was ready to run and did not, for longer than is harmless, since the last look."""
        late, seen = [], {}
        for part in WATCHED:
            harmed = False
            for file in Path(f"/proc/{self.stack.pid(part)}/task").glob("*/schedstat"):
                try:
                    seen[file] = int(file.read_text().split()[1]) / 1e9
                except (OSError, IndexError):
                    continue
                harmed = harmed or seen[file] - self.waited.get(file, seen[file]) > LATE_S
            late += [part] * harmed
        self.waited = seen
        return late

    def between(self, begin, end):
        return any(first < end and last > begin for first, last in self.spans[-50:])

    def total_s(self, since=0.0):
        return sum(last - max(first, since) for first, last in self.spans if last > since)


class Health:
    """Since when all is healthy, if it is; what is broken, by name; when the gateway last lost its memory."""

    def __init__(self, bound_s):
        self.bound_s = bound_s
        self.healthy_since = None
        self.broken = set()
        self.changed = {}
        self.gateway_lost = 0.0

    def breaks(self, name):
        """To be called before <name> is broken. It counts as broken until the whole shop is healthy again."""
        self.healthy_since = None
        self.changed[name] = time.monotonic()
        self.broken = self.broken | {name}

    def heals(self):
        self.broken = set()
        self.healthy_since = time.monotonic()

    def since(self, begin):
        """For a read that began at <begin> and has ended: what it must show, as Read wants it."""
        healthy = self.healthy_since
        return begin - self.bound_s if healthy is not None and begin - self.bound_s >= healthy else None

    def intact(self, name, begin):
        """<name> was not broken at any time since <begin>."""
        return name not in self.broken and self.changed.get(name, 0.0) < begin


class Scene:
    """The stack, its links, and everything that is recorded."""

    def __init__(self, options):
        self.options = options
        self.stack = Stack(build=options.build)
        self.links = self._links()
        self.stack.environ.setdefault("ACCESS_LOG", "off")
        self.ports = {service: self.stack.port(service) for service in (*SERVICES, "gateway")}
        self.history, self.violations = History(), Violations()
        self.health, self.gate, self.stalls = Health(1.0 + options.grace), Gate(), Stalls(self.stack, self.links)
        self.ending = threading.Event()
        self.told = set()              # kinds of registers whose writes are answered with a Consistency-Token
        self.users = {}                # user id to token, of those whose tokens stay
        self.faults = {}
        self.hits = Counter()          # connections and pieces that broken lines met, by (mode, line)
        self.excused = 0

    def _links(self):
        """The network, and the settings with which every part uses it."""
        offset = self.stack.offset
        # A listener of Kafka for each service: its clients go where the listener that they asked tells them to go.
        listeners = dict(zip(SERVICES, self.stack._spare_ports(KAFKA_PORTS[0], len(SERVICES))))
        links = Network([{f"{domain}_db": [DB_PORT[domain] + offset], f"{domain}_redis": [REDIS_PORT[domain] + offset],
                          f"{service}-kafka": [listeners[service]],
                          f"gateway-{service}": [self.stack.port(service), ADMIN_PORT[service] + offset]}
                         for domain, service in zip(DOMAINS, SERVICES)])
        environ, more_listeners = self.stack.environ, []
        for domain, service in zip(DOMAINS, SERVICES):
            name, (kafka,), (requests, checks) = domain.upper(), links.ports[f"{service}-kafka"], links.ports[f"gateway-{service}"]
            environ[f"{name}_SVC_MYSQL_URL"] = f"mysql://{domain}_svc:moa@127.0.0.1:{links.ports[domain + '_db'][0]}/{domain}"
            environ[f"{name}_SVC_REDIS_URL"] = f"redis://127.0.0.1:{links.ports[domain + '_redis'][0]}/0"
            environ[f"{name}_SVC_KAFKA_BROKERS"] = f"127.0.0.1:{kafka}"
            environ[f"{name}_ADDR"], environ[f"{name}_ADMIN_PORT"] = f"127.0.0.1:{requests}", str(checks)
            more_listeners.append(f"{name}=127.0.0.1:{listeners[service]}/127.0.0.1:{kafka}")
        environ["KAFKA_MORE_LISTENERS"] = " ".join(more_listeners)
        return links

    def close(self, keep_logs):
        self.ending.set()
        self.stalls.end()
        self.gate.open()
        kept = self.stack.remove(keep_logs)
        self.links.close()
        return kept
