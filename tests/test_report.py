"""What the report says: verdicts, findings, published logs, tables for hand-ins and grade sheets."""

import csv
import io
import math
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from editions import answers, entry, findings, plan, report
from editions.dataset import EditionData
from editions.tables import Experiment, Log, Question
from lab import compare, quantities
from lab.known_data import ANOTHER_SPLIT, OTHER_DATA, THE_VERY_DATA


class Found:
    """A record, as far as the report reads one."""

    def __init__(
        self, accuracies, test=0.5, train=0.9, seconds=10.0, threads=1, runs=1, seed=42, **rows
    ):
        self.options = {"seed": seed}
        self.epochs = [
            {
                "epoch": i,
                "val_acc": accuracy,
                **{key: values[i - 1] for key, values in rows.items()},
            }
            for i, accuracy in enumerate(accuracies, 1)
        ]
        self.final = {"train_acc": train, "val_acc": accuracies[-1], "test_acc": test}
        self.best = {"val_acc": max(accuracies), "epoch": accuracies.index(max(accuracies)) + 1}
        self.seconds_of_epochs = seconds
        self.threads, self.runs_at_a_time = threads, runs


class FakeData:
    """Labels of which a fifth, a quarter and a half are of class 1."""

    n_classes, class_names = 2, ("cat", "dog")
    arrays = MappingProxyType(
        {
            "train_labels": np.array([0, 0, 0, 0, 1]),
            "val_labels": np.array([0, 0, 0, 1]),
            "test_labels": np.array([0, 1]),
        }
    )


def dataset(relation=THE_VERY_DATA):
    return EditionData(FakeData(), relation, {}, 4)


class FakeJob:
    failure, command, repetitions = "", ["hw1-q1.py", "perceptron"], ()

    def __init__(self, found):
        self.found = found

    def result(self):
        return self.found

    def predictions(self):
        return None

    def zero_weights(self):
        return 3, 12


def published(**numbers):
    texts = {"source": "somebody", "note": "", "flaw": ""}
    return texts | {k: Decimal(v) if k not in texts else v for k, v in numbers.items()}


def said_of(labels, *records, **about):
    """The answer about settings of one run each, or of a list of runs, as one text."""
    groups = [found if isinstance(found, list) else [found] for found in records]
    paragraphs, _ = answers.answer(labels, groups, **about)
    return " ".join(sentence for paragraph in paragraphs for sentence in paragraph)


def entry_of(found, band=None, relation=THE_VERY_DATA, quick=False, **fields):
    band = {split: list(map(Decimal, pair)) for split, pair in (band or {}).items()}
    experiment = Experiment("x", [], band=band, **fields)
    question = Question("1", "Q", "?")
    return entry.Entry(FakeJob(found), question, experiment, dataset(relation), quick)


# --------------------------------------------------------------------------------------------
# Verdicts


def test_verdicts():
    band = {"val": ("0.5", "0.6"), "test": ("0.5", "0.6")}
    inside = Found([0.6], test=0.5)
    assert entry_of(inside, band).verdict() == ("in the band", "in")
    assert entry_of(Found([0.4], test=0.7), band).verdict()[0] == "outside: val acc and test acc"
    assert entry_of(inside, published=[published(test="0.4")]).verdict()[0] == "no band"
    assert entry_of(inside).verdict()[0] == ""
    assert (
        entry_of(inside, band, no_verdict="does not converge").verdict()[0] == "does not converge"
    )
    assert entry_of(inside, band, quick=True).verdict() == ("", "none")


@pytest.mark.parametrize("relation", [ANOTHER_SPLIT, OTHER_DATA, "stand-in images"])
def test_on_other_data_the_relation_is_the_verdict(relation):
    """However far outside the band, and also where the digits happen to agree."""
    band = {"test": ("0.1", "0.2")}
    found = Found([0.4], test=0.5)
    same = [published(test="0.5000")]
    row = entry_of(found, band, relation, published=same)
    assert row.verdict() == (relation, "none")
    assert [note for *_, note in row.numbers(["test"])] == [relation, "", ""]
    assert row.findings == []
    table = row.csv_row()
    assert (table["in_band"], table["verdict"]) == ("", relation)


