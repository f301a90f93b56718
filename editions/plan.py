"""What there is to run of an edition, and what of it is already there.

`planned` makes the edition's commands into jobs, each started once. A run is there when its record is
whole and of the same options, data and code.
"""

import argparse
import hashlib
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import utils
from editions.commands import PROOFS, figures_of, only_run, relative, script_module, with_epochs
from editions.dataset import EditionData
from lab.checkpoint import read_checkpoint, read_state
from lab.figures import CAPTIONS, quantities
from lab.folder import file_name, run_folder
from lab.options import recorded_options
from lab.quantities import join_words, name_of
from lab.record import FINISHED, read_record
from lab.version import code_version
from utils import InputError

FORMATS = ("pdf", "png")  # pdf for a paper, png for the report
DRAWN = ("-plot_format", *FORMATS)
QUICK = 100  # -quick trains this fraction of the epochs
THEORY = tuple(f"theory/{path.name}" for path in sorted((utils.ROOT / "theory").glob("*.py")))
# Seconds per training example and feature in an epoch on one core of 2024: of a linear model, and for
# each hidden unit of the first layer; and seconds per update in PyTorch. What was measured replaces them.
LINEAR, UNIT, UPDATE = 3e-9, 6e-11, 1e-3
START = {"hw1-q1.py": 2.0, "hw1-q2.py": 5.0, PROOFS: 7.0}  # seconds to start, draw and end
MEMORY = {"hw1-q1.py": 0.15e9, "hw1-q2.py": 0.6e9, PROOFS: 0.15e9}  # bytes beside the images


class NotRun(InputError):
    """A job has left nothing yet."""

    def __init__(self):
        super().__init__("not run yet")


@dataclass
class Job:
    """A command of the edition that is started once.

    command : the words of its command line as the report shows them.
    argv : those that it is started with, relative to the repository.
    folder : where its files go.
    code : the version of the code that it is run with.
    uses : the (question, experiment) pairs of the edition that it is the run of.
    repetitions : `Training`s that differ from it in the seed.
    """

    command: list
    argv: list
    folder: Path
    code: str
    uses: list = field(default_factory=list, kw_only=True)
    repetitions: list = field(default_factory=list, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)  # of a repetition with another seed
    failure: str = field(default="", kw_only=True)  # what its process said when it failed
    epochs = 1  # what its progress is counted in; `cost` is in seconds on one core, roughly
    output = None  # the file that keeps what it prints

    @property
    def script(self):
        return self.command[0]

    @property
    def title(self):
        question, experiment = self.uses[0]
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{question.number} {experiment.name}{seed}"

    def command_line(self, threads):
        """What a shell in the repository runs it with."""
        line = shlex.join(["env", f"OMP_NUM_THREADS={threads}", "python", *self.argv])
        if self.output:
            folder, output = (shlex.quote(relative(p)) for p in (self.output.parent, self.output))
            line = f"mkdir -p {folder} && {line} > {output}"
        return line


@dataclass
class Proof(Job):
    """A run of hw1-q3.py: a folder of its own with what it printed and its figures."""

    @property
    def name(self):
        return shlex.join(self.command)

    @property
    def output(self):
        return self.folder / f"{self.code}.txt"  # another version of the code prints another file

    cost = START[PROOFS]
    memory = MEMORY[PROOFS]

    def result(self):
        """The lines that it printed; InputError where it did not run, or not to its end."""
        if not self.output.is_file():
            raise NotRun
        lines = self.output.read_text(encoding="utf-8", errors="replace").splitlines()
        if not lines or not lines[-1].endswith(("claim holds", "claims FAILED")):
            raise InputError("it was stopped")
        return lines

    def left(self):
        try:
            self.result()
        except NotRun:
            return "start", ""
        except InputError as error:
            return "start", f"run again, {error}"
        return "kept", ""

    def figures(self):
        paths = sorted(self.folder.glob("*.png"))
        return {path.stem: (caption_of(path.stem), path) for path in paths}


