"""The report of an edition: its runs' numbers beside the published ones, and what their curves show.

`write` gathers the records in an edition's folder and leaves there

    report.html         one file with everything inside, for a browser, a phone or paper
    report.md           the same in Markdown, its figures the files beside it
    glance.*            the first table, as csv, md and tex
    question-2.1.*      a question's comparison: table as csv, md and tex, overlaid curves as pdf, png

Every sentence about a curve is computed from the run's record. Accuracies are written as in the
course's reports, .4597 for 45.97%.
"""

import base64
import math
import statistics

import sweeps
import utils
from editions import FOLDER, FRACTIONS
from utils import InputError

NAMES = {
    "train": "train",
    "val": "validation",
    "test": "test",
    "w_norm": "norm of W",
    "loss": "loss",
    "seconds": "time",
}
CAPTIONS = {
    "accs": "accuracy",
    "w_norms": "norm of the weights",
    "loss": "loss",
    "cost": "cost, the loss with the penalty",
    "weights": "weights, a class an image",
    "training-loss": "training and validation loss",
    "validation-accuracy": "validation accuracy",
    **sweeps.YLABELS,
}
SWING = 5  # a curve's swing is measured over this fraction of its epochs, the last ones


def write(edition, experiments, folder, data, quick):
    """Write the report into `folder`; returns the path of report.html.

    Parameters
    ----------
    edition : `editions.Edition`.
    experiments : the edition's runs, as `reproduce.planned` gives them, run or not.
    data : `runs.Data` with the labels of each split in `arrays`.
    quick : 0, or the number by which the epochs were divided.

    Raises utils.NotWritten where a file cannot be written.
    """
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    counts = {split: len(data.arrays[f"{split}_labels"]) for split in FRACTIONS}
    why = ""
    if data.standin:
        why = "stand-in images"
    elif quick:
        why = f"a {quick}th of the epochs"
    entries = [
        Entry(planned, question, experiment, edition, counts, why)
        for planned in experiments
        for question, experiment in planned.uses
    ]
    sections = []
    for question in edition.questions:
        own = [entry for entry in entries if entry.question is question]
        own.sort(key=lambda entry: question.experiments.index(entry.experiment))
        sections.append(Section(question, own))
        sections[-1].compare(folder, data)
    first = [entry for entry in entries if entry.experiment is entry.planned.experiment]
    glance = [entry.glance() for entry in first]
    sweeps.write_table(glance, lambda ending: folder / f"glance.{ending}")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=lambda name: name.startswith("report.html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    warnings, sentences = remarks(edition, data, counts, quick)
    for name in ("report.md", "report.html"):
        text = environment.get_template(f"{name}.jinja").render(
            edition=edition,
            warnings=warnings,
            remarks=sentences,
            why=why,
            glance=glance,
            entries=first,
            sections=sections,
            image=lambda path: base64.b64encode(path.read_bytes()).decode(),
        )
        with utils.replacing(folder / name) as stream:
            stream.write(text.encode())
    return folder / "report.html"


def remarks(edition, data, counts, quick):
    """What must be known before any number is read: (warnings, other sentences)."""
    warnings, sentences = [], []
    if data.standin:
        warnings.append(
            "These numbers are of stand-in images that the program draws itself, not of "
            "photographs. The published numbers are shown beside them and are not comparable."
        )
    if quick:
        warnings.append(
            f"This is a trial with a {quick}th of the epochs, at least one, of each run. Its "
            "numbers are of that little training and are not comparable with the published ones."
        )
    images = " / ".join(f"{count:,}" for count in counts.values())
    sentences.append(
        f"Data: {data.name}, {data.size:,} bytes, SHA-256 {data.sha256}; {images} images to "
        "train, validate and test."
    )
    if not data.standin:
        published = " / ".join(f"{count:,}" for count in edition.examples.values())
        own = data.path.resolve() == (utils.ROOT / edition.data).resolve()
        sentences.append(
            f"The published numbers are of the course's own split, {published}. This file "
            f"{'lies in the place of' if own else 'is not'} {edition.data}. Where its split "
            "or its resizing differs from the course's, a correct program lands near the published "
            "numbers and not on them."
        )
        if not own:
            sentences.append("The commands below were given this file with -data_path.")
    return warnings, sentences


# --------------------------------------------------------------------------------------------
# Numbers as text


def fraction(value):
    """An accuracy as '.4597'; a published one with the digits that it was written with."""
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text[1:] if text.startswith("0.") else text


def in_words(seconds):
    """Seconds as '0.4 s', '12 s', '2 min 26 s' or '1 h 5 min'."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes and not seconds:
        return f"{minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def written(quantity, value):
    """A quantity of `editions.QUANTITIES`, a number or a pair, as text; None is ''."""
    if value is None:
        return ""
    if isinstance(value, list):
        low, high = (written(quantity, end) for end in value)
        return low if low == high else f"{low} to {high}"
    if quantity == "seconds":
        return in_words(float(value))
    if quantity in FRACTIONS:
        return fraction(value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def several(texts):
    """'a', 'a and b', 'a, b and c'."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


# --------------------------------------------------------------------------------------------
# One run


class Entry:
    """An experiment of a question in the report: its record, if there is one, and what it shows.

    planned : the run, as `reproduce.planned` gives it.
    why : why the published numbers are not comparable, or "".
    """

    def __init__(self, planned, question, experiment, edition, counts, why):
        self.planned, self.question, self.experiment = planned, question, experiment
        self.edition, self.counts, self.why = edition, counts, why
        self.command = " ".join(["python", *planned.command])
        self.record, self.state = None, planned.failure and f"failed: {planned.failure}"
        if not self.state:
            try:
                self.record = planned.record()
            except InputError as error:
                self.state = "not run yet" if str(error) == "not run yet" else f"to run: {error}"

    @property
    def ours(self):
        """{quantity: number} of our run, as the published ones are called; {} without a record."""
        if self.record is None:
            return {}
        final, last = self.record["final"], self.record["epochs"][-1]
        return {
            **{split: final[f"{split}_acc"] for split in FRACTIONS},
            **{name: last[name] for name in ("w_norm", "loss") if last.get(name) is not None},
            "seconds": sweeps.seconds_of(self.record),
        }

    def outside(self):
        """The quantities that lie outside their band, rounded to the digits that it is given with."""
        outside = []
        for split, (low, high) in self.experiment.band.items():
            digits = max(len(str(end).partition(".")[2]) for end in (low, high))
            if not float(low) <= round(self.ours[split], digits) <= float(high):
                outside.append(split)
        return outside

    def verdict(self):
        """Is our run in the band of correct results? In words, and as a class of the page."""
        if self.state:
            return self.state, "failed" if self.planned.failure else "missing"
        if self.why:
            return f"not comparable: {self.why}", "none"
        if not self.experiment.band:
            return "no band", "none"
        if not self.outside():
            return "in the band", "in"
        return f"outside: {several([NAMES[split] for split in self.outside()])}", "out"

    def glance(self):
        """The run's row in the first table."""
        first = next((entry for entry in self.experiment.published), {"source": "", "note": ""})
        numbers = [
            f"{NAMES[split]} {written(split, first[split])}"
            for split in FRACTIONS
            if split in first
        ]
        said = ", ".join([*numbers, first["note"]] if first["note"] else numbers)
        band = [f"{NAMES[s]} {written(s, pair)}" for s, pair in self.experiment.band.items()]
        note = " (not comparable)" if self.why else ""
        return {
            "question": self.question.number,
            "run": self.experiment.name,
            **{NAMES[split]: written(split, self.ours.get(split)) for split in FRACTIONS},
            f"published{note}": f"{first['source']}: {said}" if said else "",
            f"band of correct results{note}": ", ".join(band),
            "in the band?": self.verdict()[0],
        }

    def figures(self):
        """(caption, path) of each PNG that the run drew."""
        if self.record is None:
            return []
        paths = [(q, self.planned.path(q, "png")) for q in self.planned.quantities]
        return [(CAPTIONS.get(q, q), path) for q, path in paths if path.is_file()]

    # ---- what the curves show

    def findings(self):
        """Sentences about the run's curves."""
        if self.record is None:
            return []
        epochs, n = self.record["epochs"], len(self.record["epochs"])
        best, ours = self.record["best"], self.ours
        gap = ours["train"] - ours["val"]
        side = "above" if gap >= 0 else "below"
        highest = f"; its highest is {fraction(best['val_acc'])}, in epoch {best['epoch']} of {n}"
        sentences = []
        sentences.append(
            f"Validation accuracy ends at {fraction(ours['val'])}{highest if n > 1 else ''}."
        )
        sentences.append(
            f"Training accuracy ends at {fraction(ours['train'])}, {fraction(abs(gap))} {side} "
            "validation accuracy."
        )
        for name, words in (("val_loss", "validation loss"), ("loss", "training loss")):
            if name in epochs[0] and n > 1:
                sentences.append(about_loss(words, [row[name] for row in epochs]))
        count, low, high, mean = swing(self.record)
        if count > 1:
            oscillates = ": it oscillates" if high - low > 0.1 else ""
            sentences.append(
                f"Over the last {count} epochs validation accuracy runs from "
                f"{fraction(low)} to {fraction(high)}, {fraction(mean)} on average{oscillates}."
            )
        return sentences

    def offset(self, split):
        """How far an accuracy lies from the middle of its band; None without one or the other."""
        if split not in self.ours or split not in self.experiment.band:
            return None
        return self.ours[split] - float(sum(self.experiment.band[split])) / 2

    def explanation(self, entries):
        """Measurements that bear on why the run lies outside its band, as sentences.

        entries : those of the whole edition, whose runs were measured on the same images.
        """
        if self.record is None or self.why:
            return []
        sentences = []
        for split in self.outside():
            band = [float(end) for end in self.experiment.band[split]]
            ours = self.ours[split]
            nearest = min(band, key=lambda end: abs(end - ours))
            errors = [
                math.sqrt(p * (1 - p) / n)
                for p, n in ((ours, self.counts[split]), (nearest, self.edition.examples[split]))
            ]
            distance = abs(ours - nearest) / math.hypot(*errors)
            share = math.erfc(distance / math.sqrt(2))
            often = f"{share:.1%}" if share >= 0.001 else "fewer than 0.1%"
            sentences.append(
                f"The {NAMES[split]} accuracy, {fraction(ours)}, lies {fraction(abs(ours - nearest))} "
                f"{'above' if ours > nearest else 'below'} the band. Drawn on another "
                f"{self.counts[split]:,} images, an accuracy has a standard error of "
                f"{fraction(errors[0])}, the published one of {fraction(errors[1])}: the distance is "
                f"{distance:.1f} times the standard error of a difference. Chance alone, in how the "
                f"images were split, parts two equal programs so far or further in {often} of cases."
            )
            offsets = [entry.offset(split) for entry in entries if entry is not self]
            offsets = [offset for offset in offsets if offset is not None]
            if len(offsets) > 2:
                middle = statistics.median(offsets)
                sentences.append(
                    f"On the same images the edition's {len(offsets)} other runs with such a band lie, "
                    f"in the median, {fraction(abs(middle))} {'above' if middle > 0 else 'below'} the "
                    f"middles of theirs, this one {fraction(abs(self.offset(split)))} "
                    f"{'above' if self.offset(split) > 0 else 'below'}."
                )
        count, low, high, _ = swing(self.record)
        if sentences and count > 1:
            meetings = []
            for split in self.outside():
                first, last = (float(end) for end in self.experiment.band[split])
                meets = "lies in" if low <= first and last <= high else "meets"
                if last < low or high < first:
                    meets = "does not meet"
                meetings.append(f"the band of the {NAMES[split]} accuracy {meets} that range")
            sentences.append(
                f"Validation accuracy moves by {fraction(high - low)} within the last {count} epochs, "
                f"from {fraction(low)} to {fraction(high)}: {several(meetings)}."
            )
        norms = [entry["w_norm"] for entry in self.experiment.published if "w_norm" in entry]
        if sentences and norms and "w_norm" in self.ours and not isinstance(norms[0], list):
            norm, published = self.ours["w_norm"], float(norms[0])
            sentences.append(
                f"The norm of W, {norm:.4f}, is {abs(norm / published - 1):.1%} from the published "
                f"{norms[0]}."
            )
        return sentences


def swing(record):
    """How many the last epochs are, and their lowest, highest and mean validation accuracy."""
    accuracies = [row["val_acc"] for row in record["epochs"]]
    last = accuracies[-max(1, len(accuracies) // SWING) :]
    return len(last), min(last), max(last), sum(last) / len(last)


def about_loss(words, losses):
    """Where a loss has its lowest value, and what it does after."""
    finite = [(loss, epoch) for epoch, loss in enumerate(losses, 1) if loss is not None]
    if len(finite) < len(losses):
        return f"The {words} is not finite in {len(losses) - len(finite)} of {len(losses)} epochs."
    lowest, epoch = min(finite)
    n, last = len(losses), losses[-1]
    if epoch == n:
        return f"The {words} is still falling in the last epoch, {n}, where it is {last:.4g}."
    end = losses[-max(1, n // SWING) :]
    if len(end) > 2 and max(end) > 2 * min(end):
        return (
            f"The {words} oscillates: over the last {len(end)} epochs it runs from {min(end):.4g} to "
            f"{max(end):.4g}. It is lowest, {lowest:.4g}, in epoch {epoch} of {n}."
        )
    if epoch <= 0.9 * n and min(losses[math.ceil(0.9 * n) - 1 :]) > 1.01 * lowest:
        return (
            f"The {words} turns: it is lowest, {lowest:.4g}, after epoch {epoch} of {n}, and ends at "
            f"{last:.4g}, {last / lowest:.3g} times that."
        )
    return f"The {words} is lowest, {lowest:.4g}, in epoch {epoch} of {n}, and ends at {last:.4g}."


# --------------------------------------------------------------------------------------------
# One question


class Section:
    """A question in the report, with the entries of its runs."""

    def __init__(self, question, entries):
        self.question, self.entries = question, entries
        self.rows, self.figures, self.sentences = [], [], []

    def columns(self):
        """The quantities that any of its runs or its published numbers has."""
        there = set(FRACTIONS) | {"seconds"}
        for entry in self.entries:
            for published in entry.experiment.published:
                there |= published.keys()
        return [quantity for quantity in NAMES if quantity in there]

    def column_names(self):
        return [NAMES[quantity] for quantity in self.columns()]

    def numbers(self, entry):
        """A run's rows beside the published ones: (class, who, its numbers as text, note)."""
        columns = self.columns()

        def row(kind, who, values, note):
            return kind, who, [written(q, values.get(q)) for q in columns], note

        yield row("ours", "ours", entry.ours, entry.state)
        for published in entry.experiment.published:
            note = [published["note"]] if published["note"] else []
            if entry.why:
                note.append("not comparable")
            yield row("published", published["source"], published, ", ".join(note))
        if entry.experiment.band:
            yield row("band", "band of correct results", entry.experiment.band, entry.verdict()[0])

    def compare(self, folder, data):
        """Fill in the table, the figures and the sentences that set its runs side by side."""
        entries = [entry for entry in self.entries if entry.record]
        options = self.question.compare
        if not options or len(entries) < 2:
            return
        records = [entry.record for entry in entries]
        settings = [
            {option: getattr(entry.planned.opt, option) for option in options} for entry in entries
        ]
        labels = [
            ", ".join(f"{option} {value}" for option, value in setting.items())
            for setting in settings
        ]
        stem = f"question-{self.question.number}"
        self.rows = sweeps.table(settings, records)
        sweeps.write_table(self.rows, lambda ending: folder / f"{stem}.{ending}")
        self.sentences = comparison(labels, records, "batch_size" in options)
        title = f"{self.question.number} {self.question.title}\n{data.title}"
        for quantity, figure in sweeps.overlays(records, labels, title):
            for ending in ("pdf", "png"):
                path = folder / f"{stem}-{quantity}.{ending}"
                utils.save_figure(figure, path)
            self.figures.append((CAPTIONS.get(quantity, quantity), path))


def comparison(labels, records, timed):
    """What a comparison's curves show, as sentences; `timed`: is it about time in any case?"""
    best = sweeps.best_of(records)
    finals = [record["epochs"][-1]["val_acc"] for record in records]
    tests = [record["final"]["test_acc"] for record in records]
    others = [i for i in range(len(records)) if i != best]
    against = several([f"{fraction(finals[i])} ({labels[i]})" for i in others])
    sentences = []
    sentences.append(
        f"Best by final validation accuracy: {labels[best]}, with {fraction(finals[best])} against "
        f"{against}."
    )
    gap = min(finals[best] - finals[i] for i in others)
    _, low, high, _ = swing(records[best])
    if gap < high - low:
        sentences.append(
            f"It leads by {fraction(gap)}, less than its own accuracy moves in the last epochs "
            f"({fraction(high - low)}): another last epoch could turn that round."
        )
    highest = tests.index(max(tests))
    if highest == best:
        sentences.append(f"Its test accuracy, {fraction(tests[best])}, is the highest too.")
    else:
        sentences.append(
            f"Its test accuracy is {fraction(tests[best])}; the highest, which selects nothing, is "
            f"{fraction(tests[highest])} ({labels[highest]})."
        )
    for i in others:
        # Against the epoch in which the other gets there itself: where its curve swings, its last
        # epoch says little about when it had learned as much.
        sooner, later = (first_epoch(records[j], finals[i]) for j in (best, i))
        if later - sooner > len(records[i]["epochs"]) / 20:
            sentences.append(
                f"With {labels[best]} epoch {sooner} reaches the validation accuracy that {labels[i]} "
                f"ends with and first reaches in epoch {later}: {later - sooner} "
                f"epoch{'s' * (later - sooner > 1)} saved."
            )
    seconds = [sweeps.seconds_of(record) for record in records]
    slow, fast = seconds.index(max(seconds)), seconds.index(min(seconds))
    if timed and seconds[fast] > 0:
        paces = several(
            [
                f"{time / len(record['epochs']):.2f} s ({label})"
                for label, record, time in zip(labels, records, seconds, strict=True)
            ]
        )
        sentences.append(
            f"An epoch took {paces}. The whole run took {in_words(seconds[slow])} with "
            f"{labels[slow]} and {in_words(seconds[fast])} with {labels[fast]}: a ratio of "
            f"{seconds[slow] / seconds[fast]:.2f}."
        )
    return sentences


def first_epoch(record, accuracy):
    """The first epoch whose validation accuracy is at least so high."""
    return next(row["epoch"] for row in record["epochs"] if row["val_acc"] >= accuracy)
