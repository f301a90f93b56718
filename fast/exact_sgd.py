"""Trains and evaluates the models of Question 1 sooner, and proves that the numbers stay theirs.

    loss = exact_sgd.train_epoch(model, X, y, learning_rate=0.001)
    accuracy, scores = exact_sgd.evaluate(model, X, y)

The model's own `train_epoch`, one example at a time, is the definition. An epoch of blocks.py takes its
place only where both agree: once per model on a small random probe and on the order of the rows,
and before each epoch on its first examples. Where they differ, or anything raises, the model's own
loop trains from then on, and a notice says so. docs/exact-sgd.md says what this sees.
"""

import contextlib
import copy
import functools
import io
import random
import weakref
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from fast import blocks, ties
from fast.pixels import FeatureMatrix
from utils import notice


class Way(NamedTuple):
    """A fast way to train.

    epoch : a function of the model's arrays, X, y, a block's size, and the settings.
    parameters : the arrays' names; the first is (rows, n_features), the last has a row per class.
    block : examples.
    first : examples of each epoch that both ways train: under 2% of its time.
    float32 : on pixels, how much of a step float32 may change; None: always float64.
    """

    epoch: object
    parameters: tuple
    block: int
    first: int
    float32: float | None


# For logistic regression, the Gram matrices' work grows with the block and the number of calls shrinks;
# with 6,913 features 12 rows are about the most that OpenBLAS's routine for small products takes. In
# the MLP each product has all of W1 to read.
WAYS = (
    Way(blocks.perceptron, ("W",), 32, 8, 0.0),
    Way(blocks.logistic_regression, ("W",), 12, 8, None),
    Way(blocks.mlp, ("W1", "b1", "W2", "b2"), 96, 4, 1e-3),
)
SETTINGS = {"learning_rate", "l2_penalty"}  # what an epoch may be given; others only a model knows
FEWEST = 8  # rows that are worth a proof
CLOSE = 1e-9  # how much of a step summing in another order may change in float64
_ways = weakref.WeakKeyDictionary()  # {model: its Way, or None: its own loop trains it}


class Differs(Exception):
    """The fast way does not do what the model does; the message says what it does differently."""


def train_epoch(model, X, y, own_epoch=None, **settings):
    """Train one epoch of the model; returns what its own `train_epoch(X, y, **settings)` would.

    X : ndarray (n, n_features) or `pixels.FeatureMatrix`; y : (n,) or (n, 1) classes.
    own_epoch : the model's own way to train, where that is not `model.train_epoch`.
    """
    own_epoch, y = own_epoch or model.train_epoch, gold_classes(y, len(X))
    given = {name: value for name, value in settings.items() if (name, value) != ("batch_size", 1)}
    usable = len(X) >= FEWEST and given.keys() <= SETTINGS and not trains_by_own_loop(model)
    with one_blas_thread():
        if usable:
            try:
                if model not in _ways:
                    _ways[model] = _proven_way(model, own_epoch, len(X), given)
                way = _ways[model]
                dtype = _dtype_of_equal_steps(model, own_epoch, way, X, y, given)
            except Exception as error:  # noqa: BLE001, of a method that is not the known one
                keep_to_own_loop(model)
                notice(
                    f"note: {type(model).__name__} is trained by its own train_epoch, one example at a "
                    f"time: fast/exact_sgd.py would change the result ({error})"
                )
            else:
                return _fast_epoch(model, way, X, y, given, dtype)
        if "batch_size" in given and "W1" in vars(model) and _is_exact_in_float32(X):
            with _arrays_as(model, np.float32):  # the large products of batches in half the time
                return own_epoch(X.changed(dtype=np.float32), y, **settings)
        return own_epoch(X, y, **settings)


def gold_classes(y, n):
    """y, (n,) or (n, 1), as integers (n,); ValueError unless it has a class for each of n > 0 rows."""
    y = np.reshape(y, n)
    if n == 0 or y.dtype.kind not in "biu" or y.min() < 0:
        raise ValueError("y must hold a class, an integer from 0, for each row of X, one at least")
    return y.astype(np.int64)


def trains_by_own_loop(model):
    """Was the fast way found to differ from the model's own loop? A checkpoint keeps the answer."""
    return model in _ways and _ways[model] is None


def keep_to_own_loop(model):
    """Train the model by its own `train_epoch` from now on."""
    _ways[model] = None