@pytest.mark.parametrize(
    ("numbers", "verdict", "note"),
    [
        ({"test": "0.4597"}, "equal", "equal"),
        ({"test": "0.460"}, "equal", "equal"),
        ({"test": "0.46"}, "in the band", "equal in its 2 decimals"),
        ({"test": "0.4598"}, "in the band", ""),
        ({"test": "0.4597", "w_norm": "23.08"}, "equal", "equal"),
        ({"test": "0.4597", "w_norm": "23.09"}, "in the band", ""),
        ({"test": "0.4597", "seconds": "1"}, "equal", "equal"),
        ({"test": "0.4597", "loss": "1.0"}, "in the band", ""),  # ours has none
        ({"seconds": "146"}, "in the band", ""),
        ({"test": "0.4597", "flaw": "a mistake"}, "in the band", "a mistake; not compared"),
    ],
)
def test_equal_is_to_the_digits_that_were_published(numbers, verdict, note):
    found = Found([0.3], test=0.45967, w_norm=[23.0806])
    row = entry_of(found, {"test": ("0.4", "0.5")}, published=[published(**numbers)])
    assert row.verdict()[0] == verdict
    _, (_, _, _, said), _ = row.numbers(["test", "w_norm"])
    assert said == note


def test_a_norm_may_be_cut_to_its_digits():
    found = Found([0.3], test=0.4997, w_norm=[2.9166])
    for norm in ("2.91", "2.92"):
        row = entry_of(found, published=[published(test="0.4997", w_norm=norm)])
        assert row.verdict()[0] == "equal"


def test_a_band_is_met_in_its_own_digits():
    """A published .4173 lies in the band that it is the end of, .374 to .417."""
    band = {"test": ("0.374", "0.417")}
    assert entry_of(Found([0.4], test=0.4173), band).verdict() == ("in the band", "in")
    outside = entry_of(Found([0.4], test=0.4176), band)
    assert outside.verdict()[0] == "outside: test acc"
    assert any("lies .0006 above the band" in sentence for sentence in outside.about_outside())


def test_a_published_loss_finds_ours_whatever_the_script():
    for key in ("loss", "train_loss"):
        row = entry_of(Found([0.5], test=0.5, **{key: [1.25]}))
        assert row.ours["loss"] == 1.25
        (_, _, numbers, _), *_ = row.numbers(["test", "loss"])
        assert numbers == [".5000", "1.2500"]


def test_a_published_mean_is_shown_with_deviation_and_count():
    mean = {"mean": Decimal("0.547"), "deviation": Decimal("0.004"), "count": 5}
    source = {**published(), "test": mean}
    row = entry_of(Found([0.5], test=0.547), published=[source])
    _, (_, _, (text,), note) = row.numbers(["test"])
    assert (text, note) == (".547 ± .004 (of 5)", "")
    assert row.verdict()[0] == "no band"


def test_the_first_table_has_the_published_numbers_that_are_equal():
    sources = [
        published(test="0.9", flaw="a mistake"),
        published(test="0.51"),
        published(test="0.5000"),
    ]
    entry = entry_of(Found([0.5], test=0.5), published=sources)
    assert entry.report_row()["published"] == "somebody: test acc .5000"
    assert entry.csv_row()["published_test_low"] == Decimal("0.5000")
    entry = entry_of(Found([0.5], test=0.4), published=sources)
    assert entry.report_row()["published"] == "somebody: test acc .51"


# --------------------------------------------------------------------------------------------
# Published logs


