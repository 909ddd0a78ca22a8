"""Arrays out of what paddle.save wrote, running nothing.

Such a file is a pickle, which Python's own reader obeys like a program. `read_pdparams` follows
only the few instructions that describe arrays and dictionaries, and refuses all others.
"""

import math
import pickletools
from enum import Enum
from pathlib import Path

import numpy as np

from .errors import InputError

MAX_BYTES = 2**31  # read into memory; L1's largest file is 0.6 MB
What = Enum("What", "ARRAY NDARRAY DTYPE ENCODE TUPLE")
# The only names that a file may mention. They are labels: what they name is never looked up.
NAMES = {
    "numpy.core.multiarray _reconstruct": What.ARRAY,  # NumPy 1
    "numpy._core.multiarray _reconstruct": What.ARRAY,  # NumPy 2
    "numpy ndarray": What.NDARRAY,
    "numpy dtype": What.DTYPE,
    "_codecs encode": What.ENCODE,  # protocol 2 keeps bytes as Latin-1 text
    "builtins tuple": What.TUPLE,  # a tensor outside a state_dict: its name and its array
    "__builtin__ tuple": What.TUPLE,
}
# A tuple, not a set: hashing what a file puts in its place could take forever.
DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE"}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINUNICODE8"}


def read_pdparams(path):
    """What paddle.save made of a state_dict, in Paddle 2 or 3 -> {name: array, read-only}.

    Nothing that the file names is imported or called. Raises InputError for a missing or damaged
    file and for anything in it but numeric arrays by name.
    """
    require_file(path)
    try:
        found = _follow(Path(path).read_bytes(), path)
        found.pop("StructuredToParameterName@@", None)  # Paddle's own names for the same arrays
        calls = {k: v[1] if isinstance(v, tuple) else v for k, v in found.items()}
        arrays = {k: call.value for k, call in calls.items()}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("something that is no array")
    except InputError:
        raise
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        remedy = "save it again by paddle.save(network.state_dict(), path)"
        raise InputError(f"{path} is damaged or holds more than weights: {remedy}") from error
    return arrays


def require_file(path):
    if not Path(path).is_file():
        raise InputError(f"{path} is no file: train, or give the path of a weights file")
    if Path(path).stat().st_size > MAX_BYTES:
        raise InputError(f"{path} is larger than 2 GB: give the weights file of one model")


class _Call:
    """A call that a file asks for; it is never made. value: the array or dtype it stands for."""

    def __init__(self, what, args):
        self.what, self.args, self.value = what, args, None


def _follow(blob, path):
    """Interpret a pickle of arrays, dictionaries with text keys, tuples and scalars.

    genops splits the bytes into instructions and runs none. An instruction not listed here, or a
    name outside NAMES, ends the reading with an error.
    """
    stack, marks, memo = [], [], {}
    unspent = len(blob)  # text that may yet be encoded: a file must not grow by repeating itself

    def pop(count):
        """Take that many values, or all since the last mark."""
        start = marks.pop() if count is None else len(stack) - count
        if start < 0:
            raise ValueError("too few values")
        values = stack[start:]
        del stack[start:]
        return values

    for code, arg, _ in pickletools.genops(blob):
        op = code.name
        if op in LITERALS:
            stack.append(arg)
        elif op in CONSTANTS:
            stack.append(CONSTANTS[op])
        elif op == "EMPTY_DICT":
            stack.append({})
        elif op == "MARK":
            marks.append(len(stack))
        elif op in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(pop(None if op == "TUPLE" else int(op[-1]))))
        elif op in ("SETITEM", "SETITEMS"):
            items = pop(None if op == "SETITEMS" else 2)
            if not all(isinstance(key, str) for key in items[::2]):
                raise ValueError("a key that is no text")
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif op in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if op == "MEMOIZE" else arg] = stack[-1]
        elif op in ("BINGET", "LONG_BINGET"):
            stack.append(memo[arg])
        elif op in ("GLOBAL", "STACK_GLOBAL"):
            name = arg if op == "GLOBAL" else " ".join(pop(2))
            if name not in NAMES:
                remedy = "get weights from someone you trust"
                raise InputError(f"{path} asks for {name[:80]!r}, which no array needs: {remedy}")
            stack.append(NAMES[name])
        elif op == "REDUCE":
            what, args = pop(2)
            if what is What.ENCODE:
                text, encoding = args
                unspent -= len(text)
                if encoding != "latin1" or unspent < 0:
                    raise ValueError("text that is no array's")
                stack.append(text.encode("latin1"))
            elif what is What.TUPLE:
                stack.append(*args)
            else:
                stack.append(_Call(what, args))
        elif op == "BUILD":
            (state,) = pop(1)
            stack[-1].value = _built(stack[-1], state)
        elif op == "STOP":
            return stack.pop()
        elif op not in ("PROTO", "FRAME"):
            raise ValueError(f"the instruction {op}")


def _built(call, state):
    """The dtype or array that NumPy's pickles describe by a call and a state."""
    if call.what is What.DTYPE:
        kind, (version, order, *rest) = call.args[0], state
        if kind not in DTYPES or version != 3 or order not in ("<", "|") or rest[:3] != [None] * 3:
            raise ValueError("a dtype that is not of little-endian numbers")
        return np.dtype(kind).newbyteorder("<")
    version, shape, dtype, fortran, content = state
    if call.what is not What.ARRAY or version != 1 or dtype.what is not What.DTYPE:
        raise ValueError("a state that is no array's")
    if len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("a shape that is none")
    if not isinstance(content, bytes) or len(content) != math.prod(shape) * dtype.value.itemsize:
        raise ValueError("more or fewer bytes than the shape takes")
    return np.frombuffer(content, dtype.value).reshape(shape, order="F" if fortran else "C")
