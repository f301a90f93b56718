"""What a child's replies look like: read here, and nowhere doubted again.

The child writes frames, each 4 bytes of length (big-endian) and a `Reply` in MessagePack, one for each check
in the order in which they were asked. A value has the type that its check's kind demands; an array
travels as [shape, bytes of float64] and becomes a numpy.ndarray. What a value does not have is left out: its
keys are optional, their types are certain.
"""

from typing import Required, TypedDict

import msgspec
import numpy as np

MAX_ARRAY = 200_000  # numbers in one array


class Reply(msgspec.Struct):
    """One check's reply; `overtime`: whether a call in it was stopped for taking too long."""

    key: str
    value: msgspec.Raw
    overtime: bool = False


class Error(TypedDict, total=False):
    type: Required[str]
    message: Required[str]
    line: int | None
    function: str | None


class Described(TypedDict, total=False):
    """What a function returned; of a row of predict, the error instead."""

    kind: str
    dtype: str
    shape: list[int]
    data: np.ndarray
    items: list["Described"]
    requires_grad: bool
    error: Error


class Load(TypedDict, total=False):
    classes: dict[str, list[str]]
    functions: list[str]
    stubbed: list[str]
    failed: list[tuple[int, Error]]
    notes: list[str]
    error: Error


class Call(TypedDict, total=False):
    set: bool
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray] | None
    returned: Described
    rows: list[Described]
    notes: list[str]
    shuffled: bool
    error: Error


class Slot(TypedDict):
    path: str
    transposed: bool
    extra: int


class Summary(TypedDict, total=False):
    """How the numbers of a large array are distributed."""

    shape: list[int]
    mean: float
    std: float
    kurtosis: float
    min: float
    max: float
    zeros: int


# "class" is a word of Python's, so these two are not written as classes.
_model = {
    "absent": bool,
    "class": str,
    "renamed": bool,
    "constructor_error": Error,
    "constructor_empty": bool,
    "constructor_notes": list[str],
    "error": Error,
}
_numpy = _model | {
    "methods": dict[str, str | bool],
    "signature": dict[str, list[list[str | int | bool]]],
    "calls": list[Call],
    "layout": dict[str, Slot] | None,
    "hidden_size": int,
}
Numpy = TypedDict("Numpy", _numpy | {"initial": dict[str, np.ndarray] | None}, total=False)
NumpyBrief = TypedDict("NumpyBrief", _numpy | {"initial": dict[str, Summary] | None}, total=False)


class Parameter(TypedDict):
    name: str
    shape: list[int]
    value: np.ndarray
    registered: bool


class Dropout(TypedDict, total=False):
    input: Required[np.ndarray]
    mask: np.ndarray
    p: float
    training: bool


class Pass(TypedDict, total=False):
    """A forward pass, and the gradients of its backward pass."""

    outputs: Described
    events: list[Dropout]
    gradients: dict[str, np.ndarray | None]
    error: Error


class Chance(TypedDict, total=False):
    train: bool
    eval: bool
    error: Error


Torch = TypedDict(
    "Torch",
    _model
    | {
        "initial": list[Summary],
        "parameters": list[Parameter],
        "module_parameter_list": bool,
        "eval": Pass,
        "train": Pass,
        "chance": Chance,
    },
    total=False,
)


class Step(TypedDict, total=False):
    returned: Described
    notes: list[str]
    after: list[np.ndarray]


class OwnModel(TypedDict, total=False):
    works: bool
    returned: Described
    error: Error


class Batches(TypedDict, total=False):
    absent: bool
    renamed: bool
    empty: bool
    steps: list[Step]
    own_model: OwnModel | None
    error: Error


def type_of(check):
    """The type of the value that a check of the request gives."""
    if check.get("kind") == "numpy":
        return NumpyBrief if check.get("brief") else Numpy
    if check.get("kind") == "torch":
        return Batches if check["role"] == "train_batch" else Torch
    return Load


def read(frame, check):
    """(value, overtime) of the frame that answers `check`.

    A value of another type is replaced by an error that says where it differs. ValueError where the
    frame is no reply, or one to another check.
    """
    try:
        reply = msgspec.msgpack.decode(frame, type=Reply)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"sent what is not a reply: {error}") from None
    if reply.key != check["key"]:
        raise ValueError(f"replied to {reply.key[:60]!r}, not to {check['key']!r}")
    return typed(reply.value, check), reply.overtime


def typed(packed, check):
    """The value that the bytes `packed` hold, of the type that `check` demands, or an error."""
    try:
        return msgspec.msgpack.decode(packed, type=type_of(check), dec_hook=_array)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        message = f"the reply to {check['key']} cannot be used: {error}"
        return {"error": {"type": "ReplyError", "message": message, "line": None}}


def _array(_, packed):
    try:
        shape, data = msgspec.convert(packed, tuple[list[int], bytes])
    except msgspec.ValidationError:
        raise ValueError("Expected an array of numbers") from None
    if len(data) > 8 * MAX_ARRAY:
        raise ValueError(f"an array of more than {MAX_ARRAY:,} numbers")
    return np.frombuffer(data, "<f8").reshape([abs(size) for size in shape]).astype(float)
