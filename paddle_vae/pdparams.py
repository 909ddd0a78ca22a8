"""Arrays out of what paddle.save wrote, running nothing.

Such a file is a pickle, which Python's own reader obeys like a program. `read_pdparams` follows
only the few instructions that describe arrays, numbers and what holds them, and refuses all others.
"""

import math
import pickletools
from enum import Enum

import numpy as np

from .errors import InputError
from .files import reading, require_file

DEPTH = 20  # dictionaries inside one another
What = Enum("What", "ARRAY NDARRAY DTYPE SCALAR ENCODE TUPLE DICT")
# The only names that a file may mention. They are labels: what they name is never looked up.
NAMES = {
    "numpy.core.multiarray _reconstruct": What.ARRAY,  # NumPy 1
    "numpy._core.multiarray _reconstruct": What.ARRAY,  # NumPy 2
    "numpy.core.multiarray scalar": What.SCALAR,
    "numpy._core.multiarray scalar": What.SCALAR,
    "numpy ndarray": What.NDARRAY,
    "numpy dtype": What.DTYPE,
    "_codecs encode": What.ENCODE,  # protocol 2 keeps bytes as Latin-1 text
    "builtins tuple": What.TUPLE,  # a tensor outside a state_dict: its name and its array
    "__builtin__ tuple": What.TUPLE,
    "collections OrderedDict": What.DICT,  # what state_dict() returns
}
# A tuple, not a set: hashing what a file puts in its place could take forever.
DTYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINUNICODE8"}


def read_pdparams(path):
    """What paddle.save made of a state_dict, in Paddle 2 or 3 -> {name: array, read-only}.

    A checkpoint, such as {"encoder": state_dict, "epoch": 7}, gives nested dictionaries; numbers,
    text and lists of them stay what they are. Nothing that the file names is imported or called.
    Raises InputError for a missing or damaged file and for anything else in it.
    """
    path = require_file(path, "give the path of a file that paddle.save wrote")
    with reading(path, "save it again by paddle.save(network.state_dict(), path)"):
        blob = path.read_bytes()
        found = _follow(blob, path)
        if not isinstance(found, dict):
            raise ValueError("no dictionary")
        # A file that shares its parts could unfold without end, but for what its bytes allow.
        return _plain(found, [len(blob)], DEPTH)


def _plain(value, unspent, depth):
    """What a pickle describes, with arrays for their calls, and only what `read_pdparams` says."""
    unspent[0] -= 1
    if unspent[0] < 0 or depth < 0:
        raise ValueError("more than the file can hold")
    if isinstance(value, dict):
        names = value.keys() - {"StructuredToParameterName@@"}  # Paddle's own, of the same arrays
        return {k: _plain(v, unspent, depth - 1) for k, v in value.items() if k in names}
    if isinstance(value, list):
        return [_plain(v, unspent, depth - 1) for v in value]
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        value = value[1]  # a tensor: its name and its array
    value = value.value if isinstance(value, _Call) else value
    if not isinstance(value, (np.ndarray, np.number, int, float, str)):
        raise ValueError(f"a {type(value).__name__}")
    return value


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
        elif op == "EMPTY_LIST":
            stack.append([])
        elif op in ("APPEND", "APPENDS"):
            values = pop(None if op == "APPENDS" else 1)
            if not isinstance(stack[-1], list):
                raise ValueError("no list to append to")
            stack[-1].extend(values)
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
                remedy = "save state_dict() alone, or get it from someone you trust"
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
            elif what is What.DICT:
                if args:
                    raise ValueError("a dictionary that is not made empty")
                stack.append({})
            elif what is What.SCALAR:
                dtype, content = args
                stack.append(_numbers(dtype, (1,), content)[0])
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
    if call.what is not What.ARRAY or version != 1:
        raise ValueError("a state that is no array's")
    if len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("a shape that is none")
    return _numbers(dtype, shape, content, order="F" if fortran else "C")


def _numbers(dtype, shape, content, order="C"):
    if dtype.what is not What.DTYPE or not isinstance(content, bytes):
        raise ValueError("no numbers")
    if len(content) != math.prod(shape) * dtype.value.itemsize:
        raise ValueError("more or fewer bytes than the shape takes")
    return np.frombuffer(content, dtype.value).reshape(shape, order=order)
