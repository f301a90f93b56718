"""Run every experiment of an edition of the homework, and write the report.

    python reproduce.py ist-2024
    python reproduce.py ist-2024 -only 1.1 2.2b -jobs 2
    python reproduce.py ist-2024 -quick -print | xargs -d '\\n' -P 2 -I{} sh -c '{}'

What an edition asks is in editions/. Each experiment is a command line of hw1-q1.py or hw1-q2.py,
run as it stands, in plots/<edition>. A finished run is kept for as long as its options, its data
and the code are the same; one that was stopped goes on from its checkpoint. When nothing is left to
run, or what is left has failed, the report is written: see report.py.
"""

import argparse
import contextlib
import dataclasses
import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import editions
import report
import runs
import utils
from utils import InputError, notice

FORMATS = ("pdf", "png")  # pdf for a paper, png for the report
QUICK = 100  # -quick trains this fraction of the epochs


def parse_arguments(arguments):
    parser = utils.Parser(
        prog="reproduce.py",
        description="Run every experiment of an edition of the homework, and write the report.",
    )
    parser.add_argument("edition", help=f"one of {', '.join(editions.names())}")
    parser.add_argument(
        "-only",
        nargs="+",
        metavar="QUESTION",
        help="run these alone: 2.2b, or 2.2 for all its parts (default: all)",
    )
    parser.add_argument(
        "-data_path", metavar="NPZ", help="images and labels (default: the edition's data file)"
    )
    parser.add_argument(
        "-plots_dir",
        type=Path,
        default=runs.PLOTS,
        metavar="DIR",
        help="where the edition's folder goes (default: plots, beside this script)",
    )
    parser.add_argument(
        "-jobs",
        type=runs.count,
        default=1,
        metavar="N",
        help="runs at a time, which share the cores; the numbers are the same (default: %(default)s)",
    )
    parser.add_argument(
        "-quick",
        action="store_true",
        help=f"a {QUICK}th of the epochs, in a folder of its own: to try it, not to report",
    )
    parser.add_argument(
        "-print",
        action="store_true",
        help="print the command lines that are left to run, relative to the repository, and stop",
    )
    return parser.parse_args(arguments)


def main(arguments=None):
    opt = parse_arguments(arguments)
    edition = editions.load(opt.edition)
    chosen = editions.choose(edition, opt.only)
    folder = opt.plots_dir / (f"{edition.name}-quick" if opt.quick else edition.name)
    data = open_data(edition, opt.data_path)
    experiments = planned(edition, folder, data, opt)

    left, kept = [], 0
    for experiment in experiments:
        if not any(question in chosen for question, _ in experiment.uses):
            continue
        what, why = experiment.left()
        if what == "kept":
            kept += 1
            continue
        left.append(experiment)
        if what == "resume":
            experiment.words.append("-resume")
        if why:
            notice(f"{experiment.title}: {why}")
    if kept:
        notice(f"{kept} of {kept + len(left)} runs are there already, and kept")

    if opt.print:
        for experiment in left:
            print(experiment.command_line(), flush=True)
        return
    if left:
        run_all(left, opt.jobs)
    try:
        path = report.write(edition, experiments, folder, data, opt.quick and QUICK)
    except utils.Stopped as stopped:
        notice("stopped; the finished runs are kept, and the same command writes the report")
        sys.exit(128 + stopped.signum)
    print(path)
    if any(experiment.failure for experiment in left):
        sys.exit(1)


def open_data(edition, data_path):
    """The edition's data set as `runs.Data`, its arrays read, checked and let go but for labels.

    InputError, which says how to get it, where the edition's file is not there.
    """
    if data_path is None and not edition.standin:
        data_path = utils.ROOT / edition.data
        if not data_path.exists():
            raise InputError(
                f"{edition.data}: is not there; '{edition.prepare}' gets it, or name another file "
                "with -data_path"
            )
    data = runs.open_data(argparse.Namespace(data_path=data_path))
    labels = {name: array for name, array in data.arrays.items() if name.endswith("labels")}
    return dataclasses.replace(data, arrays=labels)