def test_the_first_printed_digit_that_differs():
    log = Log(
        "somebody",
        "",
        {"val_acc": ["0.5000", "0.6000", "0.7000"], "loss": ["1.10", "1.05", "1.00"]},
    )
    losses = [1.1, 1.05, 1.004]
    same = Found([0.5, 0.6, 0.7], loss=losses).epochs
    assert entry.first_difference(log, same) == (None, 3)
    assert "all 3 epochs are equal to ours in every printed digit of val acc and train loss" in (
        entry.log_sentence(log, same)
    )
    other = Found([0.5, 0.60006, 0.7], loss=losses).epochs
    assert entry.first_difference(log, other) == ((2, "val_acc", "0.6001", "0.6000"), 2)
    said = entry.log_sentence(log, other)
    assert "2 of 3 epochs are equal" in said
    assert "the first that is not is epoch 2, val acc 0.6001 here and 0.6000 there" in said


def test_logs_are_drawn_beside_ours_on_the_very_data_alone():
    log = Log("somebody", "run at batch 64", {"val_acc": ["0.5000", "0.6000"]})
    found = Found([0.5, 0.6])
    sentences, figures = entry_of(found, logs=[log]).logs()
    assert len(sentences) == 1 and "(run at batch 64)" in sentences[0]
    assert list(figures["val_acc"]) == ["somebody (run at batch 64)", "ours"]
    assert entry_of(found, relation=ANOTHER_SPLIT, logs=[log]).logs() == ([], {})
    assert entry_of(found, quick=True, logs=[log]).logs() == ([], {})


# --------------------------------------------------------------------------------------------
# Findings


def test_a_run_that_gives_one_class_says_so_first():
    alone = Found([0.75] * 5, train=0.8, test=0.5)
    row = entry_of(alone)
    assert row.findings[0].startswith("The run gives one class (cat) for every image")
    (_, _, _, note), *_ = row.numbers(["test"])
    assert "gives one class alone" in note
    assert "one class" not in " ".join(entry_of(Found([0.75] * 5, train=0.8, test=0.6)).findings)


def test_how_many_weights_are_zero():
    assert "Of its 12 weights 3 are exactly zero." in entry_of(Found([0.5, 0.6, 0.7])).findings


def test_the_baseline_is_the_largest_training_class():
    assert report.baseline(dataset()) == (
        "one class (cat)",
        {"train": 0.8, "val": 0.75, "test": 0.5},
    )
    entry = entry_of(Found([0.9]))
    for own in (entry.report_row(), entry.csv_row()):
        *_, row = report.with_baseline([own], report.baseline(dataset()))
        assert row["run"] == "one class (cat)" and row["val_acc"] == 0.75


@pytest.mark.parametrize("n", [1, 2])
def test_nothing_is_read_from_one_or_two_points(n):
    found = Found([0.1, 0.6][:n])
    assert entry_of(found).findings == []
    assert answers.answer(["a", "b"], [[found], [found]], timed=True) == ([], [])


def test_what_a_comparison_shows():
    slow = Found([0.1, 0.2, 0.3, 0.4], test=0.45, seconds=40)
    fast = Found([0.2, 0.4, 0.5, 0.6], test=0.35, seconds=20)
    labels = ["momentum 0.0", "momentum 0.9"]
    said = said_of(labels, slow, fast, timed=True)
    assert "Best by final validation accuracy: momentum 0.9, with .6000 (over its last 3 " in said
    assert ") against .4000" in said
    assert "the highest, not used to choose, is .4500 (momentum 0.0)" in said
    assert (
        "In epoch 2 momentum 0.9 reaches the validation accuracy that momentum 0.0 ends with and "
        "first reaches in epoch 4."
    ) in said
    assert (
        "minus validation accuracy at the end is .5000 (momentum 0.0) and .3000 (momentum" in said
    )
    assert "one class alone" not in said
    lost = said_of(labels, slow, fast, baseline=0.4)
    assert "momentum 0.0 does no better than always giving the most frequent class (.4000)." in lost
    assert "10.00 s (momentum 0.0) and 5.00 s (momentum 0.9)" in said
    assert "a ratio of 2.00" in said


