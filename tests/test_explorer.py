"""The explorer: what it embeds, what it refuses, and that its JavaScript computes what Paddle does.

What a reader sees and does in a browser is in test_explorer_browser.py.
"""

import base64
import io
import json
import re
import shutil
import subprocess

from paddle_vae import VAE, Autoencoder, Decoder, Encoder, data, recipes
from paddle_vae.explorer import ALIVE, ALIVE_ZH, SCRIPTS, Explorer, explore, script
from paddle_vae.networks import MLPDecoder, MLPEncoder
from tools import committed

import matplotlib.image
import nbformat
import numpy as np
import paddle
import pytest
from matplotlib import pyplot as plt
from refusal import refused

NAMES = "ae_2d", "vae_2d", "cvae_2d"


@pytest.fixture(scope="module")
def train():
    return data.load("mnist", "train")


@pytest.fixture(scope="module", params=NAMES)
def shown(request, train):
    """A recipe's model and its explorer."""
    model = recipes.load(request.param)
    return model, explore(model, train.images, train.labels)


def packed(explorer):
    return re.search(r'const PACKED = "([\w+/=]+)";', explorer.html)[1]


def test_makes_no_notebook_grow_by_more_than_500_kb(shown):
    assert 100_000 < len(committed.text(committed_with(shown[1]))) < 500_000


def committed_with(explorer):
    """A notebook whose one cell shows it, in the form in which notebooks are committed."""
    shown = {"text/html": explorer._repr_html_(), "text/plain": repr(explorer)}
    output = nbformat.v4.new_output("display_data", shown)
    cell = nbformat.v4.new_code_cell("explore(...)", outputs=[output])
    return committed.normalise(nbformat.v4.new_notebook(cells=[cell]))


def test_is_the_same_in_every_run(train):
    model, labels = Autoencoder(), train.labels[:40]
    first = explore(model, train.images[:40], labels).html
    assert first == explore(model, train.images[:40], labels).html
    other = explore(Autoencoder(), train.images[:40], labels).html
    mark = re.compile(r'id="(explorer-\w+)"')
    assert mark.search(first)[1] != mark.search(other)[1]


def test_asks_no_network_and_ends_no_script_early(shown):
    html = shown[1].html
    assert not re.search(r"https?:|//\w+\.|@import|url\(|import\(|fetch\(", html)
    assert html.count("<script") == html.count("</script>") == 1
    assert "<!--" not in html and 'type="module"' not in html


def test_without_scripts_there_is_a_picture_and_what_to_do(shown):
    html = shown[1].html.split("<script>")[0]
    picture = base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', html)[1])
    pixels = matplotlib.image.imread(io.BytesIO(picture), format="png")
    assert pixels.shape[0] == pixels.shape[1] >= 400
    assert 0.6 < pixels.mean() < 0.98 and pixels[..., :3].std(axis=2).max() > 0.2  # colours on pale
    assert len(re.search(r'alt="([^"]+)"', html)[1]) > 40
    assert ALIVE in html and ALIVE_ZH in html


def test_opens_no_figure_of_the_notebooks(train):
    before = plt.get_fignums()
    explore(VAE(), train.images[:5], train.labels[:5])
    assert plt.get_fignums() == before


def test_leaves_the_model_as_it_was(train):
    model = VAE()
    model.train()
    explore(model, train.images[:5], train.labels[:5])
    assert model.training
    model.eval()
    explore(model, train.images[:5], train.labels[:5])
    assert not model.training


def test_shows_the_first_images(train):
    assert "the codes of 7 images" in repr(explore(VAE(), train.images, train.labels, count=7))


def test_stays_in_a_committed_notebook(train):
    explorer = explore(VAE(), train.images[:5], train.labels[:5])
    output = committed_with(explorer).cells[0].outputs[0]
    assert output.data["text/html"] == explorer.html


def test_page_of_its_own(train, tmp_path):
    explorer = explore(VAE(), train.images[:5], train.labels[:5])
    explorer.save(tmp_path / "plane.html")
    page = (tmp_path / "plane.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>") and explorer.html in page
    refused(lambda: explorer.save(tmp_path / "plane.png"), "path", ".html")
    refused(lambda: Explorer("", "").save(3), "path")


