"""Finding submissions: a script, a folder, a zip, or a folder of many of them (a class)."""

import functools
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import utils
from checks.submissions import files, names, script
from checks.submissions.files import ARCHIVES
from checks.submissions.names import printable
from checks.submissions.unpack import RefusedArchive, unpack

MAX_SUBMISSIONS = 2000
MAX_SCRIPTS = 200  # a submission's scripts that are looked at
MAX_COMPARED = 20  # copies of a script
MAX_LOOKED_AT = 50_000  # scripts, of all submissions together
MAX_NESTED = 3  # zips in zips
MAX_NOTES = 3  # of a kind, on one submission


@dataclass
class Submission:
    """One student's scripts.

    name       what to call it: printable, and unlike the others'
    source     what the user named, or the part of it that is this submission
    path       the folder whose files a run needs; it may be a temporary one
    q1, q2     the scripts, relative to `path`, or None
    edition    the skeleton they fill in: "ist-2024", "ist-2023", "ist-2022"
    questions  those that it is judged by: both, but of a script that was named alone its own
    scripts    {"q1": ..., "q2": ...}: the `script.Script` of each that is there
    notes      sentences about the files for the report
    number     the platform's number of the student, or ""
    """

    name: str
    source: Path
    path: Path
    q1: Path | None = None
    q2: Path | None = None
    edition: str = script.EDITIONS[0]
    questions: tuple = ("q1", "q2")
    scripts: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    number: str = ""


def find(paths, scratch, notice=lambda _: None):
    """The submissions in `paths`, in the order given, a class's by name.

    Zips are unpacked, and scripts named alone copied with what they import, to the folder
    `scratch`. Of several paths those that are no submission (grades.csv) are left out, and
    `notice` is called with a line that says so. InputError if a path does not exist, or if a
    single one is neither a folder, a zip nor a script.
    """
    finder = _Finder(Path(scratch))
    together = {}  # what belongs to one student, who is named twice
    for path in map(Path, paths):
        if not os.path.exists(path):
            raise utils.InputError(f"{printable(path)}: does not exist")
        kind = "folder" if path.is_dir() else path.suffix.lower()
        several = len(paths) > 1
        if several and names.on_platform(path.name):
            together.setdefault((path.parent, names.owner(path.name)), []).append(path)
        elif kind in {"folder", ".zip"} or (several and kind in ARCHIVES | {".ipynb"}):
            together[path] = [path]
        elif kind == ".py" and (not several or _question(path)):
            together.setdefault((path.parent, names.owner(path.name)), []).append(path)
        elif several:
            notice(f"{printable(path)}: is no submission: left out")
        else:
            what = "unpack it first" if kind in ARCHIVES else "name one of these"
            line = f"{printable(path)}: is neither a folder, a .zip nor a .py; {what}"
            raise utils.InputError(line)
    for alike in together.values():
        finder.add(*alike)
    if not finder.found:
        raise utils.InputError(f"{printable(paths[0])}: holds no submission")
    if len(finder.found) > MAX_SUBMISSIONS:
        raise utils.InputError(
            f"{len(finder.found):,} submissions, more than {MAX_SUBMISSIONS:,}: name fewer folders"
        )
    names.make_differ(finder.found)
    return finder.found