def test_a_tie_is_a_tie_in_words_too():
    a, b, c = (
        Found([0.1, 0.2, end], test=test) for end, test in ((0.5, 0.4), (0.5, 0.3), (0.2, 0.9))
    )
    said = said_of(["a", "b", "c"], a, b, c)
    assert "none is best: a and b, at .5000, against .2000 (c)" in said
    assert "Best" not in said and "highest" not in said
    said = said_of(["a", "b"], a, b)
    assert "none is best: a and b, at .5000." in said
    assert [
        row["best"] for row in compare.table([{"n": i} for i in range(3)], [[a], [b], [c]])
    ] == ["tied", "tied", ""]


def test_seconds_measured_otherwise_have_no_ratio():
    one = Found([0.1, 0.2, 0.3], seconds=30, threads=1, runs=2)
    for other in (Found([0.1, 0.2, 0.4], threads=2, runs=2), Found([0.1, 0.2, 0.4], runs=1)):
        said = said_of(["a", "b"], one, other, timed=True)
        assert "ratio" not in said and "are not comparable" in said
        rows = compare.table([{"n": 1}, {"n": 2}], [[one], [other]])
        assert rows[0]["runs_at_a_time"] == 2 and rows[0]["threads"] == 1
    alike = compare.table([{"n": 1}], [[one]])
    assert "threads" not in alike[0]


def test_no_epochs_are_saved_where_a_curve_swings():
    swinging, steady = Found([0.5, 0.7, 0.4]), Found([0.5, 0.5, 0.6])
    assert "first reaches" not in said_of(["a", "b"], swinging, steady)


def test_an_answer_over_seeds():
    slow = [
        Found([0.1, 0.2, 0.3, end], test=end, seed=seed)
        for seed, end in enumerate((0.40, 0.41, 0.42))
    ]
    fast = [
        Found([0.2, 0.45, 0.5, end], test=end, seed=seed)
        for seed, end in enumerate((0.60, 0.62, 0.64))
    ]
    said = said_of(["a", "b"], slow, fast)
    assert said.startswith("The highest mean validation accuracy, .6200, is that of b.")
    assert "On average b is above a by .2100, by at least" in said
    assert "not used to choose, are .4100 ± .0100 (a) and .6200 ± .0200 (b)." in said
    assert "In epoch 2 b reaches the validation accuracy that a ends with and first" in said
    assert "Best" not in said and "McNemar" not in said
    # Each run beside that of its own seed: the others' order, or a seed that is not there, is nothing.
    assert said_of(["a", "b"], slow, fast[::-1]) == said
    assert "In epoch 2 b reaches" in said_of(["a", "b"], slow[1:], fast)


def test_an_answer_is_about_the_curves_that_are_asked_for():
    norms = [Found([0.1, 0.2, 0.3], w_norm=[1.0, 2.0, end]) for end in (23.08062, 4.3)]
    said = said_of(["a", "b"], *norms, curves=["w_norm"])
    assert said == (
        "Between the first epoch and the last, the norm of the weights goes from 1.0000 to 23.0806 (a) and from 1.0000 to "
        "4.3000 (b)."
    )
    losses = Found([0.1, 0.2, 0.3], val_loss=[3, 2, 1], train_loss=[3.0, 2.0, 0.5])
    said = said_of(["a", "b"], losses, losses)
    assert "the training loss goes from 3.0000 to 0.5000 (a) and from 3.0000 to 0.5000 (b)." in said
    assert "The validation loss with a is still falling in the last epoch" in said
    zeros = [(3, 12), (0, 12)]
    assert "These weights are exactly zero: 3 of 12 (a) and 0 of 12 (b)." in said_of(
        ["a", "b"], *norms, zeros=zeros
    )
    assert "exactly zero" not in said_of(["a", "b"], *norms, zeros=[(0, 12), (0, 12)])


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (
            [3, 2, 1, 2, 3, 3, 3, 3, 3, 4],
            "rises again: it is lowest, 1.0000, in epoch 3 of 10, and ends at 4.0000",
        ),
        (list(range(20, 0, -1)), "still falling in the last epoch, 20, where it is 1.0000"),
        ([*range(20, 1, -1), 3], "is lowest, 2.0000, in epoch 19 of 20, and ends at 3.0000"),
        ([2, None, 1], "not finite in 1 of 3 epochs"),
        (
            [5, 1, 9, 2, 8, 3] * 5,
            "oscillates: over the last 6 epochs it ranges from 1.0000 to 9.0000",
        ),
    ],
)
def test_what_a_loss_does(losses, said):
    assert said in findings.about_loss("validation loss", losses)