# --------------------------------------------------------------------------------------------
# What there is to run


@dataclasses.dataclass
class Planned:
    """A run of the edition: how it is started, and where its files are.

    uses : the (question, experiment) pairs of the edition that it is the run of.
    command : the words of its command line as the report shows them.
    words : those that it is started with, relative to the repository.
    opt, name : as the script resolves them; see `sweeps.Sweep`.
    code : the version of the code that it is run with.
    quantities : its figures', all of which it draws in both formats.
    """

    uses: list
    command: list
    words: list
    opt: argparse.Namespace
    name: str
    code: str
    quantities: list
    data: runs.Data
    failure: str = ""  # what its process said when it failed

    @property
    def experiment(self):
        """As the first question that it belongs to has it."""
        return self.uses[0][1]

    @property
    def title(self):
        return f"{self.uses[0][0].number} {self.experiment.name}"

    def path(self, quantity, ending):
        return runs.file_path(self.opt.plots_dir, self.name, self.data, quantity, ending)

    def record(self):
        """Its record, whole and of this code, all its figures beside it.

        InputError with what keeps the record from being used.
        """
        path = self.path("record", "json")
        if not path.exists():
            raise InputError("it was stopped" if self.checkpoints() else "not run yet")
        try:
            record = runs.read_record(path)
        except InputError:
            raise InputError("its record is damaged") from None
        if record.get("code") != self.code:
            raise InputError("the code changed")
        if record["data"]["sha256"] != self.data.sha256:
            raise InputError("the data changed")
        if {k: v for k, v in record["options"].items() if k != "data_path"} != self.options():
            raise InputError("the options changed")
        if record["status"] != "finished" or len(record["epochs"]) != self.opt.epochs:
            raise InputError("it was stopped")
        if not {"train_acc", "val_acc", "test_acc"} <= record["final"].keys():
            raise InputError("its record is damaged")
        numbers = [record[name] for name in ("initial", "final", "best", "seconds")]
        numbers += [{"val_acc": row["val_acc"]} for row in record["epochs"]]
        if any(None in row.values() for row in numbers):  # a loss can be nan, none of these can
            raise InputError("its record is damaged")
        figures = [self.path(name, kind) for name in self.quantities for kind in FORMATS]
        if not all(figure.is_file() for figure in figures):
            raise InputError("its figures are missing")
        return record

    def left(self):
        """What is left to do, "kept" (nothing), "resume" or "start", and why in words, or ""."""
        try:
            self.record()
            return "kept", ""
        except InputError as error:
            why = str(error)
        if why == "not run yet":
            return "start", ""
        options = {k: v for k, v in self.options().items() if k != "epochs"}
        damaged = ""
        for path in self.checkpoints():
            try:
                checkpoint = runs.read_checkpoint(path, "meta")
            except InputError:
                damaged = ", and its checkpoint is damaged"
                continue
            identity = checkpoint["identity"]
            if checkpoint["code"] != self.code:
                why = "the code changed"
            elif identity.get("data") == self.data.sha256 and options.items() <= identity.items():
                done = f"after epoch {checkpoint['epochs']} of {self.opt.epochs}"
                return "resume", f"{why}; goes on {done}"
        return "start", f"run again, {why}{damaged}"

    def checkpoints(self):
        """The checkpoints that it has: the last one, and the one before."""
        paths = [self.path(name, "npz") for name in ("checkpoint", "checkpoint-before")]
        return [path for path in paths if path.exists()]

    def options(self):
        """Its options as a record has them."""
        return json.loads(json.dumps(runs.recorded_options(self.opt), default=str))

    def command_line(self):
        """What a shell in the repository runs it with."""
        # One thread: who starts several at a time gives each a core. The numbers are the same.
        return shlex.join(["env", "OMP_NUM_THREADS=1", "python", *self.words])


