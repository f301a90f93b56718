"""Files that were damaged or made to harm, of each kind that is read: a clean error, or no harm.

Data files have a gallery of their own in files.py. Here are checkpoints and what differs in them;
every kind of file cut short; and every kind with its bytes mutated.
"""

import contextlib
import gzip
import io
import json
import os
import pickle
import shutil
import sys
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from conftest import (
    checkpoints_in,
    leave_figures_blank,
    numbers,
    remove_record,
    run_forked,
    tiny_arrays,
)
from faulty import checkpoints_after_every_epoch, faults
from files import Trap, header, npy, says
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import utils
from data import cifar_batches, prepare
from lab.checkpoint import read_checkpoint, read_state
from lab.dataset import open_data
from lab.record import read_record
from utils import InputError

pytestmark = pytest.mark.usefixtures("blank_figures")

CASES = {
    "perceptron": ("q1", ["perceptron"]),
    "numpy mlp": ("q1", ["mlp", "-hidden_size", 10]),
    "torch mlp, momentum": ("q2", ["mlp", "-momentum", 0.9, "-batch_size", 7, "-hidden_size", 9]),
    "torch mlp, adam": ("q2", ["mlp", "-optimizer", "adam", "-hidden_size", 9, "-layers", 1]),
}


@pytest.fixture
def a_run(request, run_main, monkeypatch, tmp_path, tiny_npz):
    """Run a model for some epochs, with a checkpoint after each: a_run("perceptron", "folder", 3)."""
    checkpoints_after_every_epoch(monkeypatch)

    def run(case, folder, epochs, *more, data=tiny_npz):
        script, arguments = CASES[case]
        arguments = [*arguments, "-epochs", epochs, "-data_path", data, "-plots_dir"]
        return run_main(request.getfixturevalue(script), *arguments, tmp_path / folder, *more)

    return run


def checkpoint_of(folder):
    """The paths of the only run's last checkpoint and of the one before."""
    before, last = sorted(
        folder.glob("runs/*/checkpoint*"), key=lambda path: "before" not in path.name
    )
    return last, before