def evaluate(model, X, y):
    """(accuracy, scores (n, n_classes)) of the model, by its own `evaluate` and `scores`.

    Of pixels, the scores are computed in float32. A linear model's are computed again in float64 where
    the two largest nearly tie; an MLP's last digits depend on the order of summation in any case.
    """
    own = model.scores
    with one_blas_thread():
        try:
            with _put_back(model):  # and what _scores makes of it undone
                scores = np.concatenate(list(_scores(model, X)))
        except Exception:  # noqa: BLE001, `scores` of a kind that takes no stack of blocks
            scores = np.concatenate([own(rows) for _, rows, _ in blocks.chunks(X, 1)])
        with _put_back(model):
            model.scores = lambda given: scores if given is X else own(given)
            return model.evaluate(X, y), scores


def _scores(model, X):
    """Yield the scores of X, some rows at a time, in float64."""
    exact, weights = copy.copy(model), vars(model).get("W")
    is_linear = isinstance(weights, np.ndarray)
    dtype = np.float32 if _is_exact_in_float32(X) else np.float64
    bound = ties.rounding_bound(weights, np.linalg.norm(weights)) if is_linear else 0
    with _arrays_as(model, dtype):
        for _, rows, _ in blocks.chunks(X, ties.SMALL_PRODUCT, dtype=dtype):
            parts = ties.stacked(rows, ties.SMALL_PRODUCT) if is_linear else [rows]
            scores = [model.scores(part).reshape(-1, 1) for part in parts if len(part)]
            scores = np.concatenate(scores).reshape(len(rows), -1).astype(np.float64)
            if is_linear and dtype == np.float32:
                close = ties.nearly_tie(scores, bound)
                scores[close] = exact.scores(rows[close].astype(np.float64))
            yield scores


# --------------------------------------------------------------------------------------------
# The fast epoch


@functools.cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


@contextlib.contextmanager
def one_blas_thread():
    """Keep BLAS to one thread, and NumPy from warning of overflow, which a run says itself.

    The second core has the next chunk to prepare. BLAS's own second thread gains little on products
    this small, and goes on spinning after each of them.
    """
    with _blas().limit(limits=1), np.errstate(all="ignore"):
        yield


def _is_exact_in_float32(X):
    return isinstance(X, FeatureMatrix) and X.standardize is None


@contextlib.contextmanager
def _arrays_as(model, dtype):
    """The model's arrays are in `dtype` for a while; what becomes of them is put into its own.

    After an error its own arrays are what they were.
    """
    attributes = vars(model)
    own = {
        name: value
        for name, value in attributes.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }
    attributes.update({name: array.astype(dtype) for name, array in own.items()})
    try:
        yield
        for name, array in own.items():
            array[...] = attributes[name]
    finally:
        attributes.update(own)


def _fast_epoch(model, way, X, y, settings, dtype=np.float64, size=None):
    """Train an epoch in `dtype`, blocks of `size` examples."""
    with _arrays_as(model, dtype):
        arrays = [getattr(model, name) for name in way.parameters]
        return way.epoch(*arrays, X, y, size or way.block, **settings)


# --------------------------------------------------------------------------------------------
# The proof


def _proven_way(model, own_epoch, n, settings):
    """The way that trains as the model does; Differs where there is none."""
    why = "its parameters are not W, or W1, b1, W2 and b2"
    for way in WAYS:
        if all(isinstance(vars(model).get(name), np.ndarray) for name in way.parameters):
            try:
                _probe(model, own_epoch, way, settings)
                _require_each_row_once(model, own_epoch, way, n, settings)
                return way
            except Exception as error:  # noqa: BLE001, of a method that is not the known one
                why = error
    raise Differs(why)


def _probe(model, own_epoch, way, settings):
    """Compare both ways on small random weights, a few examples of each class, and large settings.

    In the first epoch on real data no relu is off, a penalty is below rounding, and a class may be
    missing among the first examples.
    """
    rng = np.random.RandomState(0)
    with _put_back(model):
        for i, name in enumerate(way.parameters):
            shape = vars(model)[name].shape
            vars(model)[name] = rng.normal(0, 0.3, (*shape[:1], 7) if i == 0 else shape)
        n_classes = len(vars(model)[way.parameters[-1]])
        y = rng.permutation(4 * n_classes) % n_classes
        large = dict.fromkeys(settings, 0.1)
        _require_same(model, own_epoch, way, rng.normal(size=(len(y), 7)), y, large, size=3)


