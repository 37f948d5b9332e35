"""Fixtures of the tests of the shop in containers. tests/compose/run, which finds the engine and builds the images, calls pytest.

    shop      one compose project for the session, with every part up and healthy
    whole     the same for a test that breaks things: afterwards all is up, healthy and right
    absent    a function that begins anew, on fresh volumes, with blocks of the file commented out
"""

import pytest

from containers import Containers
from support.shop import settled, visited_by_sample


def pytest_configure(config):
    config.moa_failed = False
    config.moa_logs = None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.config.moa_failed = True


def pytest_terminal_summary(terminalreporter, config):
    if config.moa_logs:
        terminalreporter.write_line(f"logs of the containers: {config.moa_logs}")


@pytest.fixture(scope="session")
def project(pytestconfig):
    project = Containers()
    project.fresh, project.complete = True, False
    yield project
    pytestconfig.moa_logs = project.remove(pytestconfig.moa_failed)


@pytest.fixture
def shop(project):
    if not project.complete:
        project.make_whole()
    project.fresh, project.complete = False, True
    return project


@pytest.fixture
def whole(shop):
    visited_by_sample(shop)
    settled(shop)
    shop.complete = False
    yield shop
    shop.make_whole()
    settled(shop, 60)
    shop.complete = True


@pytest.fixture
def absent(project):
    def begin(*parts):
        if not project.fresh:
            project.down()
        project.fresh = project.complete = False
        project.up(without=parts)
        return project

    return begin