class _Finder:
    def __init__(self, scratch):
        self.scratch = scratch
        self.found = []
        self.damaged = {}  # {path: reason} of what could not be unpacked

    def add(self, path, *more):
        """Add the submission or the submissions in something the user named."""
        whole = path.resolve()
        who = names.owner(whole.name or str(path), path.is_dir())
        if more and names.on_platform(path.name):
            self.add_student([whole, *(each.resolve() for each in more)], path.parent, who)
        elif path.is_dir():
            self.add_class_or_one(whole, path, who)
        elif path.suffix.lower() == ".zip":
            self.add_zip(whole, path, who, self.add_class_or_one)
        elif path.suffix.lower() == ".py":
            name = who[0] or (whole.parent.name if more else path.stem)
            self.add_scripts([path, *more], path, (name, who[1]))
            self.found[-1].questions = tuple(self.found[-1].scripts)
        else:
            self.add_student([whole], path.parent, who)

    def add_class_or_one(self, folder, source, who, zips=0):
        """Add `folder`, inside so many zips, as one submission, or each student in it as one."""
        try:
            children = _children(folder)
        except OSError as error:
            return self.add_empty(source, who, f"this folder cannot be read ({error.strerror})")
        members = _students(children)
        if members is None:
            return self.add_folder(folder, source, who)
        if len(members) == 1 and not names.on_platform(members[0].name):  # it wraps one
            (path,) = members
            if path.is_dir():
                return self.add_class_or_one(path, source / path.name, who, zips)
            if zips == MAX_NESTED:  # it may hold itself
                return self.add_empty(source, who, f"{path.name}: a zip in too many others")
            add = functools.partial(self.add_class_or_one, zips=zips + 1)
            return self.add_zip(path, source / path.name, who, add)
        groups = {}
        submitters = _submitters(folder)
        for path in members:
            owner = submitters.get(path.name) or names.owner(path.name, path.is_dir())
            groups.setdefault(owner, []).append(path)
        beside = [p.name for p in children if p not in members and _holds_work(p)]
        notes = [f"{name}: not judged, the students' folders are" for name in beside[:MAX_NOTES]]
        for owner in sorted(groups, key=lambda owner: (names.in_order(owner[0]), owner[1])):
            self.add_student(groups[owner], source, owner, notes)

    def add_student(self, paths, folder, who, notes=()):
        """Add what lies in a class's folder under one student's name."""
        first, source = paths[0], folder / paths[0].name
        if os.path.islink(first):
            return self.add_empty(
                source, who, *notes, f"{first.name}: a link, which is not followed; copy it here"
            )
        if names.on_platform(first.name):
            working = [path for path in paths if _holds_work(path)] or paths[:1]
            if len(working) > 1 or not working[0].is_dir():
                notes = list(notes)
                return self.add_folder(self.gathered(paths, notes), source, who, notes)
            first = working[0]
        elif first.suffix.lower() == ".py" and not first.is_dir():
            return self.add_scripts(paths, source, who, notes)
        if first.suffix.lower() == ".zip" and not first.is_dir():
            return self.add_zip(first, source, who, functools.partial(self.add_folder, notes=notes))
        if not first.is_dir():
            return self.add_empty(source, who, *notes, _why_not(first))
        self.add_folder(first, source, who, notes)

    def add_zip(self, path, source, who, add):
        try:
            folder = self.unpacked(path)
        except RefusedArchive as error:
            return self.add_empty(source, who, f"{path.name}: {error}")
        add(folder, source, who)

    def add_folder(self, folder, source, who, notes=()):
        """Add the scripts anywhere in `folder` as one submission."""
        notes = list(notes)
        try:
            os.listdir(folder)
        except OSError as error:
            note = f"this folder cannot be read ({error.strerror})"
            return self.add_empty(source, who, *notes, note)
        folder = self.with_zips_unpacked(folder, notes)
        damaged = [
            f"{path.name}: cannot be unpacked ({reason})"
            for path, reason in self.damaged.items()
            if path.is_relative_to(folder)
        ]
        notes += damaged[:MAX_NOTES]
        here = [path for path in files.walk(folder) if _is_own(path)]
        chosen = _choose(folder, [p for p in here if p.suffix.lower() == ".py"], notes)
        others = [path for path in here if path.suffix.lower() == ".ipynb"]
        if not chosen:
            others += [path for path in here if path.suffix.lower() in ARCHIVES]
        notes += [_why_not(path) for path in others[:MAX_NOTES]]
        if chosen:
            return self.add_chosen(chosen, folder, source, who, notes)
        if not notes:
            there = ", ".join(path.name for path in here[:MAX_NOTES])
            more = ", ..." if len(here) > MAX_NOTES else ""
            notes.append(
                f"no script of this homework was found here, only {there}{more}"
                if here
                else "no script of this homework was found here: the folder is empty"
            )
        self.add_empty(source, who, *notes)

    def add_scripts(self, paths, source, who, notes=()):
        """Add scripts that lie among others' files: copied with what they import, no more."""
        folder, notes = self.new_folder(), list(notes)
        for path in paths:
            _copy_with_imports(path.resolve(), folder)
        chosen = _choose(folder, [folder / path.name for path in paths], notes)
        if not chosen:  # the user named it: it is judged all the same
            chosen = {"q1": folder / paths[0].name}
        self.add_chosen(chosen, folder, source, who, notes)

    def add_chosen(self, chosen, folder, source, who, notes):
        common = Path(os.path.commonpath([path.parent for path in chosen.values()]))
        scripts = {question: _read(path) for question, path in chosen.items()}
        for question, path in chosen.items():
            defined = scripts[question].question
            if defined not in (None, question):
                notes.append(f"{path.name}: holds the classes of Question {defined[1]}")
        editions = [read.edition for read in scripts.values() if read.edition]
        self.found.append(
            Submission(
                name=printable(who[0]) or "?",
                number=who[1],
                source=source,
                path=common,
                **{question: path.relative_to(common) for question, path in chosen.items()},
                edition=(editions or script.EDITIONS)[0],
                scripts=scripts,
                notes=[printable(note) for note in notes],
            )
        )

    def add_empty(self, source, who, *notes):
        notes = [printable(note) for note in notes]
        folder = self.new_folder()
        self.found.append(
            Submission(printable(who[0]) or "?", source, folder, notes=notes, number=who[1])
        )

    def gathered(self, paths, notes):
        """A folder with what a platform wrote in several places, files under their own names."""
        together = self.new_folder()
        for path in paths:
            _, _, name = names.on_platform(path.name)
            target = together / (name.lstrip(".") or path.name)
            if os.path.exists(target):
                target = together / path.name
            try:
                if path.is_dir():
                    shutil.copytree(path, target, ignore=_unwanted)
                elif os.path.isfile(path) and not os.path.islink(path):
                    shutil.copyfile(path, target)
            except (OSError, shutil.Error):
                notes.append(f"{path.name}: cannot be read")
        return together

    def unpacked(self, path):
        """The folder a zip was unpacked to; RefusedArchive."""
        folder = self.new_folder()
        self.damaged |= unpack(path, folder)
        return folder

    def with_zips_unpacked(self, folder, notes):
        """`folder`, or a copy in which the zips it holds are folders, if it has no script itself."""
        for _ in range(MAX_NESTED):
            inside = [path for path in files.walk(folder) if _is_own(path)]
            zips = [path for path in inside if path.suffix.lower() == ".zip"]
            if not zips or any(p.suffix.lower() == ".py" and _question(p) for p in inside):
                break
            together = self.new_folder()
            for number, path in enumerate(zips[:20]):
                target = together / f"{number}-{path.stem}"
                target.mkdir()
                try:
                    self.damaged |= unpack(path, target)
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


