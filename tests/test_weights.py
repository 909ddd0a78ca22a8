"""Weights come back as they were saved, and no file can do more than that."""

import copyreg
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import threading
from collections import OrderedDict

from paddle_vae import weights
from paddle_vae.errors import InputError
from paddle_vae.models import VAE, Autoencoder
from paddle_vae.networks import Decoder, Encoder

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.nn import functional as F
from refusal import refused
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

# Lesson L1's networks from its table, in plain paddle.nn: what learners hold weights of.


class LessonEncoder(nn.Layer):
    def __init__(self, with_label):
        super().__init__()
        if with_label:
            self.conv_label = nn.Conv2D(10, 784, 1, 1, 0)
        self.conv1 = nn.Conv2D(2 if with_label else 1, 32, 4, 2, 1)
        self.conv2 = nn.Conv2D(32, 64, 4, 2, 1)
        self.conv_mean = nn.Conv2D(3136, 2, 1, 1, 0)
        self.conv_logvar = nn.Conv2D(3136, 2, 1, 1, 0)

    def forward(self, x, label=None):
        if label is not None:
            x = paddle.concat([x, paddle.reshape(self.conv_label(label), [-1, 1, 28, 28])], 1)
        x = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x))))
        x = paddle.reshape(x, [-1, 3136, 1, 1])
        return self.conv_mean(x), self.conv_logvar(x)


class LessonDecoder(nn.Layer):
    def __init__(self, with_label):
        super().__init__()
        self.conv1 = nn.Conv2D(12 if with_label else 2, 1568, 1, 1, 0)
        self.conv2 = nn.Conv2DTranspose(32, 64, 4, 2, 1)
        self.conv3 = nn.Conv2DTranspose(64, 32, 4, 2, 1)
        self.conv4 = nn.Conv2D(32, 1, 3, 1, 1)

    def forward(self, z, label=None):
        z = z if label is None else paddle.concat([z, label], 1)
        x = paddle.reshape(F.leaky_relu(self.conv1(z)), [-1, 32, 7, 7])
        return F.tanh(self.conv4(F.leaky_relu(self.conv3(F.leaky_relu(self.conv2(x))))))


def our_vae(conditional=False):
    return VAE(Encoder(conditional=conditional), Decoder(conditional=conditional))


def content(model):
    """A copy of a model's weights."""
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def equal(one, two):
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


# safetensors


@pytest.mark.parametrize("make", [Autoencoder, our_vae, lambda: our_vae(True)])
def test_round_trip(tmp_path, make):
    model, other = make(), make()
    metadata = {"recipe": "vae_2d", "loss": "129.5", "note": "β = 1"}
    weights.save(model, tmp_path / "w.safetensors", metadata)
    assert not equal(content(model), content(other))
    assert weights.load(other, str(tmp_path / "w.safetensors")) == metadata
    assert equal(content(model), content(other))
    assert os.listdir(tmp_path) == ["w.safetensors"]


def test_other_tools_read_the_file(tmp_path):
    model = our_vae()
    weights.save(model, tmp_path / "w.safetensors", {"seed": "0"})
    assert equal(load_file(tmp_path / "w.safetensors"), content(model))
    with safe_open(tmp_path / "w.safetensors", framework="numpy") as file:
        assert file.metadata() == {"seed": "0"}


def test_buffers_are_saved_too(tmp_path):
    one, two = nn.BatchNorm2D(3), nn.BatchNorm2D(3)
    one(paddle.randn([4, 3, 5, 5]))
    weights.save(one, tmp_path / "w.safetensors")
    assert weights.load(two, tmp_path / "w.safetensors") == {}
    assert equal(content(one), content(two))


def test_saving_gives_the_same_bytes(tmp_path):
    model = nn.Linear(3, 5)
    metadata = {letter: letter for letter in "qwertyuiop"}
    blobs = set()
    for order in (sorted(metadata), sorted(metadata, reverse=True)) * 4:
        weights.save(model, tmp_path / "w.safetensors", {key: key for key in order})
        blobs.add((tmp_path / "w.safetensors").read_bytes())
    assert len(blobs) == 1


