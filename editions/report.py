"""The report of an edition: its runs' numbers beside the published ones, and what their curves show.

`write` gathers the records in an edition's folder and leaves there

    report.html         one file with everything inside, for a browser, a phone or paper
    report.md           the same in Markdown, its figures the files beside it
    glance.*            the first table, as csv, md and tex
    question-2.1*       a question's comparison: table as csv, md and tex, overlaid curves as pdf, png

Every sentence about a curve is computed from the run's record. Accuracies are written as in the
course's reports, .4597 for 45.97%.
"""

import base64

import utils
from editions.answers import answer
from editions.dataset import STANDIN, UNNAMED
from editions.entry import KEYS, Entry, format_quantity, key_of
from editions.plan import FORMATS, QUICK
from editions.tables import FOLDER
from lab import compare
from lab.figures import save_figure
from lab.files import replacing
from lab.known_data import ANOTHER_SPLIT, THE_VERY_DATA
from lab.quantities import head_of, name_of
from utils import SPLITS

# Of a run's pictures, those that a comparison shows of each of its runs.
SIDE_BY_SIDE = ("confusion", "weight-histogram", "kept-weights")


def write(edition, jobs, folder, dataset, quick):
    """Write the report into `folder`; returns the path of report.html.

    Parameters
    ----------
    edition : `editions.tables.Edition`.
    jobs : the edition's, as `editions.plan.planned` gives them, run or not.
    dataset : `editions.dataset.EditionData`.
    quick : is it a trial of few epochs?

    Raises lab.files.NotWritten where a file cannot be written.
    """
    import jinja2

    folder.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("question-*.*")}
    base = baseline(dataset)
    jobs_by_use = {e.where: job for job in jobs if job.seed is None for _, e in job.uses}
    sections, shown = [], {}
    for question in edition.questions:
        entries = [
            Entry(job, question, experiment, dataset, quick, shown.get(id(job), ""))
            for experiment in question.experiments
            for job in [jobs_by_use[experiment.where]]
        ]
        sections.append(Section(question, entries, base))
        sections[-1].draw(folder, dataset)
        for entry in entries:
            shown.setdefault(id(entry.job), question.number)
    entries = [entry for section in sections for entry in section.entries]
    glance = with_baseline([entry.report_row() for entry in entries], base)
    if glance:
        csv_rows = with_baseline([entry.csv_row() for entry in entries], base)
        compare.write_table(glance, lambda ending: folder / f"glance.{ending}", csv_rows)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=lambda name: name.startswith("report.html"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    warnings, sentences = remarks(edition, dataset, quick)
    if any(job.repetitions for job in jobs):
        sentences.append(
            "The first table is of one seed, 42 where a command names none; what all seeds give stands "
            "with each question."
        )
    for name in ("report.md", "report.html"):
        text = environment.get_template(f"{name}.jinja").render(
            edition=edition,
            warnings=warnings,
            remarks=sentences,
            glance=glance,
            entries=entries,
            sections=sections,
            texts=compare.text_rows,
            formatted=lambda rows: compare.formatted(rows, "github"),
            numeric=lambda rows: {head_of(key) for key in rows[0] if compare.is_numeric(key, rows)},
            image=lambda path: base64.b64encode(path.read_bytes()).decode(),
            name=lambda path: path.relative_to(folder).as_posix(),
        )
        with replacing(folder / name) as stream:
            stream.write(text.encode())
    for path, time in before.items():  # of comparisons and logs that are there no longer
        if path.stat().st_mtime_ns == time:
            path.unlink()
    return folder / "report.html"


def baseline(dataset):
    """What giving the most frequent training class alone reaches: a name, and {split: share}."""
    label = dataset.majority
    return f"one class ({dataset.data.class_names[label]})", dataset.shares(label)


def with_baseline(rows, base):
    """The rows of the first table, the baseline's last; none of an edition without runs."""
    who, shares = base
    own = {"run": who, **{key_of(split): share for split, share in shares.items()}}
    return [*rows, dict.fromkeys(rows[0], "") | own] if rows else []


def remarks(edition, dataset, quick):
    """What must be known before any number is read: (warnings, other sentences)."""
    warnings = []
    if quick:
        warnings.append(
            f"This is a trial with a {QUICK}th of the epochs, at least one, of each run: nothing in "
            "it is comparable with anything, published or not."
        )
    data = dataset.data
    images = " / ".join(f"{count:,}" for count in dataset.counts.values())
    published = " / ".join(f"{count:,}" for count in edition.examples.values())
    file = f"{data.name}, {data.size:,} bytes, SHA-256 {data.sha256}"
    sentences = [f"Data: {file}; {images} images to train, validate and test."]
    unlike = "The published numbers are shown and not judged: they are of"
    said = {
        THE_VERY_DATA: "This is exactly the data that the published numbers belong to.",
        ANOTHER_SPLIT: f"{unlike} another split of these images, {published}.",
        STANDIN: f"{unlike} photographs, and these are stand-in images that the program draws itself.",
        UNNAMED: f"{unlike} data that the edition does not name. If this file is that data, add to "
        f"editions/{edition.name}.toml the line: {naming_line(dataset)}",
    }
    sentence = said.get(dataset.relation, f"{unlike} other data, {published} images.")
    (warnings if dataset.relation == STANDIN else sentences).append(sentence)
    if not data.default and data.path.resolve() != (utils.ROOT / edition.data).resolve():
        sentences.append("The commands below were given this file with -data_path.")
    return warnings, sentences


def naming_line(dataset):
    """The line with which an edition names this data."""
    name, relation = dataset.data.identity
    if relation == THE_VERY_DATA:
        return f'known = "{name}"'
    pairs = ", ".join(f'{name} = "{digest}"' for name, digest in dataset.digests.items())
    return f"digests = {{ {pairs} }}"


class Section:
    """A question in the report, with the entries of its runs.

    base : as `baseline` has it.
    """

    def __init__(self, question, entries, base):
        self.question, self.entries, self.base = question, entries, base
        self.rows, self.figures = [], []
        self.paragraphs = []  # that answer the question, computed from its runs
        self.over_seeds = False  # is the comparison one of means?
        self.logs = {}  # {experiment's name: (sentences, figures)}

    def columns(self):
        """The quantities that any of its runs or its published numbers has."""
        there = set(SPLITS) | {"seconds"}
        for entry in self.entries:
            for published in entry.experiment.published:
                there |= published.keys()
        if any("w_norm" in entry.ours for entry in self.entries):
            there.add("w_norm")
        return [quantity for quantity in KEYS if quantity in there]

    def has_published_seconds(self):
        published = [source for entry in self.entries for source in entry.experiment.published]
        return any("seconds" in source for source in published)

    def column_names(self):
        return [head_of(key_of(quantity)) for quantity in self.columns()]

    def baseline_row(self):
        who, shares = self.base
        return who, [format_quantity(q, shares[q]) if q in shares else "" for q in self.columns()]

    def about(self, entry):
        """The paragraphs below a run's name: what it shows, if that is not the answer, and its logs."""
        findings = entry.findings if len(self.entries) > 1 else []
        logs = self.logs.get(entry.experiment.name, ([], []))[0]
        return [" ".join(sentences) for sentences in (findings, logs) if sentences]

    def pictures(self, entry):
        """(caption, path) of a run's figures, but for those that stand side by side."""
        figures = entry.job.figures()
        own = [figures[key] for key in figures if not (self.rows and key in SIDE_BY_SIDE)]
        return own + self.logs.get(entry.experiment.name, ([], []))[1]

    def side_by_side(self):
        """(caption, path) of the runs' pictures that say more beside each other."""
        runs = [entry for entry in self.entries if entry.record] if self.rows else []
        there = [
            (key, entry.experiment.name, entry.job.figures())
            for key in SIDE_BY_SIDE
            for entry in runs
        ]
        return [
            (f"{name}: {figures[key][0]}", figures[key][1])
            for key, name, figures in there
            if key in figures
        ]

    def trained(self):
        """Its entries that are runs, not proofs."""
        return [entry for entry in self.entries if not entry.is_proof]

    def draw(self, folder, dataset):
        """Fill in the answer, the tables and the figures that set its runs side by side."""
        stem = f"question-{self.question.number}"
        data_title = dataset.data.title
        self.compare(folder, stem, data_title)
        for i, entry in enumerate(self.entries, 1):
            if entry.shown_under:
                continue
            sentences, curves = entry.logs()
            figures = []
            for key, lines in curves.items():
                model = compare.called(entry.job.opt.model)
                subject = f"{model} ({entry.experiment.name}), ours and published"
                figure = compare.curves_figure(key, lines, subject, data_title)
                lighten(figure, [label for label in lines if label != "ours"])
                figures.append(save(figure, folder / f"{stem}-log-{i}-{key}", name_of(key)))
            self.logs[entry.experiment.name] = sentences, figures

    def compare(self, folder, stem, data_title):
        entries = [entry for entry in self.entries if entry.record]
        options = self.question.compare
        if len(self.entries) == 1 and entries:
            self.paragraphs = [" ".join(entries[0].findings)]
        if not options or len(entries) < 2:
            return
        settings = [
            {option: getattr(entry.job.opt, option) for option in options} for entry in entries
        ]
        labels = [entry.experiment.name for entry in entries]
        _, shares = self.base
        base = {key_of(split): shares[split] for split in ("val", "test")}
        records, groups = [e.record for e in entries], [e.repeated for e in entries]
        subject = compare.subject(entries[0].job.opt.model, options)
        self.over_seeds = min(map(len, groups)) > 1
        groups = groups if self.over_seeds else [[record] for record in records]
        self.rows = compare.table(settings, groups, base)
        figures = compare.overlays(groups, labels, subject, data_title, self.question.curves)
        if options != ["seed"]:  # a seed is no setting, so none is best
            predictions = [entry.predictions for entry in entries]
            data = entries[0].dataset.data
            about_tests = predictions, data.arrays["test_labels"], data.class_names
            tested = None if any(found is None for found in predictions) else about_tests
            zeros = [entry.job.zero_weights() for entry in entries]
            paragraphs, alike = answer(
                labels,
                groups,
                baseline=shares["val"],
                curves=self.question.curves,
                tested=tested,
                zeros=zeros,
                timed="batch_size" in options,
                first=f" with seed {records[0].options['seed']}" if self.over_seeds else "",
            )
            self.paragraphs = [" ".join(sentences) for sentences in paragraphs]
            for label, row in zip(labels, self.rows, strict=False):  # the last is the baseline
                if label in alike:
                    row["best"] = compare.NOT_TOLD
        compare.write_table(self.rows, lambda ending: folder / f"{stem}.{ending}")
        for key, figure in figures:
            name = name_of(key)
            caption = f"{name}: {compare.legend(groups)}" if self.over_seeds else name
            self.figures.append(save(figure, folder / f"{stem}-{key}", caption))


def lighten(figure, labels):
    """Draw these curves broad and light, so that they show under one that is equal to them."""
    lines = [line for axes in figure.axes for line in axes.lines]
    for line in [*lines, *figure.legends[0].get_lines()]:
        if line.get_label() in labels:
            line.set(linewidth=5, alpha=0.35, marker="")


def save(figure, stem, caption):
    """Write a figure in both formats; returns (caption, path of the PNG)."""
    for ending in FORMATS:
        save_figure(figure, stem.with_name(f"{stem.name}.{ending}"))
    return caption, stem.with_name(f"{stem.name}.png")
