"""Data files that are wrong in one way each, and good ones of less usual kinds.

BAD and GOOD map a name to a function that writes the file to a path. For a bad file the function
returns words that the complaint must contain.
"""

import io
import struct
import zipfile

import numpy as np
from conftest import tiny_arrays

KEYS = [f"{split}_{part}" for split in ("train", "val", "test") for part in ("images", "labels")]


def changed(*words, **arrays):
    """A bad file: the tiny data set with some arrays replaced, given or computed from the old."""

    def write(path):
        data = tiny_arrays()
        for key, value in arrays.items():
            data[key] = value(data[key]) if callable(value) else value
        np.savez(path, **data)
        return words

    return write


def lacking(key):
    def write(path):
        arrays = tiny_arrays()
        del arrays[key]
        np.savez(path, **arrays)
        return [key]

    return write


def contents(data, *words):
    """A bad file of these bytes."""

    def write(path):
        path.write_bytes(data)
        return words

    return write


def cut(share):
    """A bad file: a good one that ends early."""

    def write(path):
        np.savez(path, **tiny_arrays())
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        return []

    return write


def member(key, data, *words, compression=zipfile.ZIP_STORED):
    """A bad file: a good one in which the member of `key` has these bytes."""

    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, array in tiny_arrays().items():
                archive.writestr(f"{name}.npy", data if name == key else npy(array))
        return words

    return write


def npy(array):
    """The bytes of an array's npy file; of objects too, to see that reading refuses them."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=True)
    return stream.getvalue()


def header(text, data=b"", version=(1, 0)):
    """The bytes of an npy file with this header, which may say anything."""
    text = text.encode("latin1") + b"\n"
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def says(shape, descr="'|u1'", fortran="False"):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def broken_after_writing(change, *words, compression=zipfile.ZIP_DEFLATED):
    """A bad file: a good compressed one, its bytes changed by `change(bytearray)`."""

    def write(path):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, array in tiny_arrays().items():
                archive.writestr(f"{name}.npy", npy(array))
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)
        return words

    return write


def flip_middle_of_first_member(data):
    for i in range(600, 640):
        data[i] ^= 0x5A


def encrypted(data):
    """Set the flag that says so in every member's header."""
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(signature, at + 4)


def unknown_compression(data):
    for signature, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(signature)
        while at >= 0:
            data[at + method] = 77
            at = data.find(signature, at + 4)


def bomb(path):
    """125 MB of zeros in half a MB, its header in keeping."""
    data = tiny_arrays()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in data.items():
            if name != "train_images":
                archive.writestr(f"{name}.npy", npy(array))
        with archive.open("train_images.npy", "w", force_zip64=True) as stream:
            stream.write(header(says((50_000, 50, 50))))
            for _ in range(50):
                stream.write(bytes(2_500_000))
    return ["train_images"]


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def pickled(path):
    np.savez(path, **{**tiny_arrays(), "train_labels": np.array([Trap(f"{path}.trap")] * 60)})
    return ["pickle"]


def a_pickle(path):
    """Not an npz at all but what np.load would unpickle."""
    import pickle

    path.write_bytes(pickle.dumps(Trap(f"{path}.trap")))
    return []


def missing(path):
    return ["no such file"]


def folder(path):
    path.mkdir()
    return ["folder"]


