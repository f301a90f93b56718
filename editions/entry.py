"""One run in the report: its numbers beside the published ones, the verdict, the published curves."""

import contextlib
import functools
from decimal import ROUND_DOWN, Decimal

from editions.findings import about_confusion, one_class, run_findings
from editions.plan import NotRun, Proof
from lab import statistics
from lab.quantities import as_text, head_of, join_words, name_of
from utils import SPLITS, InputError

# What an edition calls a quantity, and what a record does: the first of these that it has.
KEYS = {
    "train": ("train_acc",),
    "val": ("val_acc",),
    "test": ("test_acc",),
    "w_norm": ("w_norm",),
    "loss": ("loss", "train_loss"),
    "val_loss": ("val_loss",),
    "seconds": ("seconds",),
}
# Two decimals agree by chance in one case of five, among runs that differ by a few hundredths.
EQUAL_DIGITS = 3


def key_of(quantity):
    """The key in lab/quantities.py of a quantity of an edition."""
    return KEYS[quantity][0]


def format_quantity(quantity, value):
    """A published quantity, or ours, as text: a number, a pair, or a mean with its deviation."""
    key = key_of(quantity)
    if isinstance(value, list):
        low, high = (as_text(key, end) for end in value)
        return low if low == high else f"{low} to {high}"
    if isinstance(value, dict):
        mean, deviation = (as_text(key, value[name]) for name in ("mean", "deviation"))
        runs = f" (of {value['count']})" if "count" in value else ""
        return f"{mean} ± {deviation}{runs}"
    return as_text(key, value)


def decimals(value):
    """How many digits a Decimal was written with behind the point."""
    return max(0, -Decimal(value).as_tuple().exponent)


def most_digits(published):
    """How many decimals a source's most exact accuracy has."""
    values = [published.get(split) for split in SPLITS]
    return max((decimals(value) for value in values if isinstance(value, Decimal)), default=0)


def rounded(value, digits):
    """A float with so many decimals, as a program prints it."""
    return Decimal(f"{value:.{digits}f}")


def agrees(ours, published):
    """Has our number the digits that one was published with, rounded or cut to them?"""
    digits = decimals(published)
    cut = Decimal(ours).quantize(Decimal(1).scaleb(-digits), ROUND_DOWN)
    return Decimal(published) in (rounded(ours, digits), cut)


def numbers_of(record):
    """{quantity: number} of a run, as the published ones are called."""
    numbers = {**record.epochs[-1], **record.final, "seconds": record.seconds_of_epochs}
    found = {
        quantity: next((numbers[key] for key in keys if numbers.get(key) is not None), None)
        for quantity, keys in KEYS.items()
    }
    return {quantity: value for quantity, value in found.items() if value is not None}


