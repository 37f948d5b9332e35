"""Fixtures of the gateway's tests.

    origin    a server that records, one for each test module
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from support.recorder import Origin  # noqa: E402


@pytest.fixture(scope="module")
def origin():
    origin = Origin()
    yield origin
    origin.close()