@contextlib.contextmanager
def little_memory(limit=100 * 2**20):
    """Fail if the block takes more bytes than that at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


EXECUTED = []  # what has been run or unpickled while `watching`
watching = False


def watch(event, arguments):
    if watching and event in ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec"):
        EXECUTED.append((event, arguments))


sys.addaudithook(watch)


@contextlib.contextmanager
def nothing_executed():
    """Fail if the block unpickles anything or starts a program."""
    global watching
    watching = True
    try:
        yield
    finally:
        watching = False
    assert EXECUTED == []


# --------------------------------------------------------------------------------------------
# Checkpoints


def rewrite(path, change):
    """Write a checkpoint anew with its arrays changed by `change(dict)`, its checksums in order."""
    with np.load(path) as arrays:
        arrays = dict(arrays)
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())


def rewrite_meta(path, change):
    def change_arrays(arrays):
        meta = json.loads(arrays["meta"].tobytes())
        meta = change(meta) or meta
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)

    rewrite(path, change_arrays)


@pytest.mark.parametrize(
    "case",
    ["perceptron", "torch mlp, momentum"]
    + [pytest.param(case, marks=pytest.mark.long) for case in ("numpy mlp", "torch mlp, adam")],
)
def test_whatever_array_is_wrong_the_checkpoint_before_is_taken(a_run, tmp_path, case):
    """Missing, of another shape, of another kind: said, and the run ends as if nothing had been."""
    assert a_run(case, "whole", 4).status == 0
    assert a_run(case, "part", 3).status == 0
    last, _ = checkpoint_of(tmp_path / "part")
    with np.load(last) as arrays:
        names = arrays.files
    wrongs = {
        "missing": lambda arrays, name: arrays.pop(name),
        "larger": lambda arrays, name: arrays.update({name: np.zeros((3, *arrays[name].shape))}),
        "text": lambda arrays, name: arrays.update({name: np.array("text")}),
        "date": lambda arrays, name: arrays.update({name: np.zeros(3, "datetime64[s]")}),
    }
    assert len(names) >= 6
    for i, name in enumerate(names):
        for wrong in ("missing", ("larger", "text", "date")[i % 3]):
            change = wrongs[wrong]
            shutil.copytree(tmp_path / "part", tmp_path / "x")
            last, _ = checkpoint_of(tmp_path / "x")
            rewrite(last, lambda arrays, name=name, change=change: change(arrays, name))
            remove_record(tmp_path / "x")
            outcome = a_run(case, "x", 4, "-resume")
            assert outcome.status == 0, (name, wrong, outcome.err)
            assert last.name in outcome.err_lines[0], (name, wrong, outcome.err)
            assert "resuming from epoch" in outcome.err_lines[1]
            assert numbers(tmp_path / "x") == numbers(tmp_path / "whole"), (name, wrong)
            shutil.rmtree(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("random_position", np.array(10**9)),
        ("random_position", np.array(-1)),
        ("order", np.zeros(60, int)),
        ("order", np.arange(60) + 1),
        ("order", np.full(60, -(2**62))),
    ],
)
def test_numbers_that_would_lead_astray(a_run, tmp_path, name, value):
    """Places beyond an array's end: the checkpoint before, where there is one, else an error."""
    assert a_run("perceptron", "x", 3).status == 0
    last, before = checkpoint_of(tmp_path / "x")
    rewrite(last, lambda arrays: arrays.update({name: value}))
    assert a_run("perceptron", "x", 4, "-resume").status == 0
    rewrite(before, lambda arrays: arrays.update({name: value}))
    for path in set(checkpoints_in(tmp_path / "x")) - {before}:
        path.unlink()
    outcome = a_run("perceptron", "x", 4, "-resume")
    assert outcome.status == 2 and before.name in outcome.err


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.update(epochs=10**30),
        lambda meta: meta.update(epochs=-1),
        lambda meta: meta.update(epochs=0),
        lambda meta: meta.update(epochs=True),
        lambda meta: meta.update(epochs=2.0),
        lambda meta: meta.update(code="../../x"),
        lambda meta: meta.update(epochs=1),
        lambda meta: meta.update(initial={"val_acc": "high"}),
        lambda meta: meta.update(initial={"val_acc": {}}),
        lambda meta: meta.update(seconds={"training": 1}),
        lambda meta: meta["seconds"].update(training=None),
        lambda meta: meta["seconds"].update(training="long"),
        lambda meta: meta.update(identity=[]),
        lambda meta: meta.pop("identity") and None,
        lambda meta: meta["identity"].update(another=1),
        lambda meta: meta["identity"]["options"].update(seed={"deep": 1}),
        lambda meta: meta["identity"]["options"].update(seed=[[[1]]]),
        lambda meta: meta["identity"].update(quantities=[1]),
        lambda meta: [meta],
        lambda meta: meta.update(extra="x" * 2**21),
    ],
)
def test_meta_data_that_are_wrong(a_run, tmp_path, change):
    assert a_run("perceptron", "x", 3).status == 0
    last, before = checkpoint_of(tmp_path / "x")
    before.unlink()
    rewrite_meta(last, change)
    outcome = a_run("perceptron", "x", 3, "-resume")
    assert outcome.status == 2 and outcome.out == ""
    assert last.name in outcome.err
    assert len(outcome.err) < 2000


def test_a_damaged_checkpoint_is_not_kept_as_the_one_before(a_run, tmp_path):
    """Else a kill between two renamings would leave none that is whole."""
    assert a_run("perceptron", "x", 3).status == 0
    last, before = checkpoint_of(tmp_path / "x")
    good = before.read_bytes()
    last.write_bytes(b"damaged")
    assert a_run("perceptron", "x", 3, "-resume").status == 0
    assert before.read_bytes() == good
    assert read_checkpoint(last).epochs == 3


def test_a_run_that_starts_anew_keeps_nothing_of_the_old(a_run, monkeypatch, tmp_path):
    """A program changed since, say: -resume must not take up what it had trained before."""
    assert a_run("perceptron", "x", 5).status == 0
    assert len(checkpoints_in(tmp_path / "x")) == 2
    monkeypatch.setattr("lab.checkpoint.CHECKPOINT_SECONDS", 3600)  # only the one at the end
    assert a_run("perceptron", "x", 5).status == 0
    (path,) = checkpoints_in(tmp_path / "x")
    assert path.name == "checkpoint.npz"


