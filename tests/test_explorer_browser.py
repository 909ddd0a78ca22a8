"""The explorer in a real browser: in a page from the disk, in JupyterLab, and in Notebook 7."""

import contextlib
import functools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from paddle_vae import VAE, Dataset, Encoder, data, recipes
from paddle_vae.explorer import ALIVE, ALIVE_ZH, explore
from paddle_vae.networks import Decoder
from tools import pages

import browser
import nbformat
import numpy as np
import paddle
import pytest
from cells import names
from test_explorer import compare, inputs

pytestmark = browser.needs_chromium

ROOT = Path(__file__).resolve().parent.parent
ELEMENT = "const it = document.querySelector('[id^=explorer-]');"
PAGE = '<!DOCTYPE html>\n<html lang="{}">\n<meta charset="utf-8">\n{}'
ALL_DRAWN = (
    "return it.dataset.state === 'alive' && !it.plane.waiting.length && !it.stale.steps.size"
)


@pytest.fixture(scope="module")
def train():
    return data.load("mnist", "train")


@pytest.fixture(scope="module")
def html(train):
    """A function: the name of a recipe -> the HTML of its explorer."""
    return functools.cache(
        lambda name: explore(recipes.load(name), train.images, train.labels).html
    )


@pytest.fixture
def shown(html, driver, tmp_path):
    """A function: open a page with a recipe's explorer, and wait until it lives."""

    def open_page(name="vae_2d", language="en"):
        path = tmp_path / "page.html"
        path.write_text(PAGE.format(language, html(name)), encoding="utf-8")
        driver.get(path.as_uri())
        alive(driver)
        return driver

    return open_page


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


# Compared in the page: a canvas as numbers is a long way from a browser to Python.
CHANGED = """const canvas = it.find(arguments[0]);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const before = it.before;
  if (arguments[1]) it.before = data;
  return !before || before.length !== data.length
    || data.some((value, i) => Math.abs(value - before[i]) > 40);"""


def changes(driver, selector, action):
    """Do something and wait until what a canvas shows is another picture."""
    ask(driver, CHANGED, selector, True)
    action()
    browser.wait(driver, lambda _: ask(driver, CHANGED, selector, False), 30, f"{selector} changed")


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

    ActionChains(driver).send_keys(*keys).perform()


def drag_and_see(driver, *offsets):
    """Drag the point, by default to the right: another picture is decoded."""
    plane = inside(driver, ".plane")
    at, offsets = z(driver), offsets or ((60, -40), (40, 60))
    changes(driver, ".big", lambda: drag(driver, plane, *offsets))
    assert np.abs(z(driver) - at).max() > 0.1


def answers_the_hand(driver):
    """Drag, arrow keys, and a drawn digit: each changes the picture that is decoded."""
    from selenium.webdriver.common.keys import Keys

    drag_and_see(driver)
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
def test_page_answers_the_hand_and_asks_no_network(shown, name):
    driver = shown(name)
    cloud = answers_the_hand(driver)
    assert (cloud["std"] is None) == (name == "ae_2d")
    assert not browser.errors(driver) and not browser.requests(driver)


def test_same_codes_and_images_as_paddle(shown, train):
    """The browser's own compiler; test_explorer.py asks all three recipes in node."""
    asked = inputs(train, 20)
    script = """return arguments[0].map(({ image, z, label }) => {
      const { mean, std } = it.encode(Float32Array.from(image), label);
      return { mean: [...mean], std: std && [...std], drawn: [...it.decode(z, label)] };
    });"""
    compare(recipes.load("cvae_2d"), asked, ask(shown("cvae_2d"), script, asked))


def test_a_drawn_one_is_drawn_back_as_a_one(shown):
    """A stroke on the pad, shrunk and centred as MNIST does it, reaches the encoder upright."""
    driver = shown()
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


def test_drag_with_a_finger_and_the_second_point(shown):
    driver = shown()
    browser.resize(driver, 390, 900)
    plane = inside(driver, ".plane")
    changes(driver, ".big", lambda: touch(driver, plane, (90, 70)))
    first = ask(driver, "return it.state.points.A")
    press(driver, "b")
    changes(driver, ".strip", lambda: touch(driver, plane, (-90, -70)))
    assert ask(driver, "return it.state.active") == "B"
    assert ask(driver, "return it.state.points.A") == first  # only B has moved


def test_walk_legend_map_and_zoom(shown):
    """The walk begins at A and ends at B, as a strip and as an animation; the buttons work."""
    driver = shown()
    browser.wait(driver, lambda _: ask(driver, ALL_DRAWN), 120, "the map")
    strip = pixels(driver, ".strip").reshape(28, 10, 28)
    for step, name in ((0, "A"), (9, "B")):
        end = np.array(ask(driver, f"return [...it.decode(it.state.points.{name})]"))
        assert np.abs(strip[:, step].ravel() - (end + 1) * 127.5).max() < 2
    changes(driver, ".big", lambda: inside(driver, "[data-do=play]").click())
    browser.wait(driver, lambda _: ask(driver, "return it.state.walker"))
    inside(driver, "[data-do=play]").click()
    assert ask(driver, "return it.state.walker") is None

    changes(driver, ".plane", lambda: inside(driver, "[data-do=map]").click())
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


