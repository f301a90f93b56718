"""Finding submissions: a script, a folder, a zip, or a folder of many of them (a class)."""

import functools
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import utils
from checks.submissions import script as source
from checks.submissions.files import ARCHIVES, MAX_DEPTH, is_ignored
from checks.submissions.unpack import RefusedArchive, unpack

MAX_SUBMISSIONS = 2000
MAX_SCRIPTS = 200  # a submission's scripts that are looked at
MAX_LOOKED_AT = 50_000  # scripts, of all submissions together
MAX_NESTED = 3  # zips in zips

# hw1-q1.py, hw1_q1.py, HW1 Q1.py, hw1-q1 (2).py, ...
NAMED = re.compile(r"(?P<who>.*?)hw1[-_ ]?q(?P<question>[12])\b.*\.py", re.IGNORECASE)


@dataclass
class Submission:
    """One student's scripts.

    name       what to call it: printable, and unlike the others'
    source     what the user named, or the part of it that is this submission
    path       the folder whose files a run needs; it may be a temporary one
    q1, q2     the scripts, relative to `path`, or None
    edition    the skeleton they fill in: "ist-2024", "ist-2023", "ist-2022"
    questions  those that it is judged by: both, but of a script that was named alone its own
    static     {"q1": ..., "q2": ...}: what `source.read` found in each script there is
    notes      sentences about the files for the report
    """

    name: str
    source: Path
    path: Path
    q1: Path | None = None
    q2: Path | None = None
    edition: str = "ist-2024"
    questions: tuple = ("q1", "q2")
    static: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


