"""Whose a file or a folder is, by its name: as a course's platform writes it, or plainly."""

import re
import unicodedata

# hw1-q1.py, HW1_Q1.py, hw1 q1 (2).py, ada_hw1-q1.py, hw1-q1-ada.py
SCRIPT = re.compile(
    r"(?P<before>.*?)hw1[-_ ]?q(?P<question>[12])(?![0-9a-z])(?P<behind>.*)\.py", re.IGNORECASE
)
PLATFORMS = [  # a student's name, a number that tells namesakes apart, and the file's own name
    # Moodle: Ada Lovelace_101_assignsubmission_file_ (a folder), ..._file_hw1-q1.py (a file)
    r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)",
    # Blackboard: Homework 1_ada_attempt_2024-12-10-21-33-04_hw1-q1.py
    r".+_(?P<name>[^_]+)_attempt_(?P<number>)\d{4}(?:-\d\d){5}[_.](?P<file>.*)",
    # Canvas: lovelaceada_LATE_101_9001_hw1-q1.py; the second number is the file's
    r"(?P<name>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)",
]
# What students call the folders of one submission, and copies of a file.
PARTS = """
q question ex exercise part hw homework assignment project task lab code src source sources
script scripts python py solution solutions copy new final version v fixed done my lib utils fast
theory data dataset datasets plot plots figure figures image images picture pictures result
results output outputs report reports doc docs notebook notebooks log logs model models
experiments and of the for main numpy torch pytorch
"""
# The same, where nothing is looked for before the rest.
BEHIND = """
skeleton template starter handout given original old backup backups archive draft drafts
test tests benchmark benchmarks
"""
BEHIND = frozenset(BEHIND.split())
PARTS = BEHIND | frozenset(PARTS.split())


def printable(text):
    """`text` composed (NFC), without control characters, escapes and marks of direction."""
    composed = unicodedata.normalize("NFC", str(text))
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in composed)


def question(name):
    """ "q1" or "q2" of a script that is called after its question; None of any other."""
    named = SCRIPT.fullmatch(name)
    return f"q{named['question']}" if named else None


def on_platform(name):
    """(student, number, file) of a name that a platform wrote; None of any other."""
    for pattern in PLATFORMS:
        named = re.fullmatch(pattern, name)
        if named:
            return named["name"].strip(), named["number"], named["file"]
    return None


def owner(name, is_folder=False):
    """(student, number): whose a file or folder is; ("", "") for hw1-q1.py, which names nobody."""
    written = on_platform(name)
    if written:
        return written[:2]
    named = None if is_folder else SCRIPT.fullmatch(name)
    if named:
        around = [named[side].strip("-_ .()") for side in ("before", "behind")]
        return next((who for who in around if who and not is_part(who)), ""), ""
    return (name if is_folder else name.rpartition(".")[0] or name), ""


def is_part(name):
    """Whether a name is made of words like q1, code or final: a part of one submission."""
    words = re.findall(r"[^\W\d_]+|\d+", name.lower())
    numbered = re.compile(r"\d\d?|[a-d]")
    return any(word in PARTS for word in words) and all(
        word in PARTS or numbered.fullmatch(word) for word in words
    )


def is_behind(parts):
    """Whether a path's folders (their names) say that it is a copy, a skeleton or a test."""
    return any(word in BEHIND for part in parts for word in re.findall(r"[a-z]+", part.lower()))


def in_order(name):
    """The key that sorts names as people do: without regard to case and accents."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)), name


def make_differ(submissions):
    """Put behind the names of namesakes their platform's number, or else a count."""
    for alike in _namesakes(submissions):
        for each in alike:
            each.name += f" ({each.number})" if each.number else ""
    while namesakes := _namesakes(submissions):
        for alike in namesakes:
            for count, each in enumerate(alike[1:], 2):
                each.name += f" ({count})"


def _namesakes(submissions):
    called = {}
    for each in submissions:
        called.setdefault(each.name, []).append(each)
    return [alike for alike in called.values() if len(alike) > 1]


def students(metadata):
    """{folder: (student, number)} of the text of Gradescope's submission_metadata.yml."""
    found, folder = {}, None
    for line in metadata.splitlines():
        heading = re.fullmatch(r"['\"]?(submission_\d+)['\"]?:\s*", line)
        named = re.fullmatch(r"[\s-]+:name:\s*['\"]?(.*?)['\"]?\s*", line)
        if heading:
            folder = heading[1]
        elif named and folder:
            names = [found[folder][0]] if folder in found else []
            found[folder] = (", ".join([*names, named[1]]), folder.partition("_")[2])
    return found