def _require_each_row_once(model, own_epoch, way, n, settings):
    """Let the epoch walk over n numbered rows, and look at the steps that it asks for.

    The steps are only noted, so what else it may do to the weights, here ones, is seen as well.
    """
    steps, given = [], []

    def update_weight(x_i, y_i, **options):
        steps.append((x_i[0], y_i))
        given.append(options)
        return float(y_i)

    with _put_back(model):
        model.update_weight = update_weight
        for name in way.parameters:
            vars(model)[name][...] = 1
        X, y = np.arange(float(n))[:, None], np.arange(n)
        loss, after = _outcome(model, lambda: own_epoch(X, y, **settings))
    if steps != [(i, i) for i in range(n)] or given != [settings] * n:
        raise Differs("the examples, their order or their settings")
    if not all((after[name] == 1).all() for name in way.parameters):
        raise Differs("the weights, between the steps")
    if loss is not None and not np.isclose(loss, (n - 1) / 2):
        raise Differs("the loss of an epoch")


def _dtype_of_equal_steps(model, own_epoch, way, X, y, settings):
    """In which type the way takes the model's own steps on the first examples; Differs if in none."""
    first = X[: way.first], y[: way.first]
    if way.float32 is not None and _is_exact_in_float32(X):
        with contextlib.suppress(Differs):
            _require_same(model, own_epoch, way, *first, settings, np.float32, way.float32)
            return np.float32
    _require_same(model, own_epoch, way, *first, settings)
    return np.float64


def _require_same(
    model, own_epoch, way, X, y, settings, dtype=np.float64, tolerance=CLOSE, size=None
):
    """Train X and y both ways, from the model's state and back to it; Differs if that is not the same.

    tolerance : the difference allowed, as a share of the largest step of each array.
    """
    before = {name: vars(model)[name].copy() for name in way.parameters}
    own_loss, own = _outcome(model, lambda: own_epoch(X, y, **settings))
    fast_loss, fast = _outcome(model, lambda: _fast_epoch(model, way, X, y, settings, dtype, size))
    if (own_loss is None) != (fast_loss is None) or own.keys() != fast.keys():
        raise Differs("what an epoch returns, or the model's attributes")
    if not all(np.isfinite(_largest(own[name])) for name in before):
        if all(np.isfinite(_largest(fast[name])) for name in before):
            raise Differs("nan or infinity")
        return  # both have diverged, and what overflows first is a matter of order
    if own_loss is not None and not np.isclose(own_loss, fast_loss, tolerance, tolerance):
        raise Differs("the loss")
    for name in own.keys() - before.keys():
        if not np.array_equal(own[name], fast[name]):
            raise Differs(name)
    for name, start in before.items():
        rounding = 8 * np.finfo(np.float64).eps * _largest(own[name])
        fast[name] -= own[name]
        if dtype != start.dtype:  # the fast way began at the rounded weights
            fast[name] += start - start.astype(dtype)
        own[name] -= start
        if not _largest(fast[name]) <= tolerance * _largest(own[name]) + rounding:
            raise Differs(name)


def _largest(array):
    return max(array.max(), -array.min())


def _outcome(model, run):
    """(what run() returns, the model's attributes then); the model is put back.

    Differs where `run` prints or draws random numbers, which the fast way does not do.
    """
    printed = io.StringIO()
    with _put_back(model), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        before = _random_states()
        outcome = run(), copy.deepcopy(vars(model), {id(model): model})
        if printed.getvalue() or _random_states() != before:
            raise Differs("its methods print or draw random numbers")
    return outcome


def _random_states():
    state = np.random.get_state()
    return random.getstate(), state[1].tobytes(), state[2:]


@contextlib.contextmanager
def _put_back(model):
    """Afterwards the model's attributes are the objects that they were, as they were, and so are the
    states of Python's and NumPy's random generators.
    """
    attributes, of_python, of_numpy = vars(model), random.getstate(), np.random.get_state()
    before = {  # a method bound to the model stays bound to it, and not to a copy
        name: (value, copy.deepcopy(value, {id(model): model}))
        for name, value in attributes.items()
    }
    try:
        yield
    finally:
        attributes.clear()
        for name, (value, kept) in before.items():
            if isinstance(value, np.ndarray):
                value[...] = kept
            elif isinstance(value, list):
                value[:] = kept
            elif isinstance(value, dict | set):
                value.clear()
                value.update(kept)
            elif not callable(value):
                value = kept
            attributes[name] = value
        random.setstate(of_python)
        np.random.set_state(of_numpy)