# Move, and look in the frame in which the decoded image follows: what do the ten show?
IN_ONE_FRAME = """const done = arguments[0], big = it.find(".big");
  const before = big.toDataURL();
  it.moveTo([-1.5, 0.7]);
  const look = () => {
    if (big.toDataURL() === before) return requestAnimationFrame(look);
    done(it.thumbs.map(({ canvas }, label) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, 28, 28);
      const asked = it.decode([-1.5, 0.7], label);
      return Math.max(...asked.map((value, i) => Math.abs(data[4 * i] - (value + 1) * 127.5)));
    }));
  };
  requestAnimationFrame(look);"""


def test_conditional_model_shows_ten_images_of_one_z_in_one_frame(shown):
    driver = shown("cvae_2d")
    away = driver.execute_async_script(ELEMENT + IN_ONE_FRAME)
    assert len(away) == 10 and max(away) < 1
    other = (ask(driver, "return it.label") + 1) % 10
    changes(driver, ".big", lambda: inside(driver, f"[aria-label='label {other}']").click())
    assert ask(driver, "return it.about.labels[it.partner]") == other


@paddle.no_grad()
def test_border_between_two_images(train, driver, tmp_path):
    """A model of two images: each owns a side of the plane, and the border lies between them.

    The decoder is set by hand: all it draws is one image where z_1 < 0.5 and the other elsewhere.
    """
    two = Dataset(train.images[[5, 25]], train.labels[[5, 25]])
    model = divided(data.scale(two.images))
    explore(model, two.images, two.labels).save(tmp_path / "two.html")
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


WIDE = """const app = it.find(".app"), limit = app.getBoundingClientRect().right + 0.5;
  return [...app.querySelectorAll("*")].filter((part) => !part.closest(".hidden") &&
    part.getBoundingClientRect().right > limit).map((part) => part.outerHTML.slice(0, 80));"""


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_light_and_dark_and_nothing_cut_off(shown, language):
    """Readable on both, and no part wider than the screen, at 390 and at 1366 pixels."""
    driver = shown("cvae_2d", language)
    words = {"en": "Decoded at A", "zh-CN": "A 点的解码图像"}[language]
    browser.wait(driver, lambda _: ask(driver, "return it.find('.name').textContent") == words)
    for width in (390, 1366):
        browser.resize(driver, width, 900)
        assert not ask(driver, WIDE)
        scroll = driver.execute_script("return document.documentElement.scrollWidth")
        assert scroll <= width
    # a page may change while it is read, and what is light at first may be dark
    for colour, ground in (("#eee", 60), ("#111", 200)):
        driver.execute_script("document.documentElement.style.color = arguments[0]", colour)
        dark = ground < 128
        browser.wait(driver, lambda _, dark=dark: ask(driver, "return it.plane.dark") is dark)

        def right(_, dark=dark, ground=ground):
            now = np.median(pixels(driver, ".plane"))
            return now < ground if dark else now > ground

        browser.wait(driver, right, 30, f"the plane on {colour}")


def test_where_scripts_are_off_the_picture_stays(html, driver, tmp_path):
    browser.let_scripts_run(driver, False)
    (tmp_path / "page.html").write_text(PAGE.format("en", html("vae_2d")), encoding="utf-8")
    driver.get((tmp_path / "page.html").as_uri())
    image = driver.find_element("css selector", "[id^=explorer-] img")
    assert image.is_displayed() and image.size["width"] > 300
    text = driver.find_element("css selector", "[id^=explorer-]").text
    assert ALIVE in text and ALIVE_ZH in text


def test_two_on_a_page_live_side_by_side(html, driver, tmp_path):
    both = PAGE.format("zh", html("vae_2d") + html("ae_2d"))
    both = both.replace('id="explorer-', 'data-lang="en" id="explorer-', 1)  # it has its own
    (tmp_path / "both.html").write_text(both, encoding="utf-8")
    driver.get((tmp_path / "both.html").as_uri())
    each = "return [...document.querySelectorAll('[id^=explorer-]')].map((e) => {})"
    browser.wait(
        driver, lambda _: driver.execute_script(each.format("e.dataset.state")) == ["alive"] * 2
    )
    first, second = driver.execute_script(each.format("e.about.codes[0]"))
    assert first != second
    assert driver.execute_script(each.format("e.words.lang")) == ["en", "zh-CN"]
    assert not browser.errors(driver)