@pytest.mark.parametrize(
    ("model", "word"),
    [
        (lambda: VAE(Encoder(latent_dim=3), Decoder(latent_dim=3)), "3 latent dimensions"),
        (lambda: VAE(MLPEncoder(2, [8]), MLPDecoder(2, [8])), "MLPEncoder"),
        (lambda: VAE(decoder=MLPDecoder(2, [8])), "MLPDecoder"),
        (lambda: Encoder(), "Encoder"),
        (lambda: None, "NoneType"),
    ],
)
def test_refuses_models_that_the_page_cannot_compute(model, word, train):
    refused(lambda: explore(model(), train.images[:5], train.labels[:5]), "model", word)


def test_refuses_weights_that_are_not_finite(train):
    model = VAE()
    model.encoder.conv_mean.bias.set_value(paddle.full([2], np.nan))
    refused(lambda: explore(model, train.images[:5], train.labels[:5]), "model", "finite")
    model = VAE()
    model.decoder.conv4.bias.set_value(paddle.full([1], np.inf))
    refused(lambda: explore(model, train.images[:5], train.labels[:5]), "model", "finite")


def test_refuses_images_and_labels_that_do_not_fit(train):
    model, images, labels = VAE(), train.images[:5], train.labels[:5]
    refused(lambda: explore(model, images / 255, labels), "images", "uint8")
    refused(lambda: explore(model, images[:, 0], labels), "images", [5, 28, 28])
    refused(lambda: explore(model, images[:0], labels[:0]), "images")
    refused(lambda: explore(model, images, labels[:4]), "labels", "5")
    refused(lambda: explore(model, images, labels + 0.5), "labels")
    refused(lambda: explore(model, images, labels - 10), "labels", "0..9")
    refused(lambda: explore(model, images, labels, count=0), "count")


NODE = shutil.which("node")
needs_node = pytest.mark.skipif(not NODE, reason="no node here; a browser test does the same")


def node(code):
    """What a program prints, as JSON."""
    done = subprocess.run([NODE, "-"], input=code, capture_output=True, text=True, encoding="utf-8")
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


# ---- two languages ------------------------------------------------------------


def test_language_is_named_only_where_it_is_asked_for(train, monkeypatch):
    """So that a notebook's output is the same in both languages: the page knows its own."""

    def html():
        return explore(recipes.load("vae_2d"), train.images[:5], train.labels[:5]).html

    monkeypatch.delenv("PADDLE_VAE_LANG", raising=False)
    plain = html()
    assert "data-lang=" not in plain
    monkeypatch.setenv("PADDLE_VAE_LANG", "en_GB")
    assert html() == plain
    monkeypatch.setenv("PADDLE_VAE_LANG", "zh_CN")
    assert html().replace(' data-lang="zh"', "") == plain != html()


ALL_WORDS = """
const { WORDS, wordsFor, page } = new Function(
  SOURCE + "; return { WORDS, wordsFor, page };")();
const said = (words) => Object.fromEntries(Object.entries(words).map(([name, word]) =>
  [name, typeof word === "function" ? word("3.14", "2.72") : word]));
const arguments = (words) => Object.fromEntries(Object.entries(words).map(([name, word]) =>
  [name, typeof word === "function" ? word.length : -1]));
const chosen = [["", "en"], ["", "zh-CN"], ["", "de"], ["en", "zh"], ["zh", "en"], ["", ""]].map(
  ([asked, lang]) => {
    globalThis.document = { documentElement: { lang } };
    return wordsFor({ dataset: asked ? { lang: asked } : {} }).lang;
  });
const { en, zh } = WORDS;
console.log(JSON.stringify({ chosen, en: said(en), zh: said(zh), page: page(zh),
  arguments: [arguments(en), arguments(zh)] }));
"""


@needs_node
def test_every_word_in_both_languages():
    source = script()[0].split("class Plane")[0]
    said = node(f"const SOURCE = {json.dumps(source)};\n" + ALL_WORDS)
    assert said["chosen"] == ["en", "zh-CN", "en", "en", "zh-CN", "en"]
    assert said["arguments"][0] == said["arguments"][1]
    han = re.compile("[\u4e00-\u9fff]")
    for name, word in said["zh"].items():
        assert name == "lang" or han.search(word) and not han.search(said["en"][name]), name
        words = re.findall("[A-Za-z]{2,}", word)
        assert set(words) <= {"Shift", "zh", "CN"}, f"{name}: {words}"
        numbers = re.findall(r"3\.14|2\.72", said["en"][name])
        assert re.findall(r"3\.14|2\.72", word) == numbers, name
    assert "undefined" not in said["page"]


