"""Proof that the faults were really met: what the services count, summed over their restarts, and what must have happened."""

import threading

import requests

from history import Outcome
from scene import GATEWAY_LINES, KAFKA_LINES, SERVICES, STORES
from support import metrics

EVERY_S = 0.4
SPOOLED = 5      # visits that wait at once: more than are on their way when all is well
LINES = (("service to store", STORES), ("service to Kafka", KAFKA_LINES), ("gateway to service", GATEWAY_LINES))
MODES = (("cut", "ended a connection"), ("hold", "held bytes"), ("slow", "slowed bytes"))


class Counters:
    """Reads the services' metrics all the time; a counter that fell began anew with its process."""

    def __init__(self, scene):
        self.scene, self.sums, self.peaks, self.last, self.without_kafka = scene, {}, {}, {}, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.scene.ending.wait(EVERY_S):
            self.look()

    def look(self):
        for service in SERVICES:
            try:
                samples = metrics.parse(requests.get(self.scene.stack.admin(service) + "/metrics", timeout=1).text)
                kafka = requests.get(self.scene.stack.admin(service) + "/readyz", timeout=1).json()["kafka"]
            except (requests.RequestException, AssertionError):
                continue
            alone = f"{service}-kafka" in self.scene.health.broken and "kafka" not in self.scene.health.broken
            self.without_kafka += alone and kafka != "up"
            for (name, labels), value in samples.items():
                if name.endswith("_total"):
                    before = self.last.get((service, name, labels), 0.0)
                    self.sums[name] = self.sums.get(name, 0.0) + (value - before if value >= before else value)
                    self.last[(service, name, labels)] = value
                else:
                    self.peaks[name] = max(self.peaks.get(name, 0.0), value)

    def sum(self, *words):
        """All counters whose name contains one of <words>."""
        return int(sum(value for name, value in self.sums.items() if any(word in name for word in words)))


def events(scene, name):
    """How often the services logged event <name>."""
    return sum(scene.stack.log(service).count(name) for service in SERVICES)


def met(scene, counters):
    """[(what must have happened, how often it did)]."""
    history, readers = scene.history, scene.readers
    watchers = [watcher for reader in readers for watcher in reader.watchers.values()]
    return [
        ("a relay took over", max(0, counters.sum("moa_relay_elections_total") - len(SERVICES))),
        ("a row that came late was found by a full scan", counters.sum("moa_relay_late_total")),
        ("keys were written anew", counters.sum("moa_relay_rewritten_total")),
        ("a batch was published again", counters.sum("moa_relay_resends_total")),
        ("a position check refused a batch", events(scene, "projection.moved")),
        ("a view was built anew", counters.sum("moa_view_rebuilds_total")),
        ("a snapshot row differed from its view", counters.sum("moa_view_divergences_total")),
        ("visits waited in the spool", int(max(0, counters.peaks.get("moa_spool_records", 0) - SPOOLED))),
        ("an answer was marked as degraded", sum(reader.marked for reader in readers)),
        ("a flag was unknown", sum(reader.unknown_flags for reader in readers)),
        ("a write was refused, nothing done", history.writes(Outcome.NOT_DONE)),
        ("a write's outcome was unknown", history.writes(Outcome.UNKNOWN)),
        ("a marked answer was older than one before", sum(watcher.steps_back for watcher in watchers)),
        ("a visit arrived after later ones", sum(reader.late_visits for reader in readers)),
        ("an own write was looked for", sum(watcher.own_seen for watcher in watchers)),
        ("a token's fact was laid over a view", counters.sum("moa_token_facts_laid_total")),
        ("the gateway said that it did not reach a service that ran", sum(reader.unreached for reader in readers)),
        ("such a service answered directly meanwhile", sum(reader.direct for reader in readers)),
        ("a service alone said that Kafka is away", counters.without_kafka),
        *((f"a line {which} {said}", sum(scene.hits[(mode, line)] for line in lines)) for which, lines in LINES for mode, said in MODES),
    ]
