"""The browser that tests share, as browser.py starts it."""

import browser
import pytest


@pytest.fixture(scope="module")
def started():
    with browser.chromium() as driver:
        yield driver


@pytest.fixture
def driver(started, request):
    """The module's browser, for a test that finds it as if it had just been started."""
    with browser.as_new(started, request):
        yield started
