"""The explorer in a real browser: in a page from the disk, in JupyterLab, and in Notebook 7."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from paddle_vae import VAE, Dataset, Encoder, data, recipes
from paddle_vae.explorer import ALIVE, explore
from paddle_vae.networks import Decoder
from tools import pages

import browser
import nbformat
import numpy as np
import paddle
import pytest
from test_explorer import compare, inputs

pytestmark = browser.needs_chromium

ROOT = Path(__file__).resolve().parent.parent
ELEMENT = "const it = document.querySelector('[id^=explorer-]');"
ALL_DRAWN = (
    "return it.dataset.state === 'alive' && !it.plane.waiting.length && !it.stale.steps.size"
)


@pytest.fixture(scope="module")
def train():
    return data.load("mnist", "train")


@pytest.fixture(scope="module")
def page(train, tmp_path_factory):
    """A function: the name of a recipe -> the address of a page with its explorer."""
    folder = tmp_path_factory.mktemp("pages")

    def of(name):
        path = folder / f"{name}.html"
        if not path.exists():
            explore(recipes.load(name), train.images, train.labels).save(path)
        return path.as_uri()

    return of


def ask(driver, script, *values):
    """What a script says, in which `it` is the first explorer of the page."""
    return driver.execute_script(ELEMENT + script, *values)


def alive(driver, seconds=60):
    browser.wait(
        driver,
        lambda _: ask(driver, "return it && it.dataset.state === 'alive'"),
        seconds,
        "the explorer to come to life",
    )


def inside(driver, selector):
    """A part of the explorer, scrolled into sight."""
    part = ask(driver, "return it.find(arguments[0])", selector)
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", part)
    return part


def pixels(driver, selector):
    """What a canvas of the explorer shows, as a list of grey levels."""
    script = """const canvas = it.find(arguments[0]);
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return Array.from(data.filter((_, i) => i % 4 === 0));"""
    return np.array(ask(driver, script, selector), float)


def z(driver):
    return np.array(ask(driver, "return it.state.points[it.state.active]"))


def changes(driver, selector, action):
    """Do something and wait until what a canvas shows is another picture."""
    before = pixels(driver, selector)
    action()

    def other(_):
        now = pixels(driver, selector)
        return now.shape != before.shape or np.abs(now - before).max() > 40

    browser.wait(driver, other, 30, f"{selector} to change")


def drag(driver, part, *offsets):
    """Press in the middle of a part, drag by these offsets, one after another, and let go."""
    from selenium.webdriver import ActionChains

    chain = ActionChains(driver, duration=50).move_to_element(part).click_and_hold()
    for offset in offsets:
        chain = chain.move_by_offset(*offset)
    chain.release().perform()


def touch(driver, part, offset):
    """The same with a finger."""
    box = driver.execute_script("return arguments[0].getBoundingClientRect().toJSON()", part)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    points = [[x, y], [x + offset[0] / 2, y + offset[1] / 2], [x + offset[0], y + offset[1]]]
    for kind, point in zip(("touchStart", "touchMove", "touchMove"), points, strict=True):
        values = {"type": kind, "touchPoints": [dict(zip("xy", point, strict=True))]}
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", values)
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def press(driver, *keys):
    from selenium.webdriver import ActionChains

    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def answers_the_hand(driver):
    """Drag, arrow keys, and a drawn digit: each changes the picture that is decoded."""
    from selenium.webdriver.common.keys import Keys

    plane = inside(driver, ".plane")
    at = z(driver)
    changes(driver, ".big", lambda: drag(driver, plane, (60, -40), (40, 60)))
    assert np.abs(z(driver) - at).max() > 0.1

    at = z(driver)
    right_and_down = [Keys.ARROW_RIGHT] * 12 + [Keys.ARROW_DOWN] * 12
    changes(driver, ".plane", lambda: press(driver, *right_and_down))
    step = ask(driver, "return it.plane.view.half / 50")
    np.testing.assert_allclose(z(driver) - at, [12 * step, -12 * step], rtol=1e-6)

    ask(driver, "it.pad.wipe()")
    pad = inside(driver, ".pad")
    changes(driver, ".seen", lambda: drag(driver, pad, (0, -50), (0, 100)))
    browser.wait(driver, lambda _: ask(driver, "return it.state.cloud"), 30, "the cloud")
    cloud = ask(driver, "return it.state.cloud")
    np.testing.assert_allclose(z(driver), cloud["mean"], rtol=1e-6)
    return cloud


# What Jupyter's own console says: without a network, and Notebook 7.6 at every start.
JUPYTERS = "ERR_NAME_NOT_RESOLVED", "reading 'schema'"


def trouble(driver):
    """What the console says of errors, but for what Jupyter says without an explorer, too."""
    return [line for line in browser.errors(driver) if not any(own in line for own in JUPYTERS)]


# ---- a page from the disk ----------------------------------------------------


@pytest.mark.parametrize("name", ["ae_2d", "vae_2d", "cvae_2d"])
def test_page_answers_the_hand_and_asks_no_network(page, name):
    with browser.chromium() as driver:
        driver.get(page(name))
        alive(driver)
        cloud = answers_the_hand(driver)
        assert (cloud["std"] is None) == (name == "ae_2d")
        assert not browser.errors(driver) and not browser.requests(driver)


@pytest.mark.parametrize("name", ["vae_2d", "cvae_2d"])
def test_same_codes_and_images_as_paddle(page, train, name):
    asked = inputs(train)
    script = """return arguments[0].map(({ image, z, label }) => {
      const { mean, std } = it.encode(Float32Array.from(image), label);
      return { mean: [...mean], std: std && [...std], drawn: [...it.decode(z, label)] };
    });"""
    with browser.chromium() as driver:
        driver.get(page(name))
        alive(driver)
        compare(recipes.load(name), asked, ask(driver, script, asked))


def test_a_drawn_one_is_drawn_back_as_a_one(page):
    """A stroke on the pad, shrunk and centred as MNIST does it, reaches the encoder upright."""
    with browser.chromium() as driver:
        driver.get(page("vae_2d"))
        alive(driver)
        drag(driver, inside(driver, ".pad"), (0, -60), (0, 120))
        browser.wait(driver, lambda _: ask(driver, "return !it.undrawn && it.state.cloud"))
        seen = pixels(driver, ".seen").reshape(28, 28)
        rows, columns = np.nonzero(seen > 127)
        assert rows.max() - rows.min() in (18, 19, 20)  # 20 pixels long, as MNIST's are
        assert columns.max() - columns.min() < 6
        assert abs(rows.mean() - 13.5) <= 1 and abs(columns.mean() - 13.5) <= 1
        assert ask(driver, "return it.about.labels[it.partner]") == 1
        ask(driver, "it.pad.wipe()")
        assert ask(driver, "return it.state.cloud") is None


def test_drag_with_a_finger_and_the_second_point(page):
    with browser.chromium(390, 900) as driver:
        driver.get(page("vae_2d"))
        alive(driver)
        plane = inside(driver, ".plane")
        changes(driver, ".big", lambda: touch(driver, plane, (90, 70)))
        first = ask(driver, "return it.state.points.A")
        press(driver, "b")
        changes(driver, ".strip", lambda: touch(driver, plane, (-90, -70)))
        assert ask(driver, "return it.state.active") == "B"
        assert ask(driver, "return it.state.points.A") == first  # only B has moved


def test_walk(page):
    """It begins at A and ends at B, as a strip and as an animation."""
    with browser.chromium() as driver:
        driver.get(page("vae_2d"))
        alive(driver)
        browser.wait(driver, lambda _: ask(driver, "return !it.stale.steps.size"))
        strip = pixels(driver, ".strip").reshape(28, 10, 28)
        for step, name in ((0, "A"), (9, "B")):
            end = np.array(ask(driver, f"return [...it.decode(it.state.points.{name})]"))
            assert np.abs(strip[:, step].ravel() - (end + 1) * 127.5).max() < 2
        changes(driver, ".big", lambda: inside(driver, "[data-do=play]").click())
        browser.wait(driver, lambda _: ask(driver, "return it.state.walker"))
        inside(driver, "[data-do=play]").click()
        assert ask(driver, "return it.state.walker") is None


def test_legend_switches_digits_off_and_map_and_zoom_work(page):
    with browser.chromium() as driver:
        driver.get(page("vae_2d"))
        alive(driver)
        assert ask(driver, "return it.shadowRoot.querySelectorAll('[data-digit]').length") == 10
        label = ask(driver, "return it.about.labels[it.partner]")
        changes(driver, ".plane", lambda: inside(driver, f"[data-digit='{label}']").click())
        browser.wait(driver, lambda _: ask(driver, "return !it.undrawn"))
        assert ask(driver, "return it.about.labels[it.partner]") != label  # not shown, not near
        half = ask(driver, "return it.plane.view.half")
        inside(driver, "[data-do=out]").click()
        assert ask(driver, "return it.plane.view.half") == 2 * half
        inside(driver, "[data-do=all]").click()
        assert ask(driver, "return it.plane.view.half") == half
        browser.wait(driver, lambda _: ask(driver, ALL_DRAWN), 120, "the map")
        changes(driver, ".plane", lambda: inside(driver, "[data-do=map]").click())


def test_conditional_model_shows_ten_images_of_one_z(page):
    with browser.chromium() as driver:
        driver.get(page("cvae_2d"))
        alive(driver)
        browser.wait(driver, lambda _: ask(driver, "return !it.stale.labels.size"), 60, "labels")
        labels = ask(driver, "return it.thumbs.map(({ canvas }) => canvas.toDataURL())")
        assert len(set(labels)) == 10
        other = (ask(driver, "return it.label") + 1) % 10
        changes(driver, ".big", lambda: inside(driver, f"[aria-label='label {other}']").click())
        assert ask(driver, "return it.about.labels[it.partner]") == other


@paddle.no_grad()
def test_border_between_two_images(train, tmp_path):
    """A model of two images: each owns a side of the plane, and the border lies between them.

    The decoder is set by hand: all it draws is one image where z_1 < 0.5 and the other elsewhere.
    """
    two = Dataset(train.images[[5, 25]], train.labels[[5, 25]])
    model = divided(data.scale(two.images))
    explore(model, two.images, two.labels).save(tmp_path / "two.html")
    with browser.chromium() as driver:
        driver.get((tmp_path / "two.html").as_uri())
        alive(driver)
        browser.wait(driver, lambda _: ask(driver, ALL_DRAWN), 120, "the map")
        lean = "return it.plane.decoded.map((_, i) => [it.plane.cellZ(i), it.plane.leaning(i)])"
        for (x, _), leaning in ask(driver, lean):
            assert (leaning > 0) == (x > 0.5)
        sides = {}
        for x in (-1.0, 2.0):
            ask(driver, "it.moveTo([arguments[0], 0])", x)
            browser.wait(driver, lambda _: ask(driver, "return !it.undrawn"))
            sides[x] = ask(driver, "return it.find('.side').textContent")
        assert "first" in sides[-1.0] and "second" in sides[2.0]


def divided(images):
    """A VAE whose decoder draws the one image [2, 1, 28, 28] left of z_1 = 0.5, else the other.

    Pixels are made 2x2 blocks of 14x14: conv1 gives a step in z_1 to channel 0 of 7x7 places.
    """
    model = VAE(Encoder(), Decoder())
    for parameter in model.parameters():
        parameter.set_value(paddle.zeros_like(parameter))
    decoder = model.decoder
    # conv1: at each of 7x7 places channel 0 rises with z_1, in opposite sense in two halves
    coarse = images.reshape([2, 7, 4, 7, 4]).mean([2, 4])  # [2, 7, 7]
    lean = paddle.sign(coarse[1] - coarse[0])
    weight, bias = decoder.conv1.weight.numpy(), decoder.conv1.bias.numpy()
    weight.reshape(32, 7, 7, 2)[0, :, :, 0] = 80 * lean.numpy()
    bias.reshape(32, 7, 7)[0] = -40 * lean.numpy()
    weight.reshape(32, 7, 7, 2)[1, :, :, 0] = -80 * lean.numpy()
    bias.reshape(32, 7, 7)[1] = 40 * lean.numpy()
    decoder.conv1.weight.set_value(weight)
    decoder.conv1.bias.set_value(bias)
    for layer in (decoder.conv2, decoder.conv3):  # pass both channels on, four pixels each
        weight = np.zeros(layer.weight.shape, "float32")
        weight[0, 0, 1:3, 1:3] = weight[1, 1, 1:3, 1:3] = 1
        layer.weight.set_value(weight)
    weight = np.zeros(decoder.conv4.weight.shape, "float32")
    weight[0, 0, 1, 1], weight[0, 1, 1, 1] = 1, -1
    decoder.conv4.weight.set_value(weight)
    return model


def test_light_and_dark_and_nothing_cut_off(page):
    """Readable on both, and no part wider than the screen, at 390 and at 1366 pixels."""
    wide = """const app = it.find(".app"), limit = app.getBoundingClientRect().right + 0.5;
      return [...app.querySelectorAll("*")].filter((part) => !part.closest(".hidden") &&
        part.getBoundingClientRect().right > limit).map((part) => part.outerHTML.slice(0, 80));"""
    for dark in (False, True):
        for width in (390, 1366):
            with browser.chromium(width, 900, dark=dark) as driver:
                driver.get(page("cvae_2d"))
                alive(driver)
                assert not ask(driver, wide)
                scroll = driver.execute_script("return document.documentElement.scrollWidth")
                assert scroll <= width
                assert ask(driver, "return it.plane.dark") is dark
                browser.wait(driver, lambda _: ask(driver, "return !it.undrawn"))
                ground = np.median(pixels(driver, ".plane"))
                assert ground < 60 if dark else ground > 200
                if not dark:  # a page may also change while it is read
                    driver.execute_script("document.documentElement.style.color = '#eee'")
                    browser.wait(driver, lambda _: ask(driver, "return it.plane.dark"))


def test_where_scripts_are_off_the_picture_stays(page):
    with browser.chromium(scripts=False) as driver:
        driver.get(page("vae_2d"))
        image = driver.find_element("css selector", "[id^=explorer-] img")
        assert image.is_displayed() and image.size["width"] > 300
        assert ALIVE in driver.find_element("css selector", "[id^=explorer-]").text


def test_two_on_a_page_live_side_by_side(train, tmp_path):
    models = VAE(), VAE()
    html = "".join(explore(m, train.images[:9], train.labels[:9]).html for m in models)
    (tmp_path / "both.html").write_text('<!DOCTYPE html><meta charset="utf-8">' + html)
    with browser.chromium() as driver:
        driver.get((tmp_path / "both.html").as_uri())
        states = (
            "return [...document.querySelectorAll('[id^=explorer-]')].map(e => e.dataset.state)"
        )
        browser.wait(driver, lambda _: driver.execute_script(states) == ["alive", "alive"])
        codes = (
            "return [...document.querySelectorAll('[id^=explorer-]')].map(e => e.about.codes[0])"
        )
        first, second = driver.execute_script(codes)
        assert first != second
        assert not browser.errors(driver)


# ---- notebooks ---------------------------------------------------------------

CELLS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
---
from paddle_vae import VAE, data, fit, recipes
from paddle_vae.explorer import explore
train = data.load("mnist", "train")
---
fit(VAE(), train[:256], epochs=1);
---
explore(recipes.load("vae_2d"), train.images, train.labels)
"""