def planned(edition, folder, data, opt):
    """The `Planned` runs of an edition, each once, in the order of the questions.

    InputError, which names the field, where the command of an experiment is not that of one run.
    """
    scripts, codes, by_name = {}, {}, {}
    where = ["-plots_dir", relative(folder), "-plot_format", *FORMATS]
    if opt.data_path is not None or not edition.standin:
        where += ["-data_path", relative(opt.data_path or utils.ROOT / edition.data)]
    for question in edition.questions:
        compared = set()
        for experiment in question.experiments:
            script, *words = experiment.command
            if script not in scripts:
                scripts[script] = utils.load_script(script)
                codes[script] = runs.code_version(script)
            run, name = only_run(scripts[script], words, edition, experiment)
            if any(not hasattr(run, option) for option in question.compare):
                raise InputError(
                    f"{experiment.where}command: {script} has no option to compare, "
                    f"-{' or -'.join(question.compare)}"
                )
            values = ", ".join(f"-{option} {getattr(run, option)}" for option in question.compare)
            if values and values in compared:  # the comparison's curves are told apart by it
                raise InputError(
                    f"{experiment.where}command: another experiment of the question has {values} "
                    "too, by which they are compared"
                )
            compared.add(values)
            if opt.quick:
                words = with_epochs(words, max(1, run.epochs // QUICK))
                run, name = only_run(scripts[script], words, edition, experiment)
            if name in by_name:
                by_name[name].uses.append((question, experiment))
                continue
            run.plots_dir = folder
            figures = scripts[script].FIGURES
            figures = figures[run.model] if isinstance(figures, dict) else figures
            linear = script == "hw1-q1.py" and run.model != "mlp"
            by_name[name] = Planned(
                uses=[(question, experiment)],
                command=[script, *words],
                words=[script, *words, *where],
                opt=run,
                name=name,
                code=codes[script],
                quantities=[figure.quantity for figure in figures] + ["weights"] * linear,
                data=data,
            )
    return list(by_name.values())


def only_run(script, words, edition, experiment):
    """(opt, name) of the one run that a script makes of a command line."""
    field = f"{experiment.where}command: "
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            sweep = script.parse_arguments(words)
        except SystemExit:
            raise InputError(f"{field}{said.getvalue().partition(' (')[0]}") from None
    if sweep.swept:
        raise InputError(f"{field}must be a single run; write an experiment for each value")
    ((opt, name),) = sweep.runs
    ((plain, _),) = script.parse_arguments([opt.model]).runs
    if any(getattr(opt, option) != getattr(plain, option) for option in runs.FREE_OPTIONS):
        raise InputError(f"{field}data, folder, format and resuming are not the edition's to say")
    return opt, name


def with_epochs(words, epochs):
    """The command line with another number of epochs."""
    if "-epochs" in words:
        at = words.index("-epochs") + 1
        return [*words[:at], str(epochs), *words[at + 1 :]]
    return [*words, "-epochs", str(epochs)]


def relative(path):
    """A path as seen from the repository; one that was given absolute stays so."""
    path = Path(path)
    if path.is_absolute() and utils.ROOT not in path.parents:
        return str(path)
    path = os.path.relpath(path, utils.ROOT)
    return os.path.join(".", path) if path.startswith("-") else path  # else it looks like an option


# --------------------------------------------------------------------------------------------
# Running


def run_all(left, jobs):
    """Run experiments, `jobs` at a time; a failure is noted in the experiment, and the rest go on.

    A signal that asks for a stop, see `utils.stoppable`, stops those under way, which keep what
    they trained, and ends the program. A second one ends it without waiting for them.
    """
    runner = Runner(left, jobs)
    with ThreadPoolExecutor(jobs) as pool:
        futures = []
        try:
            futures += [pool.submit(runner.run, experiment) for experiment in left]
            wait(futures, return_when=FIRST_EXCEPTION)
        except utils.Stopped as stopped:
            runner.stop()
            pool.shutdown()
            runner.bar.close()
            notice("stopped; what was trained is kept, and the same command goes on")
            sys.exit(128 + stopped.signum)
        finally:
            runner.stop()
            runner.bar.close()
    for future in futures:
        future.result()


class Runner:
    """Runs experiments and tells how far they are, on standard error; see `run_all`."""

    def __init__(self, left, jobs):
        from tqdm import tqdm

        self.left, self.jobs = left, jobs
        has_affinity = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
        self.threads = str(max(1, cores // jobs))
        self.lock = threading.Lock()
        self.processes = set()
        self.stopping = False
        self.done = dict.fromkeys((experiment.title for experiment in left), 0)  # epochs
        self.first = {}  # {title: (epochs done when its first epoch began, when that was)}
        self.pace = {}  # {title: seconds an epoch}
        self.bar = tqdm(
            total=sum(experiment.opt.epochs for experiment in left),
            bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} epochs{postfix}",
            disable=None,
            leave=False,
        )

    def run(self, experiment):
        """Run one experiment to its end; where that leaves no whole record, note its failure."""
        with contextlib.suppress(InputError):
            experiment.record()  # another reproduce.py has run it in the meantime
            self.advance(experiment, experiment.opt.epochs)
            self.bar.write(f"{experiment.title}: is there by now, and kept", file=sys.stderr)
            return
        started = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            with self.lock:
                if self.stopping:
                    return
                process = subprocess.Popen(
                    [sys.executable, *experiment.words],
                    cwd=utils.ROOT,
                    env={**os.environ, "OMP_NUM_THREADS": self.threads},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,  # a file, so no terminal: its progress bars do not mix with ours
                    text=True,
                    start_new_session=True,  # Ctrl-C comes to us alone; see `stop`
                )
                self.processes.add(process)
            with process.stdout as lines:
                for line in lines:
                    if line.startswith("Training epoch "):
                        self.advance(experiment, int(line.split()[2]) - 1)
            process.wait()
            with self.lock:
                self.processes.remove(process)
                if self.stopping:
                    return
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
        if process.returncode:
            experiment.failure = said[-1] if said else f"exit status {process.returncode}"
        else:
            try:
                experiment.record()
            except InputError as error:
                experiment.failure = f"left no record that can be used ({error})"
        self.advance(experiment, experiment.opt.epochs, trained=not experiment.failure)
        outcome = "failed" if experiment.failure else "finished"
        self.bar.write(
            f"{experiment.title}: {outcome} after {report.in_words(time.monotonic() - started)}"
            f"{self.time_left()}{experiment.failure and f': {experiment.failure}'}",
            file=sys.stderr,
        )

    def stop(self):
        """Start nothing more, and have the runs under way stop."""
        with self.lock:
            self.stopping = True
            for process in self.processes:
                process.terminate()  # SIGINT would be ignored by those of a shell's `&`

    def advance(self, experiment, epochs, trained=True):
        """Note that so many epochs of a run are done, or will not be: then they were not `trained`."""
        title, now = experiment.title, time.monotonic()
        with self.lock:
            before, began = self.first.setdefault(title, (epochs, now))
            if trained and epochs > before:
                self.pace[title] = (now - began) / (epochs - before)
            self.bar.update(epochs - self.done[title])
            self.done[title] = epochs
        self.bar.set_postfix_str(self.time_left().removeprefix("; "))

    def time_left(self):
        """'; about 3 min 20 s left', from the seconds an epoch of each run, or of runs like it."""
        total = 0.0
        with self.lock:
            waiting = [e for e in self.left if self.done[e.title] < e.opt.epochs]
            for experiment in waiting:
                alike = [
                    self.pace[other.title]
                    for other in self.left
                    if other.title in self.pace and other.command[:2] == experiment.command[:2]
                ]
                paces = alike or list(self.pace.values())
                if not paces:
                    return ""
                pace = self.pace.get(experiment.title, sum(paces) / len(paces))
                total += pace * (experiment.opt.epochs - self.done[experiment.title])
        if not waiting:
            return ""
        return f"; about {report.in_words(total / min(self.jobs, len(waiting)))} left"


if __name__ == "__main__":
    utils.run_script(main)