# --------------------------------------------------------------------------------------------
# Tables and figures


def rows_of_comparison():
    groups = [
        [Found([0.4, 0.5], test=0.51, seconds=146)],
        [Found([0.4, 0.6], test=0.52, seconds=9.25)],
    ]
    settings = [{"learning_rate": 0.1}, {"learning_rate": 1e-05}]
    return compare.table(settings, groups, {"val_acc": 0.25, "test_acc": 0.2})


def test_a_latex_table_as_one_would_hand_it_in():
    lines = [" ".join(line.split()) for line in compare.latex(rows_of_comparison()).splitlines()]
    assert lines[0].startswith("%") and "booktabs" in lines[0]
    assert lines[1] == r"\begin{tabular}{rrrrrrr}"
    assert lines[3].startswith("Learning rate & Validation accuracy & ")
    assert lines[5] == r"0.1 & .5000 & .1000 & .5000 & 2 & .5100 & 146 \\"
    assert lines[6].startswith(r"\textbf{0.00001} & \textbf{.6000}")
    assert lines[7].startswith("one class & .2500 & ")
    text = " ".join(compare.latex([{"run": r"50% of a_b & {c}\d", "test_acc": 0.5}]).split())
    assert [lines[2], lines[4], lines[-2]] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"50\% of a\_b \& \{c\}\textbackslash{}d & .5000 \\" in text


def test_a_csv_has_a_number_a_column():
    rows = list(csv.DictReader(io.StringIO(compare.csv_text(rows_of_comparison()))))
    assert rows[0]["val_acc"] == "0.5000" and rows[1]["learning_rate"] == "0.00001"
    for row in rows[:2]:
        assert all(math.isfinite(float(value)) for key, value in row.items() if key != "best")


def test_an_accuracy_has_one_format_in_every_table():
    rows = rows_of_comparison()
    for text in (
        compare.formatted(rows, "simple"),
        compare.formatted(rows, "github"),
        compare.latex(rows),
    ):
        assert ".6000" in text and "0.6000" not in text


def test_every_quantity_of_a_record_has_a_name_and_a_head(q1, q2):
    several = [*q1.FIGURES.values(), *q2.FIGURES.values()]
    figures = [figure for of_model in several for figure in of_model]
    for key in {key for figure in figures for key in figure.curves.values()}:
        assert key in quantities.NAMES and "_" not in quantities.head_of(key)


def test_an_overlay_that_spans_more_than_ten_times_has_a_logarithmic_axis():
    def scales(high):
        one, other = Found([0.1, 0.5], val_loss=[1.3, 1.2]), Found([0.3, 0.4], val_loss=[high, 3])
        groups = [[one], [other]]
        figures = dict(compare.overlays(groups, ["a", "b"], "the MLP, by batch size", "D"))
        return {key: figure.axes[0].get_yscale() for key, figure in figures.items()}, figures

    assert scales(25)[0] == {"val_acc": "linear", "val_loss": "log"}
    assert scales(5)[0] == {"val_acc": "linear", "val_loss": "linear"}
    _, figures = scales(25)
    title = figures["val_loss"].get_suptitle()
    assert title == "Validation loss of the MLP, by batch size\nD"
    assert "log scale" in figures["val_loss"].axes[0].get_ylabel()
    assert list(
        dict(compare.overlays([[Found([0.1], val_loss=[1])]] * 2, "ab", "s", "D", ["val_loss"]))
    ) == ["val_loss"]


