"""Section 6 of the design as questions: does this request deserve a 2xx, whatever else is dead? And if not, how may it fail?

| own MySQL | own Redis | promised |
|---|---|---|
| works | works | everything |
| broken | works | every read |
| works | broken | item list, item, list of users |
| broken | broken | nothing |

The neighbours and Kafka never matter, nor whether it is Kafka that is broken or one service's line to it. The gateway's line to a service
matters to what is asked through it of that service, and to nothing else. A part or line counts as broken from before it is broken until all
is healthy again.

A request that deserves no 2xx fails cleanly as long as who was asked is whole: whatever was lost behind it, the answer is never that a
token, an item or a path does not exist, and never none at all.
"""

OWN_DATA_ONLY = {("item", "list"), ("item", "detail"), ("user", "list")}


UNAVAILABLE = {True: (502, 503, 504), False: (503,)}      # through the gateway, or direct


def promised(health, domain, kind, begin, through_gateway):
    """For a request that began at <begin> and has ended. <kind>: list, detail, visits or write."""
    if not health.intact(f"{domain}_svc", begin):
        return False
    if through_gateway and not (health.intact("gateway", begin) and health.intact(f"gateway-{domain}_svc", begin)):
        return False
    database, redis = health.intact(f"{domain}_db", begin), health.intact(f"{domain}_redis", begin)
    if database and redis:
        return True
    if redis:
        return kind != "write"
    return database and (domain, kind) in OWN_DATA_ONLY


def clean(health, domain, status, begin, through_gateway):
    """A request that began at <begin> was right to end with <status>, which is not 2xx; 0: with no answer. None: nothing was promised."""
    if not health.intact("gateway" if through_gateway else f"{domain}_svc", begin):
        return None
    return status in UNAVAILABLE[through_gateway]
