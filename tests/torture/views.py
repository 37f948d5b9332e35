"""What each neighbour's Redis holds of another's table, entry by entry, against that table."""

import hashlib

NEIGHBOURS = {"items": ("alarm", "user"), "users": ("item", "alarm"), "alarms": ("item", "user")}
VERSION_LEN = 16


def entries(client, domain):
    """{(group, field): value} of the live entries of a view."""
    found = {}
    for key in client.scan_iter(f"m1:{{{domain}:*}}:*", count=1000):
        group = key.partition("}:")[2]
        if group in ("pos", "ids") or group.startswith("t:"):
            continue
        for field, entry in client.hgetall(key).items():
            if entry[VERSION_LEN] == "+":
                found[(group, field)] = entry[VERSION_LEN + 1:]
    return found


def expected(truth, alarms):
    """The same, worked out from the tables: of items and users what can be told of the value."""
    return {
        "items": {("all", str(row["id"])): f'"price":{row["price"]}' for row in truth.items},
        "users": {("all", str(row[0])): hashlib.sha256(row[2].encode()).hexdigest() for row in truth.users},
        "alarms": {(str(user), str(item)): "" for user, item in alarms},
    }


def wrong(stack, truth):
    """Where views differ from the tables, as texts."""
    found = []
    alarms = [row for row in stack.sql("alarm", "SELECT user_id, item_id FROM alarm")]
    for domain, rows in expected(truth, alarms).items():
        for neighbour in NEIGHBOURS[domain]:
            held = entries(stack.redis(neighbour), domain)
            found += [f"{neighbour}_redis has {domain} {key}, which the table has not" for key in held.keys() - rows.keys()]
            found += [f"{neighbour}_redis lacks {domain} {key}" for key in rows.keys() - held.keys()]
            found += [f"{neighbour}_redis has {domain} {key} as {held[key]!r} instead of {value!r}" for key, value in rows.items()
                      if key in held and value not in held[key]]
    return found