def notebook(path):
    cells = [nbformat.v4.new_code_cell(text.strip()) for text in CELLS.split("---")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def test_exported_page(page, tmp_path, train):
    """As `make lesson` writes it: the page leaves the explorer alone."""
    output = nbformat.v4.new_output(
        "execute_result",
        {"text/html": explore(VAE(), train.images, train.labels).html, "text/plain": "it"},
        execution_count=1,
    )
    cells = [
        nbformat.v4.new_markdown_cell("# A page"),
        nbformat.v4.new_code_cell("explore(...)", outputs=[output], execution_count=1),
    ]
    body = pages.notebook_body(nbformat.v4.new_notebook(cells=cells), "page").html
    text = f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n{body}'
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with browser.chromium() as driver:
        driver.get((tmp_path / "page.html").as_uri())
        alive(driver)
        answers_the_hand(driver)
        assert not browser.errors(driver) and not browser.requests(driver)


@contextlib.contextmanager
def serving(app, folder):
    """A Jupyter server on a free port, with settings of its own -> its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    homes += ("JUPYTERLAB_WORKSPACES_DIR", "JUPYTER_RUNTIME_DIR")
    settings = dict(os.environ) | {name: str(folder / "home" / name) for name in homes}
    settings.pop("MPLBACKEND", None)
    command = [
        sys.executable,
        "-m",
        app,
        "--no-browser",
        f"--ServerApp.port={port}",
        "--allow-root",
    ]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += [
        "--ServerApp.port_retries=0",
        "--LabApp.news_url=",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(command, env=settings, stdout=log, stderr=log, cwd=folder)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert server.poll() is None, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()  # it ends its kernels
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


READY = """const panel = window.jupyterapp && jupyterapp.shell.currentWidget;
  const kernel = panel && panel.sessionContext && panel.sessionContext.session?.kernel;
  return kernel && kernel.status === "idle" && document.querySelectorAll(".jp-CodeCell").length;"""
RUN_ALL = """const done = arguments[arguments.length - 1];
  const failed = (error) => done(String(error));
  jupyterapp.commands.execute(arguments[0]).then(() => done("done"), failed);"""
RESTART = """const done = arguments[arguments.length - 1];
  jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(done, done);"""
RED = """const kinds = ["error", "stderr"].map((kind) => `application/vnd.jupyter.${kind}`);
  return [...document.querySelectorAll("[data-mime-type]")]
    .filter((part) => kinds.includes(part.dataset.mimeType))
    .map((part) => part.textContent.trim())
    .filter((text) => text && !/\\d+%\\|/.test(text));  // progress bars may be there"""


@pytest.mark.parametrize(
    ("app", "address"),
    [("jupyterlab", "lab/tree/plane.ipynb"), ("notebook", "notebooks/plane.ipynb")],
)
def test_notebook(app, address, tmp_path):
    """Run to its end: the plane answers, after a reload and a new kernel, too."""
    pytest.importorskip(app, reason=f"no {app} here: pip install -r requirements-browser.txt")
    notebook(tmp_path / "plane.ipynb")
    with serving(app, tmp_path) as server, browser.chromium(1366, 1000) as driver:
        driver.set_script_timeout(300)
        driver.get(f"{server}/{address}")
        browser.wait(driver, lambda _: driver.execute_script(READY), 200, app)
        trouble(driver)  # of the start, before anything is shown: not the explorer's

        assert driver.execute_async_script(RUN_ALL, "notebook:run-all-cells") == "done"
        alive(driver, 300)
        assert not driver.execute_script(RED)
        answers_the_hand(driver)
        keys_stay_inside(driver)
        driver.execute_async_script(RUN_ALL, "docmanager:save")

        driver.get(f"{server}/{address}")
        alive(driver, 120)  # from what was saved: no cell has run again
        answers_the_hand(driver)

        driver.execute_async_script(RESTART)
        answers_the_hand(driver)
        assert not trouble(driver)


def test_untrusted_notebook_shows_the_picture_and_what_to_do(tmp_path, train):
    """As a fresh clone is: JupyterLab takes the script away."""
    pytest.importorskip("jupyterlab")
    html = explore(VAE(), train.images, train.labels).html
    shown = nbformat.v4.new_output("execute_result", {"text/html": html}, execution_count=1)
    cell = nbformat.v4.new_code_cell("explore(...)", outputs=[shown], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "plane.ipynb")
    with serving("jupyterlab", tmp_path) as server, browser.chromium() as driver:
        driver.get(f"{server}/lab/tree/plane.ipynb")
        words = (
            "return document.querySelector('.jp-OutputArea')?.textContent.includes(arguments[0])"
        )
        browser.wait(driver, lambda _: driver.execute_script(words, ALIVE), 120, "the words")
        width = "return document.querySelector('.jp-OutputArea img').naturalWidth"
        browser.wait(driver, lambda _: driver.execute_script(width) > 300, 30, "the picture")


def keys_stay_inside(driver):
    """No key that is pressed in the plane reaches Jupyter: "d d" would delete the cell."""
    from selenium.webdriver.common.keys import Keys

    cells = "return document.querySelectorAll('.jp-CodeCell').length"
    count = driver.execute_script(cells)
    inside(driver, ".plane").click()
    press(driver, "d", "d", "b", Keys.ARROW_UP, "a", Keys.ARROW_DOWN, "x")
    assert driver.execute_script(cells) == count
    assert ask(driver, "return it.shadowRoot.activeElement === it.plane.canvas")
