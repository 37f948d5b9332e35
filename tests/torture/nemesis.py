"""Breaks parts at random and mends them: a round of faults that overlap, the same for the same seed."""

import json
import os
import random
import subprocess
import time
from pathlib import Path

from client import Client
from history import Outcome
from scene import DOMAINS, GATEWAY_LINES, KAFKA_LINES, SERVICES, STORES
from support.chaos import dump_keys, restore_keys
from support.stack import ROOT, StackError

SLOW_MS = (20, 60, 150, 400)
LINES = (*STORES, *KAFKA_LINES, *GATEWAY_LINES)
REDISES = tuple(f"{domain}_redis" for domain in DOMAINS)
RELOADED_S = 10
QUIET = 8            # of the keys that can be replayed, those written longest ago: nobody else hides what comes of it
REPLAY_S = 8
LOOK_BACK = 3000     # records of a partition in which a replay looks for an old one


class Fault:
    """One fault of one part: begins, lasts, and is mended."""

    def __init__(self, kind, part, at_s, lasts_s, argument=0):
        self.kind, self.part, self.at_s, self.lasts_s, self.argument = kind, part, at_s, lasts_s, argument

    def __str__(self):
        more = f" {self.argument} ms" if self.argument else ""
        return f"{self.kind} {self.part}{more} at {self.at_s:.1f} s for {self.lasts_s:.1f} s"


# kind: (weight, parts, longest duration in seconds)
KINDS = {
    "kill": (5, (*SERVICES, *STORES, "kafka", "gateway"), 4),
    "freeze": (5, (*SERVICES, *STORES, "kafka", "gateway"), 6),
    "cut": (4, LINES, 6),
    "hold": (4, LINES, 6),
    "slow": (3, LINES, 6),
    "reload": (2, ("gateway",), 0),
    "empty": (1, REDISES, 0),
    "roll back": (2, REDISES, 1),
    "replay": (2, ("kafka",), 0),
}
FAULTS = tuple((kind, part) for kind, (_, parts, _) in KINDS.items() for part in parts)


def random_round(choice, word=""):
    """One to three faults of different parts within a few seconds; only of parts whose name contains <word>."""
    faults, parts = [], set()
    kinds = {kind: (weight, allowed, longest_s) for kind, (weight, every, longest_s) in KINDS.items() if (allowed := [part for part in every if word in part])}
    for _ in range(choice.choice((1, 1, 2, 2, 3))):
        kind = choice.choices(list(kinds), [weight for weight, _, _ in kinds.values()])[0]
        _, allowed, longest_s = kinds[kind]
        part = choice.choice(allowed)
        if part not in parts:
            parts.add(part)
            faults.append(Fault(kind, part, choice.uniform(0, 2), choice.uniform(0.2, longest_s) if longest_s else 0,
                                choice.choice(SLOW_MS) if kind == "slow" else 0))
    return faults


