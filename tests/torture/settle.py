"""When all is mended: waits for health, then holds the writers and compares tables, history, answers and Redis views."""

import time

import requests

import views
import visits
from checker import SICK, WRONG, judge_table
from client import Client
from scene import SAMPLE_TOKEN, SERVICES
from support.shop import Truth

POLL_S = 0.05
STEADY_S = 0.5      # nothing is in the way for this long
GATEWAY_PATHS = {("item_svc", "/"): "/items", ("alarm_svc", "/"): "/alarms", ("user_svc", "/"): "/users", ("user_svc", "/visit"): "/users/visit"}


def sick(scene):
    """What keeps the shop from being healthy, directly and through the gateway; empty when nothing does."""
    found = scene.stack.unhealthy()
    for path in ("/items", "/alarms", "/users/visit"):
        answer = Client(scene.ports, SAMPLE_TOKEN, False)._exchange("gateway", "GET", path, None, {"USER-TOKEN": SAMPLE_TOKEN})
        if answer.status != 200 or answer.degraded:
            found.append(f"gateway {path}: {answer} {answer.headers.get('degraded', '')}")
    return found


def heal(scene, limit_s):
    """Waits until all is healthy; seconds that it took, or None, which is a violation."""
    start = well_since = time.monotonic()
    while (found := sick(scene)) or time.monotonic() - well_since < STEADY_S:
        if found:
            well_since = time.monotonic()
        if found and time.monotonic() - start > limit_s:
            scene.violations.add(SICK, f"after {limit_s} s: {found[:4]}; were broken: {sorted(scene.health.broken)}")
            return None
        time.sleep(POLL_S)
    scene.health.heals()
    return time.monotonic() - start


def compare(scene):
    """Holds the writers; every answer must agree with the tables within the bound, every table with the history.
    Returns the seconds until the answers agreed."""
    scene.gate.close()
    try:
        start = time.monotonic()
        while True:
            begun = time.monotonic() - start
            truth = Truth(scene.stack, user_limit=1000)
            wrong = wrong_answers(scene, truth) + late_visits(scene, truth) + views.wrong(scene.stack, truth)
            if not wrong or begun > scene.health.bound_s + scene.stalls.total_s(start):
                break
        for text in wrong:
            scene.violations.add(WRONG, text)
        judge_tables(scene, truth)
        return begun
    finally:
        scene.gate.open()


def late_visits(scene, truth):
    """Acknowledged visits that are not in the table (yet)."""
    return [f"the table of visits holds {value} for {key}: {register.excerpt(3)}" for key, register, value in table_values(scene, truth)
            if key[0] == "visits" and value not in register.possible(float("inf"), float("inf"))]


def wrong_answers(scene, truth):
    """Where answers differ from the tables, direct and through the gateway, and tokens that should or should not be known."""
    people = {person.id: person for person in truth.people}
    wrong = truth.wrong()
    for user_id in sorted(scene.users):
        client = Client(scene.ports, people[user_id].token, True)
        for path, expected in (("/items", truth.item_list(user_id)), ("/alarms", truth.alarm_list(user_id)),
                               ("/users/visit", truth.visit_list(user_id))):
            answer = client._exchange("gateway", "GET", path, None, {"USER-TOKEN": client.token})
            shown = answer.json()["payload"] if answer.status == 200 else None
            if shown != expected:
                wrong.append(f"gateway {path} for user {user_id}: {answer if shown is None else [row for row in shown if row not in expected][:3]} "
                             f"instead of {[row for row in expected if shown is None or row not in shown][:3]}")
        for connection in client.connections.values():
            connection.close()
    return wrong + known_tokens(scene)


def known_tokens(scene):
    """Old tokens of users who got new ones must be refused everywhere."""
    wrong = []
    for key, register in scene.history.registers.items():
        if key[0] != "user" or key[1] in scene.users:
            continue
        old = next((write.value[1] for write in reversed(register.writes) if write.value[1] != register.current[1]), None)
        if register.dirty or old is None:
            continue
        for service in SERVICES:
            try:
                status = scene.stack.get(service, "/", old).status_code
            except requests.RequestException as error:
                status = type(error).__name__
            if status != 401:
                wrong.append(f"{service}: {status} for the old token of user {key[1]}")
    return wrong


def table_values(scene, truth):
    """(key, register, value in the owner's table) of all registers."""
    items = {row["id"]: (row["name"], row["price"]) for row in truth.items}
    users = {row[0]: (row[1], row[2]) for row in truth.users}
    for key, register in scene.history.registers.items():
        if key[0] == "alarm":
            yield key, register, key[2] in truth.alarms.get(key[1], set())
        elif key[0] == "item":
            yield key, register, items.get(key[1])
        elif key[0] == "user":
            yield key, register, users.get(key[1])
        else:
            yield key, register, visits.of_table(truth.visits.get(key[1], []))


def judge_tables(scene, truth):
    """The owners' tables against the history; then nothing is in doubt any more."""
    for key, register, value in table_values(scene, truth):
        fits = judge_table(register, value, scene.violations)
        if register.dirty or not fits:
            register.pin(value)
