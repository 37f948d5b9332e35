"""Section 6 of the design as a question: does this request deserve a 2xx, whatever else is dead?

| own MySQL | own Redis | promised |
|---|---|---|
| works | works | everything |
| broken | works | every read |
| works | broken | item list, item, list of users |
| broken | broken | nothing |

The neighbours and Kafka never matter. A part counts as broken from before it is broken until all is healthy again.
"""

OWN_DATA_ONLY = {("item", "list"), ("item", "detail"), ("user", "list")}


def promised(health, domain, kind, begin, through_gateway):
    """For a request that began at <begin> and has ended. <kind>: list, detail, visits or write."""
    if not health.intact(f"{domain}_svc", begin) or through_gateway and not health.intact("gateway", begin):
        return False
    database, redis = health.intact(f"{domain}_db", begin), health.intact(f"{domain}_redis", begin)
    if database and redis:
        return True
    if redis:
        return kind != "write"
    return database and (domain, kind) in OWN_DATA_ONLY