class Entry:
    """An experiment of a question in the report: its job's result, if there is one, and what it shows.

    dataset : `editions.dataset.EditionData`.
    quick : is it a trial of few epochs, comparable with nothing?
    shown_under : the number of an earlier question that shows the run's curves, or "".
    """

    def __init__(self, job, question, experiment, dataset, quick, shown_under=""):
        self.job, self.question, self.experiment = job, question, experiment
        self.dataset, self.quick, self.shown_under = dataset, quick, shown_under
        self.command = " ".join(["python", *job.command])
        self.is_proof = isinstance(job, Proof)
        self.record, self.proof, self.state = None, [], job.failure and f"failed: {job.failure}"
        if not self.state:
            try:
                result = job.result()
            except NotRun as error:
                self.state = str(error)
            except InputError as error:
                self.state = f"to run: {error}"
            else:
                self.proof, self.record = (result, None) if self.is_proof else ([], result)
        self.repeated = [self.record] if self.record else []  # with every seed, ours first
        for other in job.repetitions if self.record else []:
            with contextlib.suppress(InputError):
                self.repeated.append(other.result())

    @functools.cached_property
    def predictions(self):
        """The classes that our run gave the test images, (n,); None where they are not there."""
        return self.job.predictions()

    @property
    def ours(self):
        """{quantity: number} of our run, as the published ones are called; {} without a record."""
        return numbers_of(self.record) if self.record else {}

    def over_seeds(self, quantity):
        """A quantity's values, one a seed; of a seed whose run diverged none."""
        found = [numbers_of(record).get(quantity) for record in self.repeated]
        return [value for value in found if value is not None]

    # ---- verdicts

    def agreement(self, published):
        """Do all of a source's numbers agree with ours, in the digits that they were written with?

        None where there is nothing to compare: a range, a mean, seconds alone, or a flaw.
        """
        single = {
            quantity: value
            for quantity, value in published.items()
            if quantity in KEYS and quantity != "seconds" and isinstance(value, int | Decimal)
        }
        if not single or published["flaw"] or not self.ours or not self.dataset.comparable:
            return None
        return all(q in self.ours and agrees(self.ours[q], value) for q, value in single.items())

    def is_equal(self, published):
        """Does a source agree, in digits that would not do so by chance?"""
        return bool(self.agreement(published) and most_digits(published) >= EQUAL_DIGITS)

    def outside(self):
        """The quantities that lie outside their band, rounded to the digits that it is given with."""
        outside = []
        for split, (low, high) in self.experiment.band.items():
            digits = max(decimals(low), decimals(high))
            if not Decimal(low) <= rounded(self.ours[split], digits) <= Decimal(high):
                outside.append(split)
        return outside

    def verdict(self):
        """What is to be said of our run beside the published ones: words, and a class of the page."""
        if self.state:
            return self.state, "failed" if self.job.failure else "missing"
        if self.is_proof:
            return self.proof[-1], "out" if "FAILED" in self.proof[-1] else "in"
        nothing_published = not (self.experiment.published or self.experiment.band)
        if self.quick or nothing_published:  # the top of the report says what -quick means
            return "", "none"
        if not self.dataset.comparable:
            return self.dataset.relation, "none"
        if self.experiment.no_verdict:
            return self.experiment.no_verdict, "none"
        if any(map(self.is_equal, self.experiment.published)):
            return "equal", "in"
        if not self.experiment.band:
            return "no band", "none"
        if not self.outside():
            return "in the band", "in"
        return f"outside: {join_words([head_of(key_of(s)) for s in self.outside()])}", "out"

    # ---- rows of tables

    def numbers(self, columns):
        """Our row and the published ones: (class, who, the columns' numbers as text, note)."""

        def row(kind, who, values, note):
            return kind, who, [format_quantity(q, values.get(q)) for q in columns], note

        notes = [self.verdict()[0]]
        if self.record and one_class(self.record, self.dataset, self.predictions):
            notes.append("gives one class alone")
        yield row("ours", "ours", self.ours, "; ".join(filter(None, notes)))
        if len(self.repeated) > 1:
            means = {}
            for quantity in self.ours:
                values = self.over_seeds(quantity)
                if quantity != "seconds" and len(values) > 1:
                    about = statistics.summary(values)
                    means[quantity] = {"mean": about.mean, "deviation": about.deviation}
            yield row("ours", f"mean of {len(self.repeated)} seeds", means, "")
        for published in self.experiment.published:
            flaw = published["flaw"] and f"{published['flaw']}; not compared"
            notes = [flaw, published["note"]]
            if self.agreement(published) and not self.quick:
                short = f"equal in its {most_digits(published)} decimals"
                notes.append("equal" if self.is_equal(published) else short)
            elif self.agreement(published) is False and not self.quick:
                notes.append(self.beside_seeds(published))
            kind = "flawed" if published["flaw"] else "published"
            yield row(kind, published["source"], published, "; ".join(filter(None, notes)))
        if self.experiment.band:
            yield row("band", "band of correct results", self.experiment.band, "")

    def beside_seeds(self, published):
        """Where published accuracies lie beside the interval in which one more of our runs falls."""
        said = []
        for split in SPLITS if len(self.repeated) > 1 else ():
            if isinstance(published.get(split), Decimal):
                interval = statistics.next_run_interval(self.over_seeds(split))
                where = "inside" if float(published[split]) in interval else "outside"
                low, high = (as_text(key_of(split), end) for end in interval)
                said.append(f"{head_of(key_of(split))} {where} {low} to {high}")
        return f"of one more seed: {', '.join(said)}" if said else ""

    def reference(self):
        """The published numbers that the first table has: equal ones, else the first without a flaw;
        {} where nothing is published.
        """
        published = self.experiment.published
        flawless = [entry for entry in published if not entry["flaw"]]
        equal = [entry for entry in published if self.is_equal(entry)]
        return next(iter(equal or flawless or published), {})

    def identity(self):
        """The columns with which the run's row in the first table begins, in the report and in its csv."""
        who = {"question": self.question.number, "run": self.experiment.name}
        return who | {key_of(split): self.ours.get(split) for split in SPLITS}

    def report_row(self):
        """The run's row in the first table."""
        reference, band = self.reference(), self.experiment.band
        numbers, bands = (
            [
                f"{head_of(key_of(split))} {format_quantity(split, values[split])}"
                for split in SPLITS
                if split in values
            ]
            for values in (reference, band)
        )
        numbers += filter(None, (reference.get("flaw"), reference.get("note")))
        published = f"{reference['source']}: {', '.join(numbers)}" if numbers else ""
        row = {**self.identity(), "published": published}
        return row | {"band_of_correct_results": ", ".join(bands), "verdict": self.verdict()[0]}

    def csv_row(self):
        """The run's row in the first table's csv, a number in each column."""
        row, band, verdict = self.identity(), self.experiment.band, self.verdict()[0]
        for split in SPLITS:
            value = self.reference().get(split, "")
            if isinstance(value, dict):
                value = value["mean"]
            low, high = value if isinstance(value, list) else (value, value)
            row |= {f"published_{split}_low": low, f"published_{split}_high": high}
        for split in ("val", "test"):
            low, high = band.get(split, ("", ""))
            row |= {f"band_{split}_low": low, f"band_{split}_high": high}
        judged = verdict in ("equal", "in the band") or verdict.startswith("outside: ")
        inside = int(verdict == "equal" or not self.outside()) if judged and band else ""
        return row | {"in_band": inside, "verdict": verdict}

    # ---- curves

    @functools.cached_property
    def findings(self):
        """Sentences about the run's curves, and where it lies outside its band, about that."""
        if self.record is None:
            return []
        predictions = self.predictions
        sentences = run_findings(self.record, self.dataset, predictions)
        alone = one_class(self.record, self.dataset, predictions)
        if sentences and predictions is not None and not alone:
            data = self.dataset.data
            gold = data.arrays["test_labels"]
            sentences += about_confusion(gold, predictions, data.class_names)
        zero, count = self.job.zero_weights() or (0, 0)
        if sentences and zero:
            sentences.append(f"Of its {count:,} weights {zero:,} are exactly zero.")
        if len(self.repeated) > 1 and sentences:
            start = f"With seed {self.record.options['seed']}, "
            sentences[0] = start + sentences[0][0].lower() + sentences[0][1:]
            for split in ("val", "test"):
                name = name_of(key_of(split))
                said = statistics.describe(self.over_seeds(split))
                sentences.append(f"{name[0].upper()}{name[1:]}: {said[0].lower()}{said[1:]}")
        if self.verdict()[1] == "out":
            sentences += self.about_outside()
        return sentences

    def about_outside(self):
        """How far an accuracy outside its band lies from it, and how the run's own accuracy moves."""
        sentences = []
        for split in self.outside():
            band = [float(end) for end in self.experiment.band[split]]
            ours = self.ours[split]
            nearest = min(band, key=lambda end: abs(end - ours))
            side = "above" if ours > nearest else "below"
            sentences.append(
                f"The {name_of(key_of(split))}, {as_text('test_acc', ours)}, lies "
                f"{as_text('test_acc', abs(ours - nearest))} {side} the band."
            )
        return sentences

    def logs(self):
        """(sentences, {quantity: {label: values}}) of the published logs beside our epochs.

        Only on the data that they are of; a curve for validation accuracy and one for a loss or norm.
        """
        if self.record is None or self.quick or not self.dataset.comparable:
            return [], {}
        sentences, figures = [], {}
        for log in self.experiment.logs:
            sentences.append(log_sentence(log, self.record.epochs))
            wanted = [key for key in ("val_acc", "val_loss", "loss", "w_norm") if key in log.rows]
            for key in wanted[:2]:
                if key not in self.record.epochs[0]:
                    continue
                ours = [row[key] for row in self.record.epochs]
                curves = figures.setdefault(key, {})
                label = f"{log.source}{log.flaw and f' ({log.flaw})'}"
                curves[label] = [float(text) for text in log.rows[key]][: len(ours)]
                curves["ours"] = curves.pop("ours", ours)  # the last one is drawn on top
        return sentences, figures