def test_a_new_start_beside_a_damaged_checkpoint_keeps_the_one_before(
    a_run, q1, monkeypatch, tmp_path
):
    assert a_run("perceptron", "x", 3).status == 0
    last, _ = checkpoint_of(tmp_path / "x")
    last.write_bytes(b"damaged")
    with monkeypatch.context() as patched:
        patched.setattr(q1.Perceptron, "train_epoch", lambda *_, **__: os.kill(os.getpid(), 2))
        assert "after epoch 3, is kept" in a_run("perceptron", "x", 3).said[0]
    (kept,) = set(checkpoints_in(tmp_path / "x")) - {last}
    assert read_checkpoint(kept).epochs == 3


def hostile(path, member, data, compression=zipfile.ZIP_STORED):
    """Write a checkpoint anew, with other bytes for one of its members."""
    with np.load(path) as arrays:
        arrays = dict(arrays)
    with zipfile.ZipFile(path, "w", compression, compresslevel=1) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", data if name == member else npy(array))


@pytest.mark.parametrize("member", ["meta", "W"])
@pytest.mark.parametrize("kind", ["terabytes", "bomb", "objects", "sizes", "brackets"])
def test_a_checkpoint_made_to_harm(a_run, tmp_path, member, kind):
    assert a_run("perceptron", "x", 3).status == 0
    last, before = checkpoint_of(tmp_path / "x")
    before.unlink()
    data, compression = {
        "terabytes": (header(says((10**12,), "'<f8'")), zipfile.ZIP_STORED),
        "bomb": (header(says((11 * 10**7,))) + bytes(11 * 10**7), zipfile.ZIP_DEFLATED),
        "objects": (npy(np.array([Trap(tmp_path / "trap")])), zipfile.ZIP_STORED),
        "sizes": (header(says((2**62, 4, 4))), zipfile.ZIP_STORED),
        "brackets": (npy(np.frombuffer(b"[" * 10**6, np.uint8)), zipfile.ZIP_STORED),
    }[kind]
    hostile(last, member, data, compression)
    with little_memory(), nothing_executed():
        outcome = a_run("perceptron", "x", 3, "-resume")
    assert outcome.status == 2 and outcome.out == ""
    assert last.name in outcome.err and len(outcome.err_lines) == 2
    assert not (tmp_path / "trap").exists()


def test_a_pickle_named_checkpoint(a_run, tmp_path):
    assert a_run("perceptron", "x", 3).status == 0
    for path in checkpoint_of(tmp_path / "x"):
        path.write_bytes(pickle.dumps(Trap(tmp_path / "trap")))
    with nothing_executed():
        assert a_run("perceptron", "x", 3, "-resume").status == 2
    assert not (tmp_path / "trap").exists()


def test_what_is_no_file_among_the_checkpoints(a_run, tmp_path):
    """A folder and a pipe are said; a link to nowhere is as good as nothing."""
    assert a_run("perceptron", "x", 3).status == 0
    paths = checkpoint_of(tmp_path / "x")
    names = ["checkpoint-1.npz", "checkpoint-2.npz", "checkpoint-3.npz"]
    for path in paths:
        path.unlink()
    paths[0].with_name(names[0]).mkdir()
    paths[0].with_name(names[1]).symlink_to(tmp_path / "nowhere")
    os.mkfifo(paths[0].with_name(names[2]))
    outcome = a_run("perceptron", "x", 3, "-resume")
    assert outcome.status == 2 and len(outcome.err_lines) == 3
    assert names[2] in outcome.err_lines[0] and names[0] in outcome.err_lines[1]


def test_the_refusal_says_what_differs(a_run, tmp_path):
    """In one line: of the checkpoints of this script and model, the nearest, option by option."""
    assert a_run("numpy mlp", "x", 2).status == 0
    assert a_run("numpy mlp", "x", 2, "-learning_rate", 0.1, "-seed", 7).status == 0
    assert a_run("perceptron", "x", 2).status == 0

    def refusal(*more, **options):
        outcome = a_run("numpy mlp", "x", 2, *more, "-resume", **options)
        assert (outcome.status, outcome.out, len(outcome.err_lines)) == (2, "", 1)
        return outcome.err

    assert "used -learning_rate 0.001, you asked for 0.2;" in refusal("-learning_rate", 0.2)
    line = refusal("-learning_rate", 0.1, "-seed", 8)
    assert "used -seed 7, you asked for 8;" in line and "-learning_rate" not in line
    assert "used -standardize false, you asked for true;" in refusal("-standardize")
    line = refusal("-learning_rate", 0.00001)
    assert "used -learning_rate 0.001, you asked for 0.00001;" in line
    other = tmp_path / "tiny.npz"
    ours = open_data(other).sha256
    np.savez(other, **tiny_arrays(seed=3))
    theirs = open_data(other).sha256
    assert f"other data (SHA-256 '{ours[:8]}', not '{theirs[:8]}')" in refusal(data=other)
    shutil.rmtree(tmp_path / "x")
    assert a_run("perceptron", "x", 2).status == 0
    assert "nearest" not in refusal()