class Nemesis:
    """Carries out rounds on a scene."""

    def __init__(self, scene, seed):
        self.scene, self.stack, self.choice = scene, scene.stack, random.Random(seed)
        self.word, self.saved, self.replayed = scene.options.parts, {}, []

    def round(self, faults=None):
        """Breaks and mends <faults>, or some by chance. Afterwards every part runs; whether all is healthy is another question."""
        faults = random_round(self.choice, self.word) if faults is None else faults
        steps = sorted([(fault.at_s, 0, fault) for fault in faults] + [(fault.at_s + fault.lasts_s, 1, fault) for fault in faults],
                       key=lambda step: step[:2])
        start = time.monotonic()
        for at_s, mends, fault in steps:
            self.scene.ending.wait(max(0.0, start + at_s - time.monotonic()))
            if mends:
                self._mend(fault)
            else:
                self._break(fault)
        return faults

    def _break(self, fault):
        if fault.kind != "replay":     # which must be noticed by nobody
            self.scene.health.breaks(fault.part)
        self.scene.faults[(fault.kind, fault.part)] = self.scene.faults.get((fault.kind, fault.part), 0) + 1
        if fault.part == "gateway" and fault.kind == "kill":
            self.scene.health.gateway_lost = time.monotonic()
        if fault.kind in ("cut", "hold", "slow"):
            self.scene.links.set(fault.part, fault.kind, fault.argument)
        elif fault.kind == "kill":
            self.stack.kill(fault.part)
        elif fault.kind == "freeze":
            self.stack.pause(fault.part)
        elif fault.kind == "reload":
            reload_gateway(self.stack)
        elif fault.kind == "empty":
            self._redis(fault.part).flushall()
        elif fault.kind == "replay":
            self._replay()
        elif fault.kind == "roll back":
            self.saved[fault.part] = dump_keys(self._redis(fault.part))

    def _mend(self, fault):
        if fault.part == "gateway" and fault.kind == "kill":
            self.scene.health.gateway_lost = time.monotonic()
        if fault.kind in ("cut", "hold", "slow"):
            self.scene.hits[(fault.kind, fault.part)] += self.scene.links.set(fault.part, "open")
        elif fault.kind == "kill":
            self._start(fault.part)
        elif fault.kind == "freeze":
            self.stack.unpause(fault.part)
        elif fault.kind == "roll back":
            restore_keys(self._redis(fault.part), self.saved.pop(fault.part))

    def _start(self, part):
        """A part that goes on trying after 30 s is given as long once more."""
        try:
            self.stack.start(part)
        except StackError:
            self.stack.start(part)

    def _replay(self):
        """Then the key is written anew, as a relay's successor does it. The checker sees what comes in between."""
        keys = [key for key in self.scene.history.registers if key[0] == "alarm" and key[1] in self.scene.users]
        key = replay(self.stack, "moa.alarms", {f"{key[1]}:{key[2]}": key for key in keys}, self.choice)
        if key is not None:
            self.replayed.append(key)

    def rewrite(self):
        """Writes the keys that were replayed anew, with the value that they have."""
        replayed, self.replayed = self.replayed, []
        for key in replayed:
            with self.scene.gate:
                register = self.scene.history.get(key)
                if register.dirty:
                    continue
                write = register.invoke(register.current, "anew")
                answer = Client(self.scene.ports, self.scene.users[key[1]], False).ask("POST" if write.value else "DELETE", "alarm",
                                                                                      body={"item_id": key[2]})
                self.scene.history.ended(write, Outcome.DONE if 200 <= answer.status < 300 else Outcome.UNKNOWN)

    def _redis(self, part):
        client = self.stack.redis(part.partition("_")[0])
        client.connection_pool.connection_kwargs["decode_responses"] = False
        return client


def reload_gateway(stack):
    """Another process takes over the gateway's sockets and what it knows; the old one ends when its requests have."""
    old = stack.pid("gateway")
    environ = {**stack.environ, **stack.settings("gateway")}
    words = [str(stack.program("gateway")), "-f", str(ROOT / "deploy" / "gateway.cfg"), "-x", environ["GATEWAY_SOCKET"], "-sf", str(old)]
    with open(stack.folder / "log" / "gateway.log", "ab") as log:
        process = subprocess.Popen(words, env=environ, cwd=stack.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    run, boot = stack.folder / "run", Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    began = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    (run / "gateway.start").write_text(f"{boot} {began}\n")
    (run / "gateway.pid").write_text(f"{process.pid}\n")
    end = time.monotonic() + RELOADED_S
    while time.monotonic() < end and os.path.exists(f"/proc/{old}") and process.poll() is None:
        time.sleep(0.05)


def replay(stack, topic, keys, choice):
    """Publishes the older one of two records of a key once more, as a frozen relay that wakes up late would. <keys>: those that may
    be taken, as the topic writes them, and what to return for each. None: there was no such record."""
    words = ["kcat", "-C", "-J", "-e", "-q", "-o", str(-LOOK_BACK), "-b", stack.brokers, "-t", topic, "-m", "10"]
    try:
        done = subprocess.run(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=REPLAY_S, check=False)
    except subprocess.TimeoutExpired:     # Kafka may be dead as well
        return None
    first, last = {}, {}
    for record in map(json.loads, filter(None, done.stdout.split("\n"))):
        if record.get("key") in keys:
            first.setdefault(record["key"], record)
            last[record["key"]] = record
    chances = [key for key in last if (first[key]["payload"] is None) != (last[key]["payload"] is None)]
    if not chances:
        return None
    old = first[choice.choice(sorted(chances, key=lambda key: last[key]["ts"])[:QUIET])]
    headers = [word for name, value in zip(old["headers"][::2], old["headers"][1::2]) for word in ("-H", f"{name}={value}")]
    words = ["kcat", "-P", "-Z", "-b", stack.brokers, "-t", topic, "-p", str(old["partition"]), "-k", old["key"], *headers]
    try:
        subprocess.run(words, input=old["payload"] or "", text=True, timeout=REPLAY_S, check=False, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        pass      # it may have arrived: the key is written anew in any case
    return keys[old["key"]]
