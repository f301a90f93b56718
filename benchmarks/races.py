"""What speed.py measures: epochs in turn, whole commands, a whole edition, and the floor of each."""

import tomllib
from dataclasses import dataclass

from processes import BENCHMARKS, ROOT

# What the slow rivals see of the training set, their seconds scaled up to all of it.
SKLEARN_MLP_PART, TORCH_MLP_PART = "32", "16"
HIDDEN = "100"  # the default of both programs
L2 = "0.01"


@dataclass(frozen=True)
class Rival:
    """Someone to measure against: one row of the table.

    name : the row's, after its race's.
    against : what it is, in words.
    floor : the least ratio theirs / ours; with `at_most` the greatest ours / theirs; None for a row
        that only informs.
    contestant : `Contestant`'s kind and settings.
    """

    name: str
    against: str
    floor: float | None
    contestant: tuple
    at_most: bool = False


@dataclass(frozen=True)
class Race:
    """An epoch of ours and of its rivals, in turn. `ours` is `Contestant`'s kind and settings.

    busy : how many times longer our epoch may take beside one busy process; None if that is no aim.
    """

    name: str
    what: str
    ours: tuple
    rivals: tuple
    busy: float | None = None


def plain(model, floor, l2="0"):
    """The plain loop, in two surroundings that differ in what its temporaries cost.

    glibc gives freed memory back to the system at once, and gets the next piece with its pages to
    be cleared, until a block of some megabytes has been freed; then it keeps as much. So the loop
    is slow in a process that only trains, and faster in one that has freed such a block before, as
    plain_q1.py has when its validation images are floats. The floor is held against both.
    """
    options = ("-l2_penalty", l2) if model == "logistic_regression" else ()
    alone = "the plain loop (float64) in a process that has loaded the training set"
    inside = "the same loop inside plain_q1.py, whose loading leaves memory at hand"
    return (
        Rival("plain", alone, floor, ("plain_loop_alone", model, l2)),
        Rival("plain-in-program", inside, floor, ("plain_q1.py", model, *options)),
    )


def logistic_regression(l2, floor):
    options = () if l2 == "0" else ("-l2_penalty", l2)
    rival = 'scikit-learn `SGDClassifier(loss="log_loss", n_jobs=2)`, float32, (3 epochs - 1) / 2'
    return Race(
        "logistic_regression" + ("" if l2 == "0" else "-l2"),
        f"logistic regression epoch, l2 {l2}",
        ("hw1-q1.py", "logistic_regression", *options),
        (
            *plain("logistic_regression", floor, l2),
            Rival("scikit-learn", rival, 2, ("sklearn_linear", "logistic_regression", l2)),
        ),
    )


def network(batch_size, floor, products_floor):
    """An epoch of hw1-q2.py's mlp with its defaults at a batch size."""
    options = ("mlp", "-batch_size", str(batch_size))
    products = ("torch_products", str(batch_size), "200", "2")
    alone = "its matrix products alone, same batch shapes"
    one = "the same on one batch over and over, which stays in the cache"
    return Race(
        f"q2-mlp-{batch_size}",
        f"hw1-q2.py mlp epoch, batch {batch_size}",
        ("hw1-q2.py", *options),
        (
            Rival("skeleton", "the skeleton's loop", floor, ("plain_q2.py", *options)),
            Rival("products", alone, products_floor, (*products, "all"), at_most=True),
            Rival("products-one-batch", one, None, (*products, "one"), at_most=True),
        ),
        busy=2.3,
    )


SKLEARN_PERCEPTRON = "scikit-learn `Perceptron(n_jobs=2)`, float32, (3 epochs - 1) / 2"
SKLEARN_MLP = (
    'scikit-learn `MLPClassifier(batch_size=1, solver="sgd")`, float32, `partial_fit` on '
    f"1/{SKLEARN_MLP_PART} of the examples, scaled up"
)
TORCH_MLP = f"torch, batch size 1, float32, 1/{TORCH_MLP_PART} of the examples, scaled up"
PRODUCTS = "its two matrix products alone (float32, whole-epoch sizes, default threads)"
ONE_THREAD = "the same on one BLAS thread"
LOGISTIC_32 = ("logistic_regression", "-batch_size", "32")