def test_a_strangers_words_are_not_put_on_the_terminal(a_run, tmp_path):
    """Options that a checkpoint claims may hold anything, escape sequences among them."""
    assert a_run("perceptron", "x", 2).status == 0
    for path in checkpoint_of(tmp_path / "x"):
        rewrite_meta(path, lambda meta: meta["identity"]["options"].update(seed="\x1b[2J\n" * 99))
    outcome = a_run("perceptron", "x", 2, "-resume")
    assert outcome.status == 2 and len(outcome.err_lines) == 1
    assert "\x1b" not in outcome.err and len(outcome.err) < 600


# --------------------------------------------------------------------------------------------
# Cut short


def twentieths(content):
    return [content[: len(content) * twentieth // 20] for twentieth in range(20)]


def test_data_files_cut_short(specimens, tmp_path):
    for content in (specimens["data"], specimens["compressed data"]):
        for part in twentieths(content):
            path = tmp_path / "x.npz"
            path.write_bytes(part)
            with pytest.raises(InputError, match="x.npz"):
                utils.read_npz(path)


def test_cifar_batches_and_archives_cut_short(specimens, tmp_path):
    for kind, name in (("cifar batch", "data_batch_2.bin"), ("cifar archive", "x.tar.gz")):
        for part in twentieths(specimens[kind]):
            source = cifar_source(tmp_path, specimens, kind, part)
            with pytest.raises(InputError, match=name):
                prepare.cifar10(source, tmp_path / "x.npz")
    assert not (tmp_path / "x.npz").exists()


def test_records_cut_short(specimens, tmp_path):
    for part in twentieths(specimens["record"]):
        path = tmp_path / "x-record.json"
        path.write_bytes(part)
        with pytest.raises(InputError, match="x-record.json"):
            read_record(path)


@pytest.mark.parametrize("case", ["numpy mlp", "torch mlp, momentum"])
def test_checkpoints_cut_short(a_run, tmp_path, case):
    """The one before is taken; the run ends with the record of one that was never stopped."""
    assert a_run(case, "whole", 4).status == 0
    assert a_run(case, "part", 3).status == 0
    for part in twentieths(checkpoint_of(tmp_path / "part")[0].read_bytes()):
        shutil.copytree(tmp_path / "part", tmp_path / "x")
        last, _ = checkpoint_of(tmp_path / "x")
        last.write_bytes(part)
        remove_record(tmp_path / "x")
        outcome = a_run(case, "x", 4, "-resume")
        assert outcome.status == 0 and last.name in outcome.err_lines[0]
        assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")
        shutil.rmtree(tmp_path / "x")


# --------------------------------------------------------------------------------------------
# Mutated


def cifar_batch(n, seed):
    records = np.random.default_rng(seed).integers(0, 256, (n, cifar_batches.RECORD), np.uint8)
    records[:, 0] = np.arange(n) % 10
    return records.tobytes()


@pytest.fixture(scope="session")
def specimens(q1, tmp_path_factory):
    """{kind of file: the bytes of a good one}."""
    folder = tmp_path_factory.mktemp("specimens")
    arrays = tiny_arrays(sizes=(6, 3, 3), shape=(2, 2))
    np.savez(folder / "data.npz", **arrays)
    np.savez_compressed(folder / "compressed.npz", **arrays)
    arguments = ["-data_path", folder / "data.npz", "-plots_dir", folder / "plots", "-epochs", 2]
    with pytest.MonkeyPatch.context() as patched:
        leave_figures_blank(patched)
        assert run_forked(q1, "perceptron", *arguments, prepare=faults(q1)).status == 0
    (record,) = (folder / "plots").glob("runs/*/record.json")
    (checkpoint,) = (folder / "plots").glob("runs/*/checkpoint.npz")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in cifar_batches.BATCHES.values():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = 3 * cifar_batches.RECORD
            tar.addfile(member, io.BytesIO(cifar_batch(3, 0)))
    return {
        "data": (folder / "data.npz").read_bytes(),
        "compressed data": (folder / "compressed.npz").read_bytes(),
        "checkpoint": checkpoint.read_bytes(),
        "record": record.read_bytes(),
        "cifar batch": cifar_batch(7, 1),
        "cifar tar": archive.getvalue(),
        "cifar archive": gzip.compress(archive.getvalue(), compresslevel=1),
    }


def cifar_source(folder, specimens, kind, content):
    """A folder, or an archive, of CIFAR-10 with this content in place of the specimen's."""
    if kind == "cifar batch":
        source = folder / "cifar"
        source.mkdir(exist_ok=True)
        for name in cifar_batches.BATCHES.values():
            (source / name).write_bytes(specimens["cifar batch"])
        (source / "data_batch_2.bin").write_bytes(content)
        return source
    source = folder / "x.tar.gz"
    if kind == "cifar tar":
        content = gzip.compress(content, compresslevel=1)
    source.write_bytes(content)
    return source


def read(kind, folder, specimens, content):
    """Read mutated content as the program would."""
    if kind.startswith("cifar"):
        prepare.cifar10(cifar_source(folder, specimens, kind, content), folder / "made.npz")
        return
    path = folder / "x"
    path.write_bytes(content)
    if kind == "record":
        read_record(path)
    elif kind == "checkpoint":
        read_state(path, read_checkpoint(path))
    else:
        utils.read_npz(path)


place = st.floats(0, 1, exclude_max=True)
# Numbers as they stand in headers: the sizes of zip, tar and npy, and words of JSON and npy.
telling = st.sampled_from(
    [b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"PK\x03\x04", b"PK\x01\x02", b"99999999999"]
    + [b"\x93NUMPY", b"'|O'", b"(1,)", b"[[[[", b"{}", b"NaN", b"1e999", b"null", b"\x00", b'"']
)
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("set"), place, st.binary(min_size=1, max_size=4) | telling),
        st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=40) | telling),
        st.tuples(st.just("cut"), place, place),
        st.tuples(st.just("splice"), place, place, place),
    ),
    min_size=1,
    max_size=5,
)