TERA = 10**12
BAD = {
    "missing": missing,
    "directory": folder,
    "empty": contents(b""),
    "text": contents(b"train_images,train_labels\n" * 50),
    "npy": contents(npy(np.zeros((4, 4)))),
    **{f"cut at {share}": cut(share) for share in (0.02, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999)},
    **{f"lacks {key}": lacking(key) for key in KEYS},
    "fewer labels than images": changed("60", "59", train_labels=lambda y: y[:-1]),
    "fewer images than labels": changed("24", "23", val_images=lambda X: X[:-1]),
    "shapes differ in size": changed("val", val_images=lambda X: X[:, :-1]),
    "shapes differ in channels": changed("test", test_images=lambda X: X[..., 0]),
    "images of two dimensions": changed("train_images", train_images=lambda X: X.reshape(60, -1)),
    "images of one dimension": changed("train_images", train_images=lambda X: X[:, 0, 0, 0]),
    "images without pixels": changed("train_images", train_images=lambda X: X[:, :0]),
    "float pixels": changed("float64", train_images=lambda X: X / 255),
    "whole float pixels": changed("float32", val_images=lambda X: X.astype(np.float32)),
    "bool pixels": changed("bool", test_images=lambda X: X > 100),
    "complex pixels": changed("complex", train_images=lambda X: X.astype(complex)),
    "text pixels": changed("train_images", train_images=lambda X: X.astype("U3")),
    "negative pixels": changed("0 to 255", val_images=lambda X: X.astype(int) - 1000),
    "pixels above 255": changed("0 to 255", train_images=lambda X: X.astype(np.uint16) + 256),
    "negative labels": changed("negative", train_labels=lambda y: y - 1),
    "negative validation labels": changed("negative", val_labels=lambda y: y - 1),
    "float labels": changed("float64", train_labels=lambda y: y.astype(float)),
    "bool labels": changed("bool", train_labels=lambda y: y > 0),
    "labels with nan": changed("float64", test_labels=lambda y: np.where(y > 1, np.nan, y)),
    "text labels": changed("val_labels", val_labels=lambda y: y.astype("U5")),
    "one-hot labels": changed("train_labels", train_labels=lambda y: np.eye(3, dtype=int)[y]),
    "labels of three dimensions": changed("test_labels", test_labels=lambda y: y[:, None, None]),
    "a lone label": changed("test_labels", test_labels=np.array(3)),
    "a class that training lacks": changed("test", "3", test_labels=lambda y: y + 1),
    "a huge class that training lacks": changed("val", val_labels=lambda y: y + (y > 1) * TERA),
    "a class between that training lacks": changed("1", train_labels=lambda y: y + (y > 0)),
    "a class of 2^64 - 1": changed(
        "class", train_labels=lambda y: np.where(y > 1, 2**64 - 1, y.astype(np.uint64))
    ),
    "one class": changed("class", train_labels=lambda y: 0 * y),
    "empty training": changed(
        "train", "empty", train_images=lambda X: X[:0], train_labels=lambda y: y[:0]
    ),
    "empty validation": changed(
        "val", "empty", val_images=lambda X: X[:0], val_labels=lambda y: y[:0]
    ),
    "empty test": changed(
        "test", "empty", test_images=lambda X: X[:0], test_labels=lambda y: y[:0]
    ),
    "pickled objects": pickled,
    "a pickle": a_pickle,
    "structured pixels": changed(
        "train_images", train_images=lambda X: X.view([("r", "u1")]).reshape(60, 6, 5, 3)
    ),
    "dates": changed(train_labels=lambda y: y.astype("datetime64[s]")),
    "terabytes": member("train_images", header(says((TERA, 48, 48, 3))), "train_images"),
    "terabytes, long header": member(
        "train_images", header(says((TERA, 48, 48, 3)), version=(2, 0)), "train_images"
    ),
    "sizes that overflow": member("train_images", header(says((2**62, 4, 4)))),
    "sizes beyond integers": member("train_images", header(says((10**400, 4, 4)))),
    "terabytes of nothing": member("train_labels", header(says((TERA,), "'|S0'"))),
    "terabytes of void": member("train_images", header(says((TERA, 4, 4), "'|V0'"))),
    "images without number": member("train_images", header(says((TERA, 0, 4)))),
    "a wide text": member("train_labels", header(says((0,), "'<U2000000000'"))),
    "negative sizes": member("train_images", header(says((-2, -3, 4)), bytes(24))),
    "fewer bytes than said": member("train_images", header(says((60, 6, 5, 3)), bytes(100))),
    "more bytes than said": member("train_images", header(says((60, 6, 5, 3)), bytes(6000))),
    "objects said to be bytes": member("train_labels", header(says((3,), "'|O'"), bytes(24))),
    "objects within": member("train_labels", header(says((3,), "[('a', '|O')]"), bytes(24))),
    "sub-arrays": member("train_labels", header(says((60,), "('<i8', (2,))"), bytes(960))),
    "no npy": member("train_images", b"hello, this is no array"),
    "an empty member": member("train_images", b""),
    "half a magic": member("train_images", b"\x93NUM"),
    "npy version 9": member("train_images", header(says((3, 1, 1)), bytes(3), version=(9, 0))),
    "npy version 3": member("train_images", header(says((3, 1, 1)), bytes(1), version=(3, 0))),
    "a header that is code": member("train_images", header("__import__('os').getcwd()")),
    "an open header": member("train_images", header("{'descr': (")),
    "an odd header": member("train_images", header("{[]: 1}")),
    "a header without a shape": member("train_images", header("{'descr': '|u1'}")),
    "a header of brackets": member("train_images", header("(" * 9000)),
    "a header of signs": member("train_images", header("-" * 9000 + "1")),
    "a header of 50 kB": member("train_images", header(" " * 50_000 + says((1, 1, 1)), b"1")),
    "a dtype that is not": member("train_images", header(says((3, 1, 1), "'|q7'"), bytes(3))),
    "a shape of text": member("train_images", header(says("('a', 2)"), bytes(3))),
    "a shape of truth": member("train_images", header(says((True, True, True)), bytes(1))),
    "flipped bits": broken_after_writing(flip_middle_of_first_member),
    "flipped bits, stored": broken_after_writing(
        flip_middle_of_first_member, compression=zipfile.ZIP_STORED
    ),
    "flipped bits, bzip2": broken_after_writing(
        flip_middle_of_first_member, compression=zipfile.ZIP_BZIP2
    ),
    "flipped bits, lzma": broken_after_writing(
        flip_middle_of_first_member, compression=zipfile.ZIP_LZMA
    ),
    "encrypted": broken_after_writing(encrypted),
    "unknown compression": broken_after_writing(unknown_compression),
    "a zip bomb": bomb,
}