def first_difference(log, epochs):
    """(epoch, quantity, ours, theirs) of the first printed digit that differs; None if none does.

    Epochs and quantities that one of the two lacks are not compared. With the number of equal epochs.
    """
    first, equal = None, 0
    for i, row in enumerate(epochs[: len(next(iter(log.rows.values())))]):
        differ = [
            (i + 1, key, ours, texts[i])
            for key, texts in log.rows.items()
            if key in row and (ours := printed(row[key], texts[i])) != texts[i]
        ]
        equal += not differ
        first = first or next(iter(differ), None)
    return first, equal


def printed(value, like):
    """Our number as a program prints it, with the digits of `like`; None is nan."""
    return "nan" if value is None else f"{value:.{len(like.partition('.')[2])}f}"


def log_sentence(log, epochs):
    """How far a published log and our epochs are equal, in words."""
    compared = min(len(next(iter(log.rows.values()))), len(epochs))
    keys = [head_of(key) for key in log.rows if key in epochs[0]]
    first, equal = first_difference(log, epochs)
    whose = f"The log of {log.source}{log.flaw and f' ({log.flaw})'}"
    if first is None:
        return (
            f"{whose}: all {compared} epochs are equal to ours in every printed digit of "
            f"{join_words(keys)}."
        )
    epoch, key, ours, theirs = first
    return (
        f"{whose}: {equal} of {compared} epochs are equal to ours in every printed digit of "
        f"{join_words(keys)}; the first that is not is epoch {epoch}, {head_of(key)} {ours} here and "
        f"{theirs} there."
    )