def mutated(content, changes):
    for kind, *where in changes:
        first, *rest = (int(x * len(content)) if isinstance(x, float) else x for x in where)
        if kind == "set":
            content = content[:first] + rest[0] + content[first + len(rest[0]) :]
        elif kind == "insert":
            content = content[:first] + rest[0] + content[first:]
        elif kind == "cut":
            start, end = sorted((first, rest[0]))
            content = content[:start] + content[end:]
        else:
            start, end = sorted(rest)
            content = content[:first] + content[start:end] + content[first:]
    return content


KINDS = ["data", "compressed data", "checkpoint", "record"]
KINDS += ["cifar batch", "cifar tar", "cifar archive"]


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # from within a header of npy
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(changes=mutations)
def test_any_mutation_is_a_clean_error_or_harmless(tmp_path_factory, specimens, kind, changes):
    """Nothing but InputError, in one line; little memory; nothing executed."""
    folder = tmp_path_factory.getbasetemp() / "mutated"
    folder.mkdir(exist_ok=True)
    content = mutated(specimens[kind], changes)
    with little_memory(), nothing_executed():
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                read(kind, folder, specimens, content)
        except InputError as error:
            assert "\n" not in str(error)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=mutations)
def test_any_mutation_of_a_checkpoint_is_said_or_does_not_matter(a_run, tmp_path, changes):
    """Where -resume takes it all the same, the run ends with the record of one never stopped."""
    if not (tmp_path / "whole").exists():
        assert a_run("perceptron", "whole", 3).status == 0
        assert a_run("perceptron", "part", 2).status == 0
    shutil.copytree(tmp_path / "part", tmp_path / "x")
    remove_record(tmp_path / "x")
    last, before = checkpoint_of(tmp_path / "x")
    before.unlink()
    last.write_bytes(mutated(last.read_bytes(), changes))
    outcome = a_run("perceptron", "x", 3, "-resume")
    if outcome.status == 0:
        assert numbers(tmp_path / "x") == numbers(tmp_path / "whole")
    else:
        assert outcome.status == 2 and last.name in outcome.err
    shutil.rmtree(tmp_path / "x")
