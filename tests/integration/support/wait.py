"""Bounded waiting: every wait in these tests polls a condition; none of them just sleeps."""

import time

import pymysql
import redis
import requests

POLL_S = 0.02

# What a part that is down or coming back may raise at us while we wait for it.
PASSING = (AssertionError, OSError, requests.RequestException, redis.RedisError, pymysql.MySQLError)


def eventually(condition, timeout_s, why):
    """Polls <condition> until it returns something true, and returns that.

    Failed assertions and connection errors inside it count as "not yet". Fails after <timeout_s>
    seconds with <why> and the last thing seen.
    """
    end = time.monotonic() + timeout_s
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except PASSING as error:
            seen = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {why}; last seen: {seen!r}")
        time.sleep(POLL_S)


def throughout(seconds, check):
    """Calls <check> again and again for <seconds>: for contracts that are a duration. It must not fail.

    Returns how many times it was called.
    """
    end = time.monotonic() + seconds
    calls = 0
    while time.monotonic() < end:
        check()
        calls += 1
        time.sleep(POLL_S)
    return calls


def timed(action):
    """Runs <action>; returns what it returned and the seconds it took."""
    start = time.monotonic()
    result = action()
    return result, time.monotonic() - start