def test_words_stand_in_one_file():
    """No text between tags, no label and no message is written anywhere else."""
    for path in SCRIPTS:
        lines = path.read_text(encoding="utf-8").splitlines()
        code = "\n".join(line for line in lines if not line.strip().startswith("//"))
        if path.name != "explorer_words.js":
            assert not re.search(r">\s*[A-Za-z]{2,}[^<>{}`]*</", code), path.name
            assert not re.search(r'(aria-\w+|title)="[^"$]*[a-z]{2,} [^"$]*"', code), path.name
            assert code.isascii(), path.name


# ---- the networks in JavaScript ----------------------------------------------


def test_script_keeps_its_code_and_drops_comments():
    source, version = script()
    assert "function transposed(" in source and re.fullmatch(r"[0-9a-f]{8}", version)
    assert not re.search(r"^\s*//", source, re.M)


RUN = """
const { unpack, encode, decode, simd } = new Function("WebAssembly",
  SOURCE + "; return { unpack, encode, decode, simd };")(SIMD ? WebAssembly : undefined);
(async () => {
  const { about, layers, pixels } = await unpack(PACKED);
  const answers = INPUTS.map(({ image, z, label }) => {
    const { mean, std } = encode(layers, Float32Array.from(image), label);
    const drawn = decode(layers, z, label, about.conditional);
    return { mean: [...mean], std: std && [...std], drawn: [...drawn] };
  });
  const first = [...pixels.subarray(0, 784)];
  console.log(JSON.stringify({ answers, pixels: first, simd: simd !== null }));
})();
"""


@needs_node
@pytest.mark.parametrize("simd", [True, False])  # four numbers at a time, and where none may be
def test_same_codes_and_images_as_paddle(shown, train, simd):
    model, explorer = shown
    source = script()[0].split("class Plane")[0]  # the networks: all that needs no page
    answers = inputs(train)
    values = {"SOURCE": source, "PACKED": packed(explorer), "INPUTS": answers, "SIMD": simd}
    said = node("".join(f"const {name} = {json.dumps(v)};\n" for name, v in values.items()) + RUN)
    assert said["simd"] is simd
    compare(model, answers, said["answers"])
    assert np.abs(np.array(said["pixels"]) - train.images[0].ravel()).max() <= 9  # 16 greys


def inputs(train, count=100):
    """Images, some z all over the plane, and labels, which need not be the images' own."""
    rng = np.random.default_rng(0)
    images = data.scale(train.images[1000 : 1000 + count]).numpy()
    z = rng.uniform(-4, 4, (count, 2)).astype("float32")
    labels = rng.integers(0, 10, count)
    rows = zip(images.reshape(count, -1), z, labels, strict=True)
    return [{"image": i.tolist(), "z": p.tolist(), "label": int(n)} for i, p, n in rows]


@paddle.no_grad()
def compare(model, asked, answers):
    """The page's images within 1e-3 of Paddle's, its codes within 1e-3 or that share of them."""
    image, z, label = (np.array([row[key] for row in asked]) for key in ("image", "z", "label"))
    x = paddle.to_tensor(image.astype("float32").reshape(-1, 1, 28, 28))
    given = (label,) if model.conditional else ()
    drawn = model.decode(paddle.to_tensor(z.astype("float32")), *given).numpy()
    assert np.abs(drawn.reshape(len(z), -1) - [row["drawn"] for row in answers]).max() < 1e-3
    if isinstance(model, Autoencoder):
        mean = model.encode(x).numpy()
        assert all(row["std"] is None for row in answers)
    else:
        mean, logvar = (array.numpy() for array in model.encode(x, *given))
        std = [row["std"] for row in answers]
        np.testing.assert_allclose(std, np.exp(0.5 * logvar), rtol=2e-3)
    np.testing.assert_allclose([row["mean"] for row in answers], mean, rtol=1e-3, atol=1e-3)