def rewritten(function):
    """A good file: every array of the tiny data set replaced by function(key, array)."""

    def write(path):
        np.savez(path, **{key: function(key, array) for key, array in tiny_arrays().items()})

    return write


def labels_as(function):
    return rewritten(lambda key, array: function(array) if key.endswith("labels") else array)


def images_as(function):
    return rewritten(lambda key, array: function(array) if key.endswith("images") else array)


def compressed(path):
    np.savez_compressed(path, **tiny_arrays())


def with_other_members(path):
    """As MedMNIST or a careless student leaves it: members that no one asked for."""
    np.savez(path, **tiny_arrays(), note=np.array("a note"), objects=np.array([{}], object))


def lzma(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in tiny_arrays().items():
            archive.writestr(f"{name}.npy", npy(array))


# Each holds the numbers of tiny_arrays().
GOOD = {
    "labels (n, 1)": labels_as(lambda y: y[:, None]),
    "labels uint8 (n, 1)": labels_as(lambda y: y[:, None].astype(np.uint8)),
    "labels int16": labels_as(lambda y: y.astype(np.int16)),
    "labels uint64": labels_as(lambda y: y.astype(np.uint64)),
    "labels big-endian": labels_as(lambda y: y.astype(">i8")),
    "labels (n, 1) in Fortran order": labels_as(lambda y: np.asfortranarray(y[:, None])),
    "images in Fortran order": images_as(np.asfortranarray),
    "images int64": images_as(lambda X: X.astype(np.int64)),
    "images big-endian": images_as(lambda X: X.astype(">u2")),
    "images int64 in Fortran order": images_as(lambda X: np.asfortranarray(X.astype(np.int64))),
    "compressed": compressed,
    "lzma": lzma,
    "other members": with_other_members,
}