# ----------------------------------------------------------------------------------------------
# A class, or one


def _children(folder):
    """What lies in `folder` and may belong to a student, by name; OSError."""
    paths = [folder / name for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    return [path for path in paths if not (os.path.isdir(path) and files.is_ignored(path))]


def _students(children):
    """Those of a folder's children that are students' of a class; None where all are one's.

    One alone is what wraps a submission, or a class.
    """
    written = [path for path in children if names.on_platform(path.name)]
    children = [path for path in children if path not in written]
    own = [path for path in children if _is_script(path)]
    packed = ARCHIVES | {".ipynb"}
    apart = [
        path
        for path in children
        if not names.is_part(path.name if path.is_dir() else path.stem)
        and (path.is_dir() or path.suffix.lower() in packed)
    ]
    if written:
        return [*written, *own, *apart]
    if not own:
        working = [path for path in apart if _holds_work(path)]
        parts = [path for path in children if path not in apart and _holds_work(path)]
        if not working or (parts and len(working) < 2):
            return None
        one = len(apart) == 1 and (apart[0].is_dir() or apart[0].suffix.lower() == ".zip")
        return apart if one or len(apart) > 1 else None
    named = [path for path in own if names.question(path.name)]
    owners = {names.owner(path.name) for path in named} - {("", "")}
    nobodys = [path for path in named if names.owner(path.name) == ("", "")]
    if len(owners) > 1 or (owners and not nobodys and any(map(_holds_work, apart))):
        return [path for path in own if path not in nobodys] + apart
    if nobodys:  # beside folders that hold such scripts too: the template of a class
        filled = [p for p in apart if p.is_dir() and _holds_named_script(p)]
        return apart if len(filled) > 1 else None
    questions = [_question(path) for path in own]
    several = max(map(questions.count, questions)) > 1
    return own + apart if several or any(map(_holds_work, apart)) else None


def _submitters(folder):
    """{folder: (student, number)} where Gradescope says it."""
    path = folder / "submission_metadata.yml"
    if not _is_own(path):
        return {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return names.students(file.read(files.MAX_FILE))
    except OSError:
        return {}


def _is_own(path):
    """Whether a file is the student's: none of the system's, and no link."""
    return not path.name.startswith(".") and not os.path.islink(path) and os.path.isfile(path)


def _is_script(path):
    return path.suffix.lower() == ".py" and _is_own(path) and bool(_question(path))


def _holds_work(path):
    """Whether a folder's child is, or holds, a script of this homework or something packed."""
    if os.path.islink(path):
        return False
    if path.is_dir():
        return any(map(_holds_work, filter(_is_own, files.walk(path))))
    return path.suffix.lower() in ARCHIVES | {".ipynb"} or _is_script(path)


def _holds_named_script(folder):
    return any(names.question(path.name) and _is_own(path) for path in files.walk(folder))


def _unwanted(folder, children):
    """Of a folder's children those that are not copied; for shutil.copytree."""
    paths = {name: Path(folder) / name for name in children}
    return [
        name
        for name, path in paths.items()
        if os.path.islink(path)
        or (files.is_ignored(path) if os.path.isdir(path) else not os.path.isfile(path))
    ]


def _why_not(path):
    """Why a file is not judged, in a note."""
    if path.suffix.lower() == ".ipynb":
        return f"{path.name}: a notebook is not judged; save it as a .py"
    if path.suffix.lower() in ARCHIVES:
        return f"{path.name}: only zips are unpacked; unpack it first"
    return f"no script of this homework was found here, only {path.name}"


# ----------------------------------------------------------------------------------------------
# A submission's scripts


_read = functools.cache(script.read)


@functools.cache
def _question(path):
    """ "q1" or "q2" by a script's name, or else by the classes it defines; None if by neither."""
    if _question.cache_info().currsize > MAX_LOOKED_AT:
        raise utils.InputError(f"more than {MAX_LOOKED_AT:,} scripts: name a smaller folder")
    return names.question(path.name) or script.question_of(path)


def _choose(folder, scripts, notes):
    """{"q1": path, "q2": path} of a submission's scripts.

    By name, then by classes; then where least is unfilled, then the nearest. Tests, skeletons and
    old copies come last. Notes are added on scripts that were passed over.
    """

    def by_name(path):
        parts = path.relative_to(folder).parts
        return not names.question(path.name), names.is_behind(parts), len(parts)

    def rank(path):
        *first, depth = by_name(path)
        read = _read(path)
        return (
            *first,
            bool(read.error),
            read.unfilled,
            depth,
            path.name not in ("hw1-q1.py", "hw1-q2.py"),
            str(path),
        )

    chosen = {}
    for question in ("q1", "q2"):
        candidates = [path for path in scripts[:MAX_SCRIPTS] if _question(path) == question]
        candidates = sorted(candidates, key=by_name)[:MAX_COMPARED]
        if not candidates:
            continue
        best, *others = sorted(candidates, key=rank)
        chosen[question] = best
        others = [
            path.relative_to(folder)
            for path in others
            if names.question(path.name) and not names.is_behind(path.relative_to(folder).parts)
        ]
        for path in others[:MAX_NOTES]:
            notes.append(f"{path.as_posix()}: not judged, {best.relative_to(folder).as_posix()} is")
    return chosen


def _copy_with_imports(path, folder):
    """Copy a script and the modules beside it that it imports, and they import, to `folder`."""
    beside, waiting, seen = path.parent, [path], set()
    while waiting and len(seen) < MAX_SCRIPTS:
        path = waiting.pop()
        if path in seen or os.path.islink(path) or not os.path.isfile(path):
            continue
        seen.add(path)
        target = folder / path.relative_to(beside)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except OSError:
            target.touch()
        for name in _read(path).imports:
            waiting.append(beside / f"{name}.py")
            package = beside / name
            if package.is_dir() and not files.is_ignored(package):
                waiting += [p for p in files.walk(package) if p.suffix == ".py"]
