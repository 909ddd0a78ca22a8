"""A headless Chromium that reaches no network, for tests of what a reader sees.

    @browser.needs_chromium
    def test_page(driver, page):
        driver.get(page.as_uri())
        assert not browser.errors(driver) and not browser.requests(driver)

To start one takes seconds, so a module's tests share it (conftest.py has the fixture). Where a test
fails, build/screenshots/ holds what was on the screen.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import pytest

SCREENSHOTS = Path(__file__).resolve().parents[1] / "build" / "screenshots"
WAYS = re.compile(
    r"(?:file|data|blob|about|chrome|devtools):|https?://(?:localhost|127\.0\.0\.1)[:/]"
)


def _found(*names):
    return next((path for path in map(shutil.which, names) if path), None)


PROGRAM = _found("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
DRIVER = _found("chromedriver", "chromium.chromedriver")


def missing():
    """Say in a sentence what keeps a browser from being started, or return None."""
    if not (PROGRAM and DRIVER):
        return "no Chromium here: apt-get install chromium chromium-driver (Debian)"
    if not importlib.util.find_spec("selenium"):
        return "no Selenium here: pip install -r requirements-browser.txt"
    return None


needs_chromium = pytest.mark.skipif(bool(missing()), reason=missing() or "")


@contextlib.contextmanager
def chromium(width=1366, height=900):
    """A Selenium driver of a fresh Chromium, its viewport width x height CSS pixels.

    Every host name but this machine's own leads nowhere. An exception inside leaves a screenshot
    in build/screenshots/.
    """
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAM
    rules = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
    for argument in (
        "--headless=new",
        f"--host-resolver-rules={rules}",
        "--no-proxy-server",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-dev-shm-usage",  # a container's /dev/shm is too small
        "--disable-gpu",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--lang=en",
    ):
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's sandbox does not work for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"enablePage": False})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        resize(driver, width, height)
        prefer(driver, "light")
        yield driver
    except Exception:
        _keep(driver)
        raise
    finally:
        driver.quit()


@contextlib.contextmanager
def as_new(driver, request, width=1366, height=900):
    """A browser that others have used, as if it had just started; request: of pytest."""
    driver.get("about:blank")
    resize(driver, width, height)
    prefer(driver, "light")
    let_scripts_run(driver)
    errors(driver), requests(driver)  # what others have left
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        _keep(driver)


def resize(driver, width, height):
    """Set the viewport in CSS pixels; a window itself cannot be narrower than 500."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def prefer(driver, scheme):
    """Tell pages that the reader prefers "light" or "dark"."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def let_scripts_run(driver, they_may=True):
    """Switch the scripts of pages off, as a reader may, or on again."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not they_may})


def wait(driver, condition, seconds=30, what="it"):
    """Wait until condition(driver) is true and return its value; an AssertionError where not."""
    from selenium.common import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    try:
        return WebDriverWait(driver, seconds, 0.1).until(condition)
    except TimeoutException:
        raise AssertionError(f"waited {seconds} s in vain for {what}") from None


def errors(driver):
    """What the console has said of errors since the last call, a line each."""
    return [row["message"] for row in driver.get_log("browser") if row["level"] == "SEVERE"]


def requests(driver):
    """The addresses on a network that the page has asked for since the last call.

    Files, data and this machine itself do not count.
    """
    found = []
    for row in driver.get_log("performance"):
        message = json.loads(row["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            url = message["params"]["request"]["url"]
            if not WAYS.match(url):
                found.append(url)
    return found


def screenshot(driver, path):
    """Save what is on the screen as a PNG and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(driver.get_screenshot_as_png())
    return path


def _keep(driver):
    name = os.environ.get("PYTEST_CURRENT_TEST", "browser").split(" (")[0]
    with contextlib.suppress(Exception):  # a browser that is gone must not hide the failure
        screenshot(driver, SCREENSHOTS / (re.sub(r"[^\w.-]+", "-", name) + ".png"))
