"""What a list of visits must show: runs of one item count once, the last three of them, latest first."""

SHOWN = 3


def after(shown, item):
    """The list after one more visit of <item>, when it was <shown> before. Only for items that are never deleted."""
    if shown and shown[0] == item:
        return shown
    return (item, *shown)[:SHOWN]


def of_table(items):
    """The list for all visits of a user, latest first."""
    shown = ()
    for item in reversed(items):
        shown = after(shown, item)
    return shown


def came_late(shown, register):
    """A list that is none of the register's, of items that were all visited: a visit between others has not arrived yet. Visits are
    ordered by their time, not by their arrival; once all is healthy none may lack."""
    seen = {item for write in register.writes for item in write.value}
    return register.position(shown, 0, float("inf")) is None and set(shown) <= seen