def test_a_failed_save_leaves_what_was_there(tmp_path, monkeypatch):
    model = nn.Linear(3, 5)
    weights.save(model, tmp_path / "w.safetensors")
    before = (tmp_path / "w.safetensors").read_bytes()
    model.weight.set_value(np.full((3, 5), np.nan, "f4"))
    refused(lambda: weights.save(model, tmp_path / "w.safetensors"), "weight", "w.safetensors")
    model.weight.set_value(np.zeros((3, 5), "f4"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    refused(lambda: weights.save(model, tmp_path / "w.safetensors"), "w.safetensors")
    assert (tmp_path / "w.safetensors").read_bytes() == before
    assert os.listdir(tmp_path) == ["w.safetensors"]
    refused(lambda: weights.save(model, tmp_path / "none" / "w.safetensors"), "none")


def without_bias(arrays):
    del arrays["bias"]


def with_extra(arrays):
    arrays["extra"] = arrays["bias"]


def transposed(arrays):
    arrays["weight"] = np.ascontiguousarray(arrays["weight"].T)


def as_finer_doubles(arrays):
    arrays["weight"] = arrays["weight"] + np.full((3, 5), 1e-12)


def as_huge_doubles(arrays):
    arrays["weight"] = arrays["weight"].astype("f8") + 1e300


def as_integers(arrays):
    arrays["weight"] = np.zeros((3, 5), "i4")


def as_a_number(arrays):
    arrays["bias"] = 3.5


def with_nan(arrays):
    arrays["bias"][-1] = np.nan


def with_infinity(arrays):
    arrays["bias"][-1] = np.inf


BAD = [without_bias, with_extra, transposed, with_nan, with_infinity]
BAD += [as_finer_doubles, as_huge_doubles, as_integers]


@pytest.mark.parametrize("change", BAD)
def test_weights_that_do_not_fit(tmp_path, change):
    arrays = content(nn.Linear(3, 5))
    change(arrays)
    save_file(arrays, tmp_path / "w.safetensors")
    model = nn.Linear(3, 5)
    before = content(model)
    refused(lambda: weights.load(model, tmp_path / "w.safetensors"), tmp_path / "w.safetensors")
    assert equal(content(model), before)


def test_damaged_safetensors(tmp_path):
    model, file = nn.Linear(3, 5), tmp_path / "w.safetensors"
    weights.save(model, file)
    whole, before = file.read_bytes(), content(model)
    cut = [whole[:n] for n in (0, 4, 8, 40, len(whole) - 1)]
    for blob in (*cut, whole + b"\0", b"\xff" * 64, b"version https://git-lfs", pickle.dumps({})):
        file.write_bytes(blob)
        refused(lambda: weights.load(model, file), file)
    file.unlink()
    refused(lambda: weights.load(model, file), file)
    refused(lambda: weights.load(model, tmp_path), tmp_path)
    assert equal(content(model), before)


# Weights of lesson L1


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("conditional", [False, True])
def test_lesson_weights_give_the_same_images(tmp_path, conditional, protocol):
    paddle.seed(0)
    encoder, decoder = LessonEncoder(conditional), LessonDecoder(conditional)
    for part, network in (("encoder", encoder), ("decoder", decoder)):
        path = str(tmp_path / f"D_{part}_{conditional}.pdparams")
        paddle.save(network.state_dict(), path, protocol=protocol)
    model = our_vae(conditional)
    weights.load_lesson(model, tmp_path, "D", conditional)

    image = paddle.uniform([6, 1, 28, 28])
    digit = paddle.arange(6)
    one_hot = F.one_hot(digit, 10).reshape([6, 10, 1, 1]) if conditional else None
    label = digit if conditional else None
    for theirs, ours in zip(encoder(image, one_hot), model.encode(image, label), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.flatten(1).numpy(), atol=5e-5)
    z = paddle.randn([6, 2])
    theirs = decoder(z.reshape([6, 2, 1, 1]), one_hot).numpy()
    np.testing.assert_allclose(model.decode(z, label).numpy(), theirs, atol=5e-5)


def write_lesson(folder, conditional=False):
    for part, network in (("encoder", LessonEncoder), ("decoder", LessonDecoder)):
        path = str(folder / f"A_{part}_{conditional}.pdparams")
        paddle.save(network(conditional).state_dict(), path)


def test_lesson_weights_that_do_not_fit(tmp_path):
    write_lesson(tmp_path)
    model = our_vae()
    before = content(model)
    refused(lambda: weights.load_lesson(model, tmp_path, "B"), "B_encoder_False.pdparams")
    refused(lambda: weights.load_lesson(model, tmp_path, "A", True), "A_encoder_True.pdparams")
    for part in ("encoder", "decoder"):  # the decoder's too leaves the encoder as it was
        file = tmp_path / f"A_{part}_False.pdparams"
        whole = file.read_bytes()
        other = LessonEncoder(True) if part == "encoder" else LessonDecoder(True)
        paddle.save(other.state_dict(), str(file))
        refused(lambda: weights.load_lesson(model, tmp_path), file)
        for blob in (whole[: len(whole) // 2], whole[:-1], b"", b"<html>", pickle.dumps([1])):
            file.write_bytes(blob)
            refused(lambda: weights.load_lesson(model, tmp_path), file)
        file.write_bytes(whole)
    assert equal(content(model), before)
    weights.load_lesson(model, tmp_path)
    assert not equal(content(model), before)


@pytest.mark.parametrize("change", [*BAD, as_a_number])
def test_pdparams_that_do_not_fit(tmp_path, change):
    arrays = content(nn.Linear(3, 5))
    change(arrays)
    for part in ("encoder", "decoder"):
        paddle.save(arrays, str(tmp_path / f"A_{part}_False.pdparams"))
    model = Autoencoder(nn.Linear(3, 5), nn.Linear(3, 5))
    before = content(model)
    refused(lambda: weights.load_lesson(model, tmp_path), "A_encoder_False.pdparams")
    assert equal(content(model), before)


# The reader of pickles


def read(tmp_path, blob):
    (tmp_path / "w.pdparams").write_bytes(blob)
    return weights.read_pdparams(tmp_path / "w.pdparams")


def old_numpy(blob):
    """The same pickle as NumPy 1 writes it."""
    if blob[1] == 4:  # text has its length before it, and so has the whole: leave that out
        blob = blob[:2] + blob[11:]
        return blob.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    return blob.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


@pytest.mark.parametrize("rewrite", [bytes, old_numpy])
@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8", "u1"])
def test_what_numpy_pickles_is_read(tmp_path, protocol, dtype, rewrite):
    arrays = {"a": np.arange(12).reshape(3, 4).astype(dtype), "b.c": np.array(3).astype(dtype)}
    arrays["turned"] = np.asfortranarray(arrays["a"])
    blob = rewrite(pickle.dumps({**arrays, "StructuredToParameterName@@": {"a": "w_0"}}, protocol))
    if rewrite is old_numpy:
        assert b"_core" not in blob
    found = read(tmp_path, blob)
    assert equal(found, arrays) and found["a"].dtype == dtype
    assert equal(found, pickle.loads(pickle.dumps(arrays)))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_tensors_saved_as_name_and_array(tmp_path, protocol):
    tensor = paddle.randn([2, 3])
    paddle.save({"w": tensor, "n": tensor}, str(tmp_path / "t"), protocol=protocol)
    pairs = {"w": (tensor.name, tensor.numpy())}
    for blob in ((tmp_path / "t").read_bytes(), pickle.dumps(pairs, protocol)):
        np.testing.assert_array_equal(read(tmp_path, blob)["w"], tensor.numpy())


def test_a_state_dict_alone_has_arrays(tmp_path):
    for value in (3, [np.zeros(2)], np.float32(1), "w", np.zeros(2)):
        refused(lambda value=value: read(tmp_path, pickle.dumps(value, 4)), "w.pdparams")


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_checkpoint_gives_nested_dictionaries(tmp_path, protocol):
    """Paddle saves state_dict() as an OrderedDict."""
    encoder, decoder = nn.Linear(3, 5), nn.Linear(5, 3)
    rest = {"epoch": 7, "loss": 0.5, "note": "L1", "best": True}
    rest |= {"losses": [1.5, 0.5], "last": np.float32(0.1)}
    whole = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict(), **rest}
    paddle.save(whole, str(tmp_path / "w.pdparams"), protocol=protocol)
    found = weights.read_pdparams(tmp_path / "w.pdparams")
    assert found.keys() == whole.keys() and {name: found[name] for name in rest} == rest
    assert equal(found["encoder"], content(encoder)) and equal(found["decoder"], content(decoder))
    assert type(found["last"]) is np.float32
    encoder.set_state_dict(found["decoder"] and found["encoder"])


def test_a_checkpoint_is_described_by_what_it_holds(tmp_path):
    model = nn.Linear(3, 5)
    before, file = content(model), tmp_path / "w.pdparams"
    paddle.save({"model": nn.Linear(3, 5).state_dict(), "epoch": 3}, str(file))
    refused(
        lambda: weights.load(model, file), file, "'model', 'epoch'", "read_pdparams", "['model']"
    )
    paddle.save(nn.Linear(3, 5).state_dict(), str(file))
    refused(lambda: weights.load(model, file), file, "2 arrays", "read_pdparams", "load_lesson")
    optimizer = paddle.optimizer.Adam(
        paddle.optimizer.lr.StepDecay(0.1, 2), parameters=model.parameters()
    )
    model(paddle.zeros([1, 3])).sum().backward()
    optimizer.step()
    paddle.save(optimizer.state_dict(), str(tmp_path / "w.pdopt"))
    refused(lambda: weights.load(model, tmp_path / "w.pdopt"), "w.pdopt", "optimizer")
    assert weights.read_pdparams(tmp_path / "w.pdopt")["LR_Scheduler"]["last_epoch"] == 0
    for blob in (pickle.dumps({"w": Reduced(trap, ())}), b"\x80\4."):
        file.write_bytes(blob)
        refused(lambda: weights.load(model, file), file)
    assert not RAN
    model.set_state_dict(before)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_floats_change_their_width_where_nothing_is_lost(tmp_path, dtype):
    model = Autoencoder(nn.Linear(3, 5), nn.Linear(3, 5))
    exact = {name: value.astype("f2") for name, value in content(nn.Linear(3, 5)).items()}
    arrays = {name: value.astype(dtype) for name, value in exact.items()}
    for part in ("encoder", "decoder"):
        paddle.save(arrays, str(tmp_path / f"A_{part}_False.pdparams"))
    weights.load_lesson(model, tmp_path)
    assert equal(content(model.encoder), exact) and model.encoder.weight.dtype == paddle.float32
    save_file(arrays, tmp_path / "w.safetensors")
    other = nn.Linear(3, 5)
    weights.load(other, tmp_path / "w.safetensors")
    assert equal(content(other), exact)


def test_doubles_that_lose_digits_are_told_what_to_do(tmp_path):
    """What is advised works."""
    network, model = nn.Linear(3, 5), nn.Linear(3, 5)
    network.to(dtype="float64")
    network.weight.set_value(np.full((3, 5), 0.1))
    file = str(tmp_path / "w.safetensors")
    weights.save(network, file)
    refused(lambda: weights.load(model, file), "float64", "network.to(dtype='float32')")
    network.to(dtype="float32")
    weights.save(network, file)
    weights.load(model, file)
    assert equal(content(model), content(network))


@pytest.mark.parametrize("bad", [None, 3, b"w", ["w"], "", "w\0", "x" * 5000, "\ud800"])
def test_what_is_no_path(bad):
    model = nn.Linear(3, 5)
    for call in (
        weights.read_pdparams,
        lambda p: weights.load(model, p),
        lambda p: weights.save(model, p),
    ):
        refused(lambda call=call: call(bad), "path")


RAN = []


def trap(*_):
    """What a malicious file would call."""
    RAN.append(1)


class Reduced:
    """Pickles as a call of anything."""

    def __init__(self, *reduced):
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


ATTACKS = {
    "a system call": Reduced(os.system, ("touch ran",)),
    "eval": Reduced(eval, ("open('ran', 'w')",)),
    "exec": Reduced(exec, ("open('ran', 'w')",)),
    "a shell": Reduced(subprocess.Popen, (["touch", "ran"],)),
    "open": Reduced(open, ("ran", "w")),
    "a getattr": Reduced(getattr, ("", "join")),
    "our own function": Reduced(trap, ()),
    "NumPy's loader": Reduced(np.load, ("ran.npy", None, True)),
    "NumPy's file reader": Reduced(np.fromfile, ("/etc/hostname",)),
    "NumPy's memory map": Reduced(np.memmap, ("ran", "u1", "w+", 0, 9)),
    "a codec that unpacks": Reduced(__import__("codecs").decode, (b"x", "zlib")),
    "a partial": Reduced(__import__("functools").partial, (trap,)),
    "pickle itself": Reduced(pickle.loads, (pickle.dumps(Reduced(trap, ())),)),
    "a state": Reduced(trap, (), {"x": 1}),
    "a class": threading.Event,
    "an object array": np.array([Reduced(trap, ()), None], dtype=object),
    "a plain object array": np.array([None], dtype=object),
    "a structured array": np.zeros(2, [("a", "f4")]),
    "an array of text": np.array(["a"]),
    "a date": np.array(["2020-01-01"], "M8[D]"),
    "a big-endian array": np.zeros(2, ">f4"),
    "a set": {1},
    "a complex number": 1j,
    "bytes": b"1234",
    "a tuple": (1, 2),
    "nothing": None,
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ATTACKS)
def test_anything_but_arrays_is_refused_and_nothing_runs(tmp_path, monkeypatch, name, protocol):
    monkeypatch.chdir(tmp_path)
    RAN.clear()
    attack = ATTACKS[name]
    for value in ({"w": attack}, {"fine": np.zeros(2, "f4"), "w": ("name", attack)}, attack):
        refused(lambda value=value: read(tmp_path, pickle.dumps(value, protocol)), "w.pdparams")
    assert not RAN and os.listdir(tmp_path) == ["w.pdparams"]


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def named(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


ARRAY = named("numpy.core.multiarray", "_reconstruct")
ARRAY += named("numpy", "ndarray") + b"K\0\x85C\1b\x87R"
F4 = named("numpy", "dtype") + text("f4") + b"\x89\x88\x87R(K\3" + text("<")
F4 += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
SHAPE = b"K\2\x85"
STATE = b"(K\1" + SHAPE + F4 + b"\x89C\x08" + bytes(8) + b"t"


def pickled(value):
    return b"\x80\3}" + text("w") + value + b"s."


def test_the_hand_written_pickle_is_an_array(tmp_path):
    """So the ones below are refused for what was changed in them."""
    blob = pickled(ARRAY + STATE + b"b")
    assert equal(pickle.loads(blob), {"w": np.zeros(2, "f4")})
    assert equal(read(tmp_path, blob), {"w": np.zeros(2, "f4")})


DEEP = b")" + b"q\0h\0\x86" * 200  # 2 ** 200 when hashed
CRAFTED = {
    "an extension code": pickled(b"\x82\xf0)R"),
    "a persistent id": pickled(text("x") + b"Q"),
    "a persistent name": pickled(b"Px\n"),
    "an out-of-band buffer": pickled(b"\x97"),
    "a state for a function": pickled(named("_codecs", "encode") + b"}" + text("x") + b"Nsb"),
    "a state for a dictionary": pickled(b"}}" + text("x") + b"Nsb"),
    "slots": pickled(ARRAY + b"N}" + text("value") + b"K\1s\x86b"),
    "a new object": pickled(named("numpy", "ndarray") + b"K\2\x85\x81"),
    "an instance": pickled(b"(inumpy\nndarray\n"),
    "a dotted name": pickled(named("numpy", "dtype.type.mro") + b")R"),
    "a call of text": pickled(text("ndarray") + b")R"),
    "a call of an array": pickled(ARRAY + b")R"),
    "another codec": pickled(named("_codecs", "encode") + text("x") + text("rot13") + b"\x86R"),
    "no codec": pickled(named("_codecs", "encode") + text("x") + b"\x85R"),
    "an unfinished array": pickled(ARRAY),
    "a dtype as a weight": pickled(F4),
    "a name as a weight": pickled(named("numpy", "ndarray")),
    "an array of arrays": pickled(ARRAY + STATE.replace(F4, ARRAY) + b"b"),
    "an object dtype": pickled(ARRAY + STATE.replace(text("f4"), text("O8")) + b"b"),
    "too many values": pickled(ARRAY + STATE.replace(SHAPE, b"J\xff\xff\xff\x7f\x85") + b"b"),
    "a negative size": pickled(ARRAY + STATE.replace(SHAPE, b"J\xfe\xff\xff\xff\x85") + b"b"),
    "sizes that multiply to 2": pickled(
        ARRAY + STATE.replace(SHAPE, b"J\xff\xff\xff\xffJ\xfe\xff\xff\xff\x86") + b"b"),
    "a shape of text": pickled(ARRAY + STATE.replace(SHAPE, text("2")) + b"b"),
    "text as bytes": pickled(ARRAY + STATE.replace(b"C\x08" + bytes(8), text("12345678")) + b"b"),
    "a deep key": b"\x80\3}" + DEEP + b"Ns.",
    "a deep dtype": pickled(ARRAY + STATE.replace(text("f4"), DEEP) + b"b"),
    "a deep name": pickled(DEEP + DEEP + b"\x93"),
    "a far memo": pickled(b"Nr\xff\xff\xff\x7f"),
    "a missing memo": pickled(b"h\7"),
    "an empty stack": b"\x80\3.",
    "a lost mark": b"\x80\3t.",
    "no end": b"\x80\3}",
    "an odd item": b"\x80\3}(" + text("w") + b"u.",
}  # fmt: skip


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickles_are_refused(tmp_path, name):
    refused(lambda: read(tmp_path, CRAFTED[name]), "w.pdparams")


def test_a_small_file_stays_small(tmp_path):
    """One long text, turned to bytes over and over."""
    again = named("_codecs", "encode") + b"h\0" + text("latin1") + b"\x86R"
    blob = pickled(b"(" + text("x" * 9999) + b"q\0" + again * 50 + b"t")
    with pytest.raises(InputError) as caught:
        read(tmp_path, blob)
    assert "text that is no array's" in str(caught.value.__cause__)


def test_a_registered_extension_does_not_run(tmp_path):
    """Python's unpickler would take it from a cache, past any list of allowed names."""
    copyreg.add_extension(__name__, "trap", 240)
    try:
        blob = pickle.dumps({"w": Reduced(trap, ())}, 2)
        assert any(code.name == "EXT1" for code, _, _ in pickletools.genops(blob))
        RAN.clear()
        pickle.loads(blob)
        assert RAN.pop()  # the attack is real
        refused(lambda: read(tmp_path, blob), "w.pdparams")
        assert not RAN
    finally:
        copyreg.remove_extension(__name__, "trap", 240)


DEEPER = b"}" + (b"q\0}" + text("a") + b"h\0s" + text("b") + b"h\0s") * 200  # 2 ** 200 parts
ITSELF = b"}q\0" + text("a") + b"h\0s"


@pytest.mark.parametrize("value", [DEEPER, ITSELF, b"]q\0h\0a", b"]" * 9999 + b"a" * 9998])
def test_a_file_that_unfolds_without_end(tmp_path, value):
    refused(lambda: read(tmp_path, pickled(value)), "w.pdparams")


def test_a_part_that_stands_twice_is_read_twice(tmp_path):
    arrays = {"a": np.arange(6, dtype="f4")}
    found = read(tmp_path, pickle.dumps({"now": arrays, "best": arrays}))
    assert equal(found["now"], arrays) and equal(found["best"], arrays)


def test_no_module_is_imported(tmp_path):
    assert "this" not in sys.modules
    refused(lambda: read(tmp_path, pickled(named("this", "s") + b")R")), "this s")
    assert "this" not in sys.modules


PLAIN = {np.ndarray, np.float32, dict, list, int, float, bool, str}


def test_a_spoilt_byte_never_raises_anything_else(tmp_path):
    arrays = {"w": np.arange(6, dtype="f4"), "s": np.float32(2), "d": OrderedDict(l=[1, 2.5])}
    rng = np.random.default_rng(0)
    for blob in (pickle.dumps(arrays, 2), pickle.dumps(arrays, 4)):
        for _ in range(200):
            spoilt = bytearray(blob)
            spoilt[rng.integers(len(blob))] = rng.integers(256)
            try:
                found = read(tmp_path, bytes(spoilt))
            except InputError:
                continue
            assert {type(value) for value in found.values()} <= PLAIN