def printable(text):
    """`text` without control characters, terminal escapes and marks that turn its direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def find(paths, scratch):
    """The submissions in `paths`, in the order given, a class's by name.

    Zips are unpacked, and scripts named alone copied with what they import, to the folder
    `scratch`. InputError if a path does not exist or is neither a folder, a zip nor a script.
    """
    finder = _Finder(Path(scratch))
    for path in map(Path, paths):
        finder.add(path)
    if not finder.found:
        raise utils.InputError(f"{printable(paths[0])}: holds no submission")
    if len(finder.found) > MAX_SUBMISSIONS:
        raise utils.InputError(
            f"{len(finder.found):,} submissions, more than {MAX_SUBMISSIONS:,}: name fewer folders"
        )
    _make_names_differ(finder.found)
    return finder.found


def _make_names_differ(submissions):
    seen = {}
    for submission in submissions:  # as Moodle names a student's folder
        submission.name = re.sub(r"_\d+_assignsubmission_.*", "", submission.name) or "?"
    for submission in submissions:
        seen[submission.name] = seen.get(submission.name, 0) + 1
        if seen[submission.name] > 1:
            submission.name += f" ({seen[submission.name]})"


class _Finder:
    def __init__(self, scratch):
        self.scratch = scratch
        self.found = []

    def add(self, path):
        """Add the submission or the submissions in something the user named."""
        if not path.exists():
            raise utils.InputError(f"{printable(path)}: does not exist")
        if path.is_dir():
            self.add_class_or_one(path.resolve(), path, path.resolve().name or str(path))
        elif path.suffix.lower() == ".zip":
            folder = self.unpacked(path, path, path.stem)
            if folder:
                self.add_class_or_one(folder, path, path.stem)
        elif path.suffix.lower() == ".py":
            self.add_script(path)
        else:
            raise utils.InputError(
                f"{printable(path)}: is neither a folder, a .zip nor a .py; "
                + ("unpack it first" if path.suffix.lower() in ARCHIVES else "name one of these")
            )

    def add_class_or_one(self, folder, source_path, name):
        """Add `folder` as one submission, or each of its children as one."""
        own = [p for p in _children(folder) if p.suffix.lower() == ".py" and _question(p)]
        students = [p for p in _children(folder) if p not in own and _holds_work(p)]
        questions = [_question(path) for path in own]
        if any(_owner(path) == "" for path in own) or (
            own and not students and max(map(questions.count, questions)) == 1
        ):
            return self.add_folder(folder, source_path, name)
        if not own and len(students) == 1 and students[0].is_dir():  # a zip that wraps one folder
            return self.add_class_or_one(students[0], source_path / students[0].name, name)
        if not own and (not students or _is_one_split_in_two(students)):
            return self.add_folder(folder, source_path, name)
        students = [p for p in _children(folder) if p in own or _may_be_student(p)]
        groups = {}
        for path in students:
            groups.setdefault(_owner(path), []).append(path)
        for who, paths in groups.items():
            self.add_student(paths, source_path / paths[0].name, who)

    def add_student(self, paths, source_path, name):
        path = paths[0]
        if path.is_dir():
            self.add_folder(path, source_path, name)
        elif path.suffix.lower() == ".py":
            self.add_script(*paths, name=name, source_path=source_path)
        elif path.suffix.lower() == ".zip":
            folder = self.unpacked(path, source_path, name)
            if folder:
                self.add_folder(folder, source_path, name)
        else:
            what = "a notebook is not judged; save it as a .py"
            if path.suffix.lower() in ARCHIVES:
                what = "only zips are unpacked; unpack it first"
            self.add_empty(source_path, name, f"{path.name}: {what}")

    def add_folder(self, folder, source_path, name):
        """Add the scripts anywhere in `folder` as one submission."""
        notes = []
        folder = self.with_zips_unpacked(folder, notes)
        scripts = [path for path in _walk(folder) if path.suffix.lower() == ".py"][:MAX_SCRIPTS]
        chosen = _choose(folder, scripts, notes)
        if not chosen:
            notebooks = [path.name for path in _walk(folder) if path.suffix.lower() == ".ipynb"]
            if notebooks:
                notes.append(f"{notebooks[0]}: a notebook is not judged; save it as a .py")
            return self.add_empty(source_path, name, *notes)
        self.add_chosen(chosen, folder, source_path, name, notes)

    def add_script(self, *paths, name=None, source_path=None):
        """Add scripts that lie among others' files: copied with what they import, no more."""
        folder = self.new_folder()
        for path in paths:
            _copy_with_imports(path.resolve(), folder)
        notes = []
        chosen = _choose(folder, [folder / path.name for path in paths], notes)
        if not chosen:  # the user named it: it is judged, and found wanting
            chosen = {"q1": folder / paths[0].name}
        name = name or paths[0].stem
        self.add_chosen(chosen, folder, source_path or paths[0], name, notes)
        self.found[-1].questions = tuple(chosen)

    def add_chosen(self, chosen, folder, source_path, name, notes):
        common = Path(os.path.commonpath([path.parent for path in chosen.values()]))
        static = {q: source.read(path, path.parent) for q, path in chosen.items()}
        for question, path in chosen.items():
            if static[question]["kind"] not in (None, question):
                other = static[question]["kind"][1]
                notes.append(f"{path.name}: holds the classes of Question {other}")
        editions = [said["edition"] for said in static.values() if said["edition"]]
        self.found.append(
            Submission(
                name=printable(name),
                source=source_path,
                path=common,
                q1=chosen["q1"].relative_to(common) if "q1" in chosen else None,
                q2=chosen["q2"].relative_to(common) if "q2" in chosen else None,
                edition=editions[0] if editions else source.EDITIONS[0],
                static=static,
                notes=[printable(note) for note in notes],
            )
        )

    def add_empty(self, source_path, name, *notes):
        notes = notes or ["no script of this homework was found here"]
        folder = self.new_folder()
        notes = [printable(note) for note in notes]
        self.found.append(Submission(printable(name), source_path, folder, notes=notes))

    def unpacked(self, path, source_path, name):
        """The folder a zip was unpacked to; None, and an empty submission, where it is refused."""
        folder = self.new_folder()
        try:
            unpack(path, folder)
        except RefusedArchive as error:
            return self.add_empty(source_path, name, f"{path.name}: {error}")
        return folder

    def with_zips_unpacked(self, folder, notes):
        """`folder`, or a copy in which the zips it holds are folders, if it has no script itself."""
        for _ in range(MAX_NESTED):
            inside = list(_walk(folder))
            zips = [path for path in inside if path.suffix.lower() == ".zip"]
            if not zips or any(p.suffix.lower() == ".py" and _question(p) for p in inside):
                break
            together = self.new_folder()
            for number, path in enumerate(zips[:20]):
                target = together / f"{number}-{path.stem}"
                target.mkdir()
                try:
                    unpack(path, target)
                except RefusedArchive as error:
                    notes.append(f"{path.name}: {error}")
            folder = together
        return folder

    def new_folder(self):
        self.scratch.mkdir(parents=True, exist_ok=True)
        number = sum(1 for _ in self.scratch.iterdir())
        folder = self.scratch / str(number)
        folder.mkdir()
        return folder


