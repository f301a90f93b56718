"""What was found, as text for a terminal: the parts at a glance, then each part that needs attention."""

import textwrap

from checks.parts import PARTS, PASSING, SEVERITIES, VERDICTS
from checks.summary import counts, shared_notes

MIN_WIDTH, MAX_WIDTH = 24, 100
COLOURS = {"good": "32", "near": "33", "bad": "31", "none": "2", "strong": "1"}
TONES = {
    "correct": "good",
    "convention": "good",
    "fragile": "near",
    "mistake": "bad",
    "unknown": "bad",
    "unfinished": "near",
    "absent": "none",
    "uncallable": "bad",
}


def write(judged, width=80, colour=False):
    """The text for submissions that were judged: one in full, several each in a few lines."""
    page = _Page(max(MIN_WIDTH, min(width, MAX_WIDTH)), colour)
    if len(judged) == 1:
        _write_one(page, judged[0])
    else:
        _write_many(page, judged)
    return "\n".join(page.lines) + "\n"


def _write_one(page, submission):
    page.add(f"{page.in_colour('strong', submission.name)}  (edition {submission.edition})")
    page.add()
    _write_verdicts(page, submission)
    for parts, found in _alike(submission.parts):
        if found["findings"]:
            _write_part(page, ", ".join(PARTS[part][0] for part in parts), found)
    page.add()
    for note in submission.notes:
        page.wrap(note, "", tone="none")
    page.add()
    page.wrap(_last_line(submission))


def _alike(parts):
    """[(parts, what was found)]: parts that one cause left without a verdict of their own together."""
    groups = []
    for part, found in parts.items():
        if groups and found["verdict"] == "uncallable" and found == groups[-1][1]:
            groups[-1][0].append(part)
        else:
            groups.append(([part], found))
    return groups


def _write_verdicts(page, submission):
    wide = max(len(title) for title, _ in PARTS.values()) + 2
    for part, found in submission.parts.items():
        verdict = found["verdict"]
        words = "a mistake" if verdict == "mistake" else VERDICTS[verdict]
        if page.width < wide + 15:  # the verdict on a line of its own
            page.wrap(PARTS[part][0], "  ")
            page.wrap(words, "    ", tone=TONES[verdict])
            continue
        page.wrap(
            f"{PARTS[part][0]:{wide}}" + words,
            "  ",
            hanging=" " * wide,
            tone=TONES[verdict],
            tone_from=wide,
        )


def _write_part(page, title, found):
    page.add()
    page.rule(title)
    for finding in found["findings"]:
        page.add()
        tone = {"wrong": "bad", "fragile": "near", "deviation": "good"}[finding["severity"]]
        if found["verdict"] == "unfinished":
            tone = "near"
        page.wrap(f"{finding['title']} ({finding['id']})", tone=tone)
        page.wrap(finding["explanation"], "  ")
        if finding["hint"]:
            page.wrap(f"Hint: {finding['hint']}", "  ", hanging="      ")
        if finding["certificate"] and finding["certificate"]["text"]:
            page.add()
            for line in finding["certificate"]["text"].strip("\n").split("\n"):
                page.add(f"    {line}".rstrip())


def _last_line(submission):
    verdicts = [found["verdict"] for found in submission.parts.values()]
    passing = sum(verdict in PASSING for verdict in verdicts)
    total = len(verdicts)
    if passing == total:
        fragile = verdicts.count("fragile")
        if fragile:
            return f"All {total} parts compute what they should; {fragile} may be made sturdier."
        return f"All {total} parts compute what they should." if total > 1 else "It is correct."
    if set(verdicts) == {"absent"}:
        return "Nothing was judged."
    if not passing and set(verdicts) <= {"unfinished", "absent"}:
        return "Nothing is filled in yet. Come back when a part is: each is judged by itself."
    if not passing and total == 1:
        return "Not there yet."
    return f"{passing} of {total} parts compute what they should."


def _write_many(page, judged):
    for submission in judged:
        page.add(page.in_colour("strong", submission.name))
        _write_verdicts_briefly(page, submission)
        for note in submission.notes:
            if note not in shared_notes(judged):
                page.wrap(note, "  ", tone="none")
        page.add()
    page.rule("How often")
    page.add()
    severity = None
    for finding, number in counts(judged):
        if finding["severity"] != severity:
            severity = finding["severity"]
            page.add(SEVERITIES[severity])
        page.wrap(f"{number:>4}  {finding['title']} ({finding['id']})", hanging=" " * 6)
    page.add()
    passing = sum(submission.passes for submission in judged)
    page.wrap(
        f"{len(judged)} submissions, {passing} with every part right. One alone is shown in full; "
        "-format html is the class as a page."
    )
    for note in shared_notes(judged):
        page.wrap(note, tone="none")


def _write_verdicts_briefly(page, submission):
    """Lines of the parts that have the same verdict and findings, together."""
    alike = {}
    for part, found in submission.parts.items():
        ids = ", ".join(finding["id"] for finding in found["findings"])
        alike.setdefault((found["verdict"], ids), []).append(part)
    for (verdict, ids), parts in alike.items():
        words = verdict if not ids else f"{verdict} ({ids})"
        tone = TONES[verdict]
        start = f"{', '.join(parts)}: "
        page.wrap(start + words, "  ", hanging="    ", tone=tone, tone_from=len(start))


class _Page:
    """Lines of a width, in colour or not."""

    def __init__(self, width, colour):
        self.width, self.colour, self.lines = width, colour, []

    def in_colour(self, tone, text):
        return f"\033[{COLOURS[tone]}m{text}\033[0m" if self.colour and tone and text else text

    def add(self, line=""):
        if line or (self.lines and self.lines[-1]):  # no two empty lines
            self.lines.append(line)

    def rule(self, title):
        if len(title) > self.width - 8:
            return self.wrap(f"-- {title}", hanging="   ", tone="strong")
        rest = "-" * max(4, self.width - len(title) - 4)
        self.add(self.in_colour("none", "-- ") + self.in_colour("strong", title) + " "
                 + self.in_colour("none", rest))  # fmt: skip

    def wrap(self, text, indent="", hanging="", tone=None, tone_from=0):
        """Add a text in lines; in the colour of `tone`, from its character `tone_from` on."""
        for paragraph in text.split("\n"):
            lines = textwrap.wrap(
                paragraph,
                self.width,
                initial_indent=indent,
                subsequent_indent=indent + hanging,
                break_on_hyphens=False,
                break_long_words=False,
            )
            for number, line in enumerate(lines):
                start = len(indent) + (tone_from if number == 0 else len(hanging))
                self.add(line[:start] + self.in_colour(tone, line[start:]))