def test_a_table_over_seeds_worked_by_hand():
    settings = [{"lr": rate, "seed": seed} for rate in (0.1, 0.2) for seed in (1, 2)]
    records = [Found([end], test=0.5) for end in (0.5, 0.7, 0.4, 0.4)]
    assert compare.grouped(settings, records) == (
        [{"lr": 0.1}, {"lr": 0.2}],
        [records[:2], records[2:]],
    )
    rows = compare.table(*compare.grouped(settings, records))
    first = {key: rows[0][key] for key in ("seeds", "val_acc", "lowest_val_acc", "highest_val_acc")}
    assert first == pytest.approx(
        {"seeds": 2, "val_acc": 0.6, "lowest_val_acc": 0.5, "highest_val_acc": 0.7}
    )
    assert rows[0]["val_deviation"] == pytest.approx(0.02**0.5)
    assert [row["best"] for row in rows] == ["best", ""]
    few = compare.table([{"lr": 0.1}, {"lr": 0.2}], [records[:1], records[2:]])
    assert few[0]["val_deviation"] is None
    assert [row["best"] for row in compare.table([{}], [records[:2]])] == [""]


def test_a_figure_over_seeds_has_a_mean_a_band_and_a_line_each():
    groups = [[Found([0.1, 0.2]), Found([0.3, 0.4])], [Found([0.5, 0.5]), Found([0.5, 0.7, 0.9])]]
    ((quantity, figure),) = compare.overlays(groups, ["a", "b"], "the MLP, by dropout", "D")
    axes = figure.axes[0]
    assert quantity == "val_acc" and len(axes.lines) == 2 + 4 and len(axes.collections) == 2
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.2, 0.3])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.5, 0.6])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_settings_over_seeds_are_told_apart_or_not():
    near = [
        [Found([0.1, 0.2, end]) for end in ends] for ends in ((0.5, 0.6, 0.7), (0.55, 0.6, 0.64))
    ]
    said = " ".join(compare.findings(["a", "b"], near)[2])
    assert "is that of a; not to be told from it: b." in said
    assert "No difference can be told between a and b: the mean of a is higher by" in said
    assert said.endswith(
        "With 3 against 3 seeds the permutation test cannot go below p = .100: alone it can call no "
        "difference significant."
    )
    far = [[Found([end]) for end in ends] for ends in ((0.50, 0.51, 0.52), (0.80, 0.81, 0.82))]
    said = " ".join(compare.findings(["a", "b"], far)[2])
    assert "is that of b." in said and "On average b is above a by .3000, by at least" in said


@pytest.mark.parametrize(
    ("stem", "caption"),
    [
        ("Q3-quadratic-D-3-K-5-out-of-reach", "out of reach (D = 3, K = 5)"),
        ("Q3-interval-D-6-A--2-B-3-networks", "networks (D = 6, A = -2, B = 3)"),
        ("Q3-convexity-logistic-regression", "logistic regression"),
    ],
)
def test_the_captions_of_proofs_are_words(stem, caption):
    assert plan.caption_of(stem) == caption


def test_what_is_confused_most_often():
    gold = np.array([0, 0, 0, 1, 1, 2])
    said = findings.about_confusion(gold, np.array([1, 1, 0, 0, 1, 1]), ["cat", "dog", "cow"])
    takes = "2 of 3 test images of cat for dog and 1 of 2 of dog for cat"
    assert said == [f"Most often it confuses cat and dog: it takes {takes}."]
    assert findings.about_confusion(gold, gold, ["cat", "dog", "cow"]) == []


def test_single_runs_are_compared_on_the_same_images():
    gold = np.zeros(20, int)
    right, wrong = np.zeros(20, int), np.ones(20, int)
    (said,) = answers.about_disputes(["a", "b"], "b", [wrong, right], gold)
    assert "Of the same 20 images b alone is right on 20, a alone on 0" in said


def test_the_class_on_which_settings_differ_most():
    gold = np.array([0, 0, 2, 2, 2, 2])
    predictions = [np.array([0, 1, 2, 2, 2, 0]), np.array([0, 0, 0, 0, 0, 0])]
    found = answers.about_classes(
        ["a", "b"], " with seed 42", predictions, gold, ["cat", "dog", "cow"]
    )
    shares = ".7500 (a) and .0000 (b)"
    assert found == [
        f"They differ most on the test images of cow: classified correctly with seed 42 are {shares}."
    ]
