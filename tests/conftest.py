"""Fixtures that unit and integration tests share."""

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "live: runs on real services that the environment names")


@pytest.fixture(scope="session")
def azurite():
    """A storage account on loopback; `filesystem()` makes an empty lake in it."""
    from tests.support.azurite import running

    with running() as account:
        yield account


@pytest.fixture(scope="module")
def browser():
    """Chromium; `browser.new_page()` opens a page. One for a file, see `chromium`."""
    from tests.support.browser import chromium

    with chromium() as browser:
        yield browser