def _children(folder):
    """What lies in `folder` and may belong to a student, by name; links are not followed."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in paths
        if not path.name.startswith(".")
        and not path.is_symlink()
        and not (path.is_dir() and is_ignored(path))
    ]


def _walk(folder, depth=MAX_DEPTH):
    """The scripts, notebooks and zips in `folder` and below, those nearer to it first."""
    children = _children(folder)
    for path in children:
        if path.suffix.lower() in (".py", ".ipynb", ".zip") and path.is_file():
            yield path
    for path in children:
        if depth and path.is_dir():
            yield from _walk(path, depth - 1)


def _holds_work(path):
    """Whether a folder's child is, or holds, a script of this homework or something packed."""
    if path.is_dir():
        return any(p.suffix.lower() != ".py" or _question(p) for p in _walk(path))
    return path.suffix.lower() in ARCHIVES | {".ipynb"}


def _may_be_student(path):
    """Whether a child of a class's folder is a student's, perhaps one who handed in the wrong file."""
    if path.is_dir():
        return any(files for _, _, files in os.walk(path))
    return _holds_work(path)


def _is_one_split_in_two(students):
    """Whether two folders hold a question each: one student's q1/ and q2/."""
    if len(students) != 2 or not all(path.is_dir() for path in students):
        return False
    held = [{_question(p) for p in _walk(path) if p.suffix == ".py"} - {None} for path in students]
    return sorted(map(sorted, held)) == [["q1"], ["q2"]]


def _text(path):
    try:
        with open(path, "rb") as file:
            return file.read(source.MAX_SOURCE).decode("utf-8", "replace")
    except OSError:
        return ""


@functools.cache
def _question(path):
    """ "q1" or "q2" by a script's name, or else by the classes it defines; None if by neither."""
    if _question.cache_info().currsize > MAX_LOOKED_AT:
        raise utils.InputError(f"more than {MAX_LOOKED_AT:,} scripts: name a smaller folder")
    named = NAMED.fullmatch(path.name)
    return f"q{named['question']}" if named else source.kind(_text(path))


def _owner(path):
    """Whose a child of a class's folder is: ada for ada_hw1-q1.py and ada_hw1-q2.py alike."""
    if path.is_dir():
        return path.name
    named = NAMED.fullmatch(path.name)
    return named["who"].rstrip("-_ ") if named else path.stem


def _choose(folder, scripts, notes):
    """{"q1": path, "q2": path} of a submission's scripts: by name, then by classes, then by depth.

    Notes are added on scripts that were passed over.
    """

    def rank(path):
        named = NAMED.fullmatch(path.name)
        exact = bool(named) and re.fullmatch(r"hw1-q[12]\.py", path.name) is not None
        return (not named, len(path.relative_to(folder).parts), not exact, str(path))

    chosen = {}
    for question in ("q1", "q2"):
        candidates = sorted((p for p in scripts if _question(p) == question), key=rank)
        if candidates:
            chosen[question] = candidates[0]
        beside = [p for p in candidates[1:] if p.parent == candidates[0].parent]
        for path in [p for p in beside if NAMED.fullmatch(p.name)][:3]:
            notes.append(f"{path.name}: not judged, {candidates[0].name} is")
    return chosen


def _copy_with_imports(script, folder):
    """Copy a script and the modules beside it that it imports, and they import, to `folder`."""
    waiting, seen = [script], set()
    while waiting and len(seen) < MAX_SCRIPTS:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        target = folder / path.relative_to(script.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        for name in source.read(path, path.parent)["imports"]:
            waiting.append(script.parent / f"{name}.py")
            package = script.parent / name
            if package.is_dir() and not is_ignored(package):
                waiting += [p for p in _walk(package) if p.suffix == ".py"]