RACES = [
    Race(
        "perceptron",
        "perceptron epoch",
        ("hw1-q1.py", "perceptron"),
        (
            *plain("perceptron", 1.3),
            Rival("scikit-learn", SKLEARN_PERCEPTRON, 1.5, ("sklearn_linear", "perceptron")),
        ),
    ),
    logistic_regression("0", 2),
    logistic_regression(L2, 8),
    Race(
        "mlp",
        f"NumPy MLP epoch, {HIDDEN} hidden",
        ("hw1-q1.py", "mlp"),
        (
            *plain("mlp", 10),
            Rival("torch", TORCH_MLP, 10, ("torch_mlp", HIDDEN, TORCH_MLP_PART)),
            Rival("scikit-learn", SKLEARN_MLP, 40, ("sklearn_mlp", HIDDEN, SKLEARN_MLP_PART)),
            Rival("products", PRODUCTS, 3, ("numpy_products", HIDDEN, "default"), at_most=True),
            Rival(
                "products-1-thread", ONE_THREAD, None, ("numpy_products", HIDDEN, "1"), at_most=True
            ),
        ),
    ),
    network(64, 1.5, 1.8),
    network(512, 1.5, 1.5),
    Race(
        "q2-logistic_regression-32",
        "hw1-q2.py logistic_regression epoch, batch 32",
        ("hw1-q2.py", *LOGISTIC_32),
        (Rival("skeleton", "the skeleton's loop", 1.7, ("plain_q2.py", *LOGISTIC_32)),),
        busy=2.3,
    ),
]


@dataclass(frozen=True)
class Command:
    """A whole command against the same command of a plain program, and the memory of both.

    epochs : of the timed command.
    floor : the least ratio of seconds; None where only the memory is measured.
    gigabytes : the most memory that ours may take.
    """

    script: str
    model: str
    floor: float | None
    gigabytes: float
    options: tuple = ()
    epochs: int = 1

    @property
    def plain(self):
        return PLAIN[self.script]

    @property
    def row(self):
        return f"command/{self.model}"

    @property
    def memory_row(self):
        return f"memory/{self.script[4:6]}-{self.model}"


PLAIN = {"hw1-q1.py": BENCHMARKS / "plain_q1.py", "hw1-q2.py": BENCHMARKS / "plain_q2.py"}
# The homework's numbers of epochs, but for the MLP's 20: with 5, loading weighs more, and plain_q1.py
# does not take half an hour.
COMMANDS = [
    Command("hw1-q1.py", "perceptron", 2.5, 0.8, epochs=100),
    Command("hw1-q1.py", "logistic_regression", 6, 0.8, ("-l2_penalty", L2), epochs=100),
    Command("hw1-q1.py", "mlp", 8, 0.8, epochs=5),
    Command("hw1-q2.py", "logistic_regression", None, 1.0),
    Command("hw1-q2.py", "mlp", None, 1.0),
]
HELP_ROW, HELP_SECONDS = "help", 0.3
EDITION_ROW, EDITION_FLOOR, EDITION_SHARE = "edition", 2, 10
DEFAULT_EPOCHS = {"hw1-q1.py": 20, "hw1-q2.py": 200}


def edition_commands(most=None):
    """[(script, options)] of the runs of edition 2024-25, at a tenth of their epochs or at most so many.

    A run that several questions ask for is there once, as an edition trains it once.
    """
    with open(ROOT / "editions" / "ist-2024.toml", "rb") as stream:
        questions = tomllib.load(stream)["questions"]
    commands = {}
    for question in questions:
        for experiment in question.get("experiments", ()):
            script, *words = experiment["command"].split()
            if script not in PLAIN or "-l1_penalty" in words:  # the plain programs have neither
                continue
            epochs = DEFAULT_EPOCHS[script]
            if "-epochs" in words:
                at = words.index("-epochs")
                epochs = int(words[at + 1])
                del words[at : at + 2]
            epochs = max(1, min(epochs // EDITION_SHARE, most or epochs))
            commands[script, (*words, "-epochs", str(epochs))] = True
    return list(commands)


def race_rows(race):
    busy = [f"{race.name}/busy"] if race.busy else []
    return [f"{race.name}/{rival.name}" for rival in race.rivals] + busy


ROWS = [
    *(command.row for command in COMMANDS if command.floor),
    *(row for race in RACES for row in race_rows(race)),
    EDITION_ROW,
    *(command.memory_row for command in COMMANDS),
    HELP_ROW,
]
