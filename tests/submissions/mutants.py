"""Programs with known mistakes: small changes to the right programs beside this file.

    python tests/submissions/mutants.py FOLDER

writes the whole class, one folder per program, and beside them expected.json.

The tables are the *.mutants files. An entry:

    * ID BASE [expected]       the mistake, the right program it is made in, expected verdicts if
                               they differ from those the section and the id's severity give
    .                          (between two runs of `-` lines, where the first is deleted)
    @ Name                     search only in this class or function
    - line                     lines of the program, at any depth ...
    + line                     ... and what takes their place (none: they are deleted); each `<`
                               at its start takes it a level out
    ~ old => new               every occurrence of a text

A section starts with `# part NAME...`: the parts that have the mistake. Expected verdicts read
`part: verdict id id (id); part: ...`: ids in brackets may be named and need not be; `|` separates
verdicts that are equally right. Ids of severity deviation may always be named. A part of a script
that the folder does not hold is not judged.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = {
    "q1": ("perceptron", "logistic_regression", "logistic_regression_l2", "mlp"),
    "q2": ("torch_logistic_regression", "torch_mlp", "torch_train_batch"),
}
FINE = {"correct", "convention"}

# Severity of every id that is not simply wrong.
FRAGILE = {
    "softmax_unstable",
    "hardcoded_n_classes",
    "classes_from_batch",
    "predict_global_max",
    "loss_log_zero",
    "loss_unstable",
    "layers_limited",
    "dropout_before_activation",
    "hardcoded_n_features",
    "gradient_clipped",
}
DEVIATIONS = {
    "conv_l2_factor2",
    "conv_perc_lr",
    "conv_loss_sum",
    "conv_init_unscaled",
    "conv_W_transposed",
    "lr_random_init",
    "optional_l2_in_loss",
    "predict_contract",
    "predict_list",
    "predict_float",
    "train_onehot",
    "own_shuffle",
    "ctor_extra_arg",
    "requires_kwargs",
    "state_in_train_epoch",
    "no_update_weight",
    "own_bias_column",
    "renamed_class",
    "renamed_param",
    "no_kwargs",
    "extra_arg",
    "parameterlist_of_modules",
    "loss_extra",
    "layers_zero",
}


def severity(mistake):
    """wrong, fragile or deviation."""
    if mistake in FRAGILE:
        return "fragile"
    return "deviation" if mistake in DEVIATIONS else "wrong"


def verdict_with(mistake):
    """The verdict of a part that has this mistake and no other."""
    verdicts = {"wrong": "mistake", "fragile": "fragile", "deviation": "convention"}
    return f"{verdicts[severity(mistake)]} {mistake}"


def parse_expected(text):
    """'part: verdict id (id) | verdict; ...' as {part: [(verdict, ids, ids that may be named)]}."""
    expected = {}
    for clause in filter(None, (clause.strip() for clause in text.split(";"))):
        parts, _, verdicts = clause.partition(":")
        alternatives = []
        for alternative in verdicts.split("|"):
            allowed = re.findall(r"\(([^)]*)\)", alternative)
            verdict, *ids = re.sub(r"\([^)]*\)", " ", alternative).split()
            alternatives.append((verdict, ids, " ".join(allowed).split()))
        for part in parts.split(","):
            expected[part.strip()] = alternatives
    return expected


def complete(expected, script, edition):
    """Expected verdicts of every part of a script, from those that were written down."""
    result = {part: expected.get(part, [("correct", [], [])]) for part in PARTS[script]}
    if script == "q1" and "logistic_regression_l2" not in expected:
        also = [("correct", [], [])] + ([] if edition == "ist-2024" else [("absent", [], [])])
        result["logistic_regression_l2"] = result["logistic_regression"] + also
    return result


def fits(found, expected):
    """What is not as expected of a part, or None: found is {"verdict", "findings"} or None.

    One of "accused" (right, and called wrong), "passed" (wrong, and not called so), "misnamed",
    "fragility missed", "fragility invented", "verdict" for every other difference.
    """
    verdict = found["verdict"] if found else "absent"
    ids = {finding["id"] for finding in found["findings"]} if found else set()
    wrong = {mistake for mistake in ids if severity(mistake) == "wrong"}
    fragile = {mistake for mistake in ids if severity(mistake) == "fragile"}
    complaints = []
    for wanted, required, allowed in expected:
        required, allowed = set(required), set(allowed)
        required_wrong = {mistake for mistake in required if severity(mistake) == "wrong"}
        required_fragile = {mistake for mistake in required if severity(mistake) == "fragile"}
        if wanted == "mistake":
            if verdict == "mistake" and required_wrong <= wrong <= required_wrong | allowed:
                return None
            passing = FINE | {"fragile", "absent"}
            complaints.append("passed" if verdict in passing else "misnamed")
        elif wanted in FINE | {"fragile"}:
            if verdict in FINE | {"fragile"}:
                if not required_fragile <= fragile:
                    complaints.append("fragility missed")
                elif not fragile <= required_fragile | allowed:
                    complaints.append("fragility invented")
                elif (verdict == "fragile") == bool(fragile):
                    return None
                else:
                    complaints.append("verdict")
            else:
                complaints.append("accused")
        elif verdict == wanted:
            return None
        else:
            complaints.append("verdict")
    return complaints[0]


def scope(lines, name):
    """The range of lines of a class or function, or of the whole program."""
    if name is None:
        return range(len(lines))
    (start,) = [i for i, line in enumerate(lines) if re.match(rf" *(class|def) {name}\b", line)]
    depth = len(lines[start]) - len(lines[start].lstrip())
    for end in range(start + 1, len(lines)):
        line = lines[end]
        if line.strip() and len(line) - len(line.lstrip()) <= depth and line.lstrip()[0] not in ")":
            return range(start, end)
    return range(start, len(lines))


def replace_lines(program, name, old, new):
    """A program with one run of lines replaced by another, in the depth at which it stands."""
    lines = program.split("\n")
    places = []
    for start in scope(lines, name):
        indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        block = [indent + line if line else "" for line in old]
        if lines[start : start + len(old)] == block:
            places.append((start, indent))
    if len(places) != 1:
        raise ValueError(f"{len(places)} places for {old}")
    ((start, indent),) = places
    lines[start : start + len(old)] = [
        indent[4 * (len(line) - len(line.lstrip("<"))) :] + line.lstrip("<") if line else ""
        for line in new
    ]
    return "\n".join(lines)


def changed(program, changes):
    """A program after the changes of an entry of the tables."""
    name, old, new = None, [], []
    for mark, text in [*changes, ("@", "")]:
        if old and (mark in "@~" or (mark == "-" and new) or mark == "."):
            program, name, old, new = replace_lines(program, name, old, new), None, [], []
        if mark == "@":
            name = text.strip() or None
        elif mark == "~":
            before, after = text.strip().replace("\\n", "\n").split(" => ")
            if before not in program:
                raise ValueError(f"no {before!r}")
            program = program.replace(before, after)
        elif mark in "+-":
            (old if mark == "-" else new).append(text)
    return program


def read_table(path):
    """The entries of a table, as (id, base, parts, expected text, changes)."""
    entries, parts = [], ()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("# part "):
            parts = line.split()[2:]
        elif line.startswith("* "):
            mistake, base, *expected = line[2:].split(maxsplit=2)
            entries.append((mistake, base, parts, "".join(expected), []))
        elif line[:1] in ("@", "-", "+", "~", "."):
            entries[-1][-1].append((line[0], line[2:]))
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{path.name}:{number}: {line}")
    return entries


def bases():
    """The right programs: {(name, script): (program, edition, {part: expected})}."""
    table = {}
    for line in (HERE / "expected.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, script, edition, *expected = line.split(maxsplit=3)
            program = (HERE / name / f"hw1-{script}.py").read_text()
            table[name, script] = (program, edition, parse_expected("".join(expected)))
    return table


def submissions():
    """All of them: {name: ({file: text}, {part: expected})}, the right ones first."""
    right = bases()
    found = {}
    for (name, script), (program, edition, expected) in right.items():
        files, everything = found.setdefault(f"right-{name}", ({}, {}))
        files[f"hw1-{script}.py"] = program
        own_utils = HERE / name / "utils.py"
        if own_utils.exists():
            files["utils.py"] = own_utils.read_text()
        everything.update(complete(expected, script, edition))
    for path in sorted(HERE.glob("*.mutants")):
        for mistake, base, parts, text, changes in read_table(path):
            script = "q2" if parts[0].startswith("torch") else "q1"
            program, edition, expected = right[base, script]
            own = parse_expected(text)
            if not own:
                own = {part: parse_expected(f"x: {verdict_with(mistake)}")["x"] for part in parts}
            try:
                program = changed(program, changes)
            except ValueError as error:
                raise ValueError(f"{path.name}: {mistake} {base}: {error}") from error
            name, copy = f"{mistake}-{base}", 2
            while name in found:
                name, copy = f"{mistake}-{base}-{copy}", copy + 1
            # What a base has that is fragile or a convention may be named with the mistake.
            merged = {**expected}
            if "logistic_regression" in own:
                merged.pop("logistic_regression_l2", None)
            for part, alternatives in own.items():
                inherited = [i for _, ids, more in expected.get(part, []) for i in ids + more]
                merged[part] = [(v, ids, more + inherited) for v, ids, more in alternatives]
            files = {f"hw1-{script}.py": program}
            if (HERE / base / "utils.py").exists():
                files["utils.py"] = (HERE / base / "utils.py").read_text()
            found[name] = (files, complete(merged, script, edition))
    return found


def write(folder, only=None):
    """Write the class to a folder; returns what is expected, {name: {part: alternatives}}."""
    expected = {}
    for name, (files, verdicts) in submissions().items():
        if only is not None and name not in only:
            continue
        place = Path(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (place / file).write_text(text)
        expected[name] = verdicts
    (Path(folder) / "expected.json").write_text(json.dumps(expected, indent=1))
    return expected


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write(sys.argv[1]))} programs in {sys.argv[1]}")