def caption_of(stem):
    """What a figure of hw1-q3.py shows, by its file's name: 'out of reach (D = 3, K = 5)'."""
    settings = [f"{name} = {value}" for name, value in re.findall(r"-([A-Z])-(-?\d+)", stem)]
    words = re.sub(r"^Q3-[a-z]+|-[A-Z]--?\d+", "", stem).strip("-").replace("-", " ")
    return f"{words} ({', '.join(settings)})" if settings else words


@dataclass
class Training(Job):
    """A run of hw1-q1.py or hw1-q2.py, which leaves a record.

    opt : as the script resolves it. name : the pattern of its files' names; see `lab.folder.Names`.
    drawn : its `lab.figures.Figure`s, all of which it draws in both formats.
    dataset : what it is given to train on.
    """

    opt: argparse.Namespace
    name: str
    drawn: list
    dataset: EditionData

    @property
    def epochs(self):
        return self.opt.epochs

    @property
    def cost(self):
        """Seconds that it takes on one core, roughly."""
        n, features = self.dataset.counts["train"], self.dataset.n_features
        units = self.opt.hidden_size if self.opt.model == "mlp" else 0
        updates = n / self.opt.batch_size if self.script == "hw1-q2.py" else 0
        epoch = n * features * (LINEAR + UNIT * units) + updates * UPDATE
        return START[self.script] + self.epochs * epoch

    @property
    def memory(self):
        """Bytes that it takes, roughly; images in a folder stay on disk."""
        images = sum(self.dataset.counts.values()) * self.dataset.n_features
        return MEMORY[self.script] + (0 if self.dataset.data.path.is_dir() else 1.2 * images)

    @property
    def own(self):
        """The folder of its record and all else that is no figure."""
        return run_folder(self.folder, self.name, self.dataset.data)

    def figure(self, quantity):
        """The PNG of a quantity."""
        return self.folder / f"{file_name(self.name, self.dataset.data, quantity)}.png"

    def figures(self):
        """{quantity: (caption, path)} of the PNGs that it drew."""
        captions = {
            figure.quantity: join_words([name_of(key) for key in figure.curves.values()])
            for figure in self.drawn
        }
        linear = self.script == "hw1-q1.py" and self.opt.model != "mlp"
        captions |= {quantity: CAPTIONS[quantity] for quantity in quantities(self.opt, linear)}
        return {q: (caption, self.figure(q)) for q, caption in captions.items()}

    def result(self):
        """Its record, whole and of this code, all its figures drawn.

        InputError with what keeps the record from being used.
        """
        path = self.own / "record.json"
        if not path.exists():
            raise InputError("it was stopped") if self.checkpoints() else NotRun
        try:
            record = read_record(path)
        except InputError as error:
            why = str(error).removeprefix(f"{path}: ")
            raise InputError(f"its record cannot be used: {why}") from None
        if record.code != self.code:
            raise InputError("the code changed")
        if record.data["sha256"] != self.dataset.data.sha256:
            raise InputError("the data changed")
        if {k: v for k, v in record.options.items() if k != "data_path"} != self.options():
            raise InputError("the options changed")
        if record.status != FINISHED or len(record.epochs) != self.opt.epochs:
            raise InputError("it was stopped")
        pictures = [png for _, png in self.figures().values()]
        if not all(png.with_suffix(f".{kind}").is_file() for png in pictures for kind in FORMATS):
            raise InputError("its figures are missing")
        return record

    def predictions(self):
        """The classes that it gave the test images, (n,); None where its file is missing or not that."""
        labels = self.dataset.data.arrays["test_labels"]
        try:
            found = np.load(self.own / "predictions.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        fits = found.shape == labels.shape and found.dtype.kind == "u"
        return found if fits and found.max() < self.dataset.data.n_classes else None

    def zero_weights(self):
        """(how many weights are exactly zero, of how many) of logistic regression in NumPy; else None.

        Without the biases, the last column of W.
        """
        if self.script != "hw1-q1.py" or self.opt.model != "logistic_regression":
            return None
        try:
            path = self.own / "checkpoint.npz"
            state, _ = read_state(path, read_checkpoint(path))
            weights = state["W"][:, :-1]
        except (InputError, OSError, LookupError):
            return None
        return int(np.sum(weights == 0)), weights.size

    def left(self):
        """What is left to do, "kept" (nothing), "resume" or "start", and why in words, or ""."""
        try:
            self.result()
            return "kept", ""
        except NotRun:
            return "start", ""
        except InputError as error:
            why = str(error)
        options = {k: v for k, v in self.options().items() if k != "epochs"}
        damaged = ""
        for path in self.checkpoints():
            try:
                checkpoint = read_checkpoint(path)
            except FileNotFoundError:  # replaced at this moment
                continue
            except InputError:
                damaged = ", and its checkpoint is damaged"
                continue
            identity = checkpoint.identity
            if checkpoint.code != self.code:
                why = "the code changed"
            elif identity.data == self.dataset.data.sha256 and identity.options == options:
                return (
                    "resume",
                    f"{why}; resumes after epoch {checkpoint.epochs} of {self.opt.epochs}",
                )
        return "start", f"run again, {why}{damaged}"

    def checkpoints(self):
        """The checkpoints that it has, the last one first."""
        paths = [self.own / "checkpoint.npz", self.own / "checkpoint-before.npz"]
        return [
            path for path in [*paths, *sorted(self.own.glob("checkpoint-*-*.npz"))] if path.exists()
        ]

    def options(self):
        """Its options as a record has them."""
        return recorded_options(self.opt)


def planned(edition, folder, dataset, opt):
    """The jobs of an edition, each once, in the order of the questions; `opt` is reproduce.py's.

    The repetitions with other seeds come last.
    """
    data_path = []
    if opt.data_path is not None or not edition.standin:
        data_path = ["-data_path", relative(opt.data_path or utils.ROOT / edition.data)]
    about = folder, dataset, data_path
    jobs = {}
    for question in edition.questions:
        for experiment in question.experiments:
            if experiment.command[0] == PROOFS:
                job = proof(experiment, *about)
            else:
                job = training(experiment, *about, opt.quick)
            jobs.setdefault(job.name, job).uses.append((question, experiment))
    for job in jobs.values():
        if isinstance(job, Training):
            question, experiment = job.uses[0]
            for seed in other_seeds(job.opt, question, opt.seeds or edition.seeds):
                job.repetitions.append(training(experiment, *about, opt.quick, seed))
                job.repetitions[-1].uses = job.uses
    return [*jobs.values(), *(each for job in jobs.values() for each in job.repetitions)]


def proof(experiment, folder, dataset, data_path):
    """The `Proof` of an experiment. One that takes data is given the edition's, and has a folder for
    each data set.
    """
    command = experiment.command
    about_data = hasattr(script_module(PROOFS).parse_arguments(command[1:]), "data_path")
    what = shlex.join(command) + dataset.data.sha256 * about_data
    own = folder / f"Q3-{command[1]}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"
    words = [*command, "-plots_dir", relative(own), *DRAWN, *data_path * about_data]
    return Proof(command, words, own, code_version(PROOFS, *THEORY))


def training(experiment, folder, dataset, data_path, quick, seed=None):
    """The `Training` of an experiment; `quick` of few epochs, and with another seed if one is given."""
    script, *words = experiment.command
    if quick:
        whole, *_ = only_run(experiment, words)
        words = with_epochs(words, max(1, whole.epochs // QUICK))
    if seed is not None:
        words = [*words, "-seed", str(seed)]
    opt, name, _ = only_run(experiment, words)
    command = [script, *words]
    given = [*command, "-plots_dir", relative(folder), *DRAWN, *data_path]
    drawn = figures_of(script, opt.model)
    return Training(
        command, given, folder, code_version(script), opt, name, drawn, dataset, seed=seed
    )


def other_seeds(opt, question, count):
    """The seeds that a run is repeated with: 1, 2, ...; none where the question is about seeds."""
    if "seed" in question.compare:
        return []
    return [seed for seed in range(1, count + 1) if seed != opt.seed][: count - 1]