def test_exported_page(html, driver, tmp_path):
    """As `make lesson` writes it: the page leaves the explorer alone."""
    shown = {"text/html": html("vae_2d"), "text/plain": "it"}
    output = nbformat.v4.new_output("execute_result", shown, execution_count=1)
    cells = [
        nbformat.v4.new_markdown_cell("# A page"),
        nbformat.v4.new_code_cell("explore(...)", outputs=[output], execution_count=1),
    ]
    body = pages.notebook_body(nbformat.v4.new_notebook(cells=cells), "page").html
    (tmp_path / "page.html").write_text(PAGE.format("en", body), encoding="utf-8")
    driver.get((tmp_path / "page.html").as_uri())
    alive(driver)
    drag_and_see(driver)
    assert not browser.errors(driver) and not browser.requests(driver)


# ---- notebooks ---------------------------------------------------------------


def lesson(name):
    """A lesson's notebook as it is committed, cut down to the cells that its explorer needs.

    The cell that shows it, and each one before it that defines a name which one of these reads.
    """
    [path] = (ROOT / "notebooks").glob(f"{name}_*.ipynb")
    book = nbformat.read(path, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    last = next(i for i, cell in enumerate(code) if "explore(" in cell.source)
    kept, needed = [], set()
    for i, cell in reversed(list(enumerate(code[: last + 1]))):
        gives, takes = names(cell.source)
        if i == last or gives & needed:
            kept.insert(0, cell)
            needed = needed - gives | takes
    book.cells = kept
    return book


@contextlib.contextmanager
def serving(folder):
    """JupyterLab's server on a free port, with settings of its own -> its address.

    Where Notebook 7 is installed, it serves that, too.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    homes += ("JUPYTERLAB_WORKSPACES_DIR", "JUPYTER_RUNTIME_DIR")
    settings = dict(os.environ) | {name: str(folder / "home" / name) for name in homes}
    settings.pop("MPLBACKEND", None)
    settings["PYTHONPATH"] = str(ROOT)  # of the kernels
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--LabApp.news_url="]
    for app in ("LabApp", "JupyterNotebookApp"):
        command.append(f"--{app}.expose_app_in_browser=True")
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


UNTRUSTED = """const picture = document.querySelector(".jp-OutputArea img");
  return picture && picture.naturalWidth > 300 && !document.querySelector("[data-state=alive]");"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server, in whose folder a lesson's notebook lies as a clone has it."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("server")
    nbformat.write(lesson("06"), folder / "lesson.ipynb")
    with serving(folder) as address:
        yield address


def run_all(driver):
    driver.set_script_timeout(300)
    assert driver.execute_async_script(RUN_ALL, "notebook:run-all-cells") == "done"
    alive(driver, 300)
    assert not driver.execute_script(RED)


def test_lesson_in_jupyterlab(server, driver):
    """As a clone opens it; run to its end; after a reload; and with a new kernel."""
    browser.resize(driver, 1366, 1000)
    driver.get(f"{server}/lab/tree/lesson.ipynb")
    browser.wait(driver, lambda _: driver.execute_script(READY), 200, "JupyterLab")
    # Nobody trusts it yet: JupyterLab takes the script away, and the picture stays.
    browser.wait(driver, lambda _: driver.execute_script(UNTRUSTED), 60, "the picture")
    words = "return [...document.querySelectorAll('.jp-OutputArea')].map((e) => e.textContent)"
    assert ALIVE in " ".join(driver.execute_script(words))
    trouble(driver)  # of the start, before anything is alive: not the explorer's

    run_all(driver)
    answers_the_hand(driver)
    keys_stay_inside(driver)
    assert driver.execute_async_script(RUN_ALL, "docmanager:save") == "done"

    driver.get(f"{server}/lab/tree/lesson.ipynb")
    alive(driver, 120)  # from what was saved: no cell has run again
    drag_and_see(driver, (-60, 40))
    driver.execute_async_script(RESTART)
    answers_the_hand(driver)
    assert not trouble(driver)


def test_lesson_in_notebook_7(server, driver):
    """The same file and kernel in the other front end, after the test before."""
    pytest.importorskip("notebook", reason="no Notebook 7: pip install -r requirements-browser.txt")
    browser.resize(driver, 1366, 1000)
    driver.get(f"{server}/notebooks/lesson.ipynb")
    browser.wait(driver, lambda _: driver.execute_script(READY), 200, "Notebook 7")
    trouble(driver)
    run_all(driver)
    answers_the_hand(driver)
    keys_stay_inside(driver)
    assert not trouble(driver)


def keys_stay_inside(driver):
    """No key that is pressed in the plane reaches Jupyter: "d d" would delete the cell."""
    from selenium.webdriver.common.keys import Keys

    cells = "return document.querySelectorAll('.jp-CodeCell').length"
    count = driver.execute_script(cells)
    inside(driver, ".plane").click()
    press(driver, "d", "d", "b", Keys.ARROW_UP, "a", Keys.ARROW_DOWN, "x")
    assert driver.execute_script(cells) == count
    assert ask(driver, "return it.shadowRoot.activeElement === it.plane.canvas")
