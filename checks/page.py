"""What was found, as one self-contained page: the class at a glance, then each submission."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from checks.parts import PARTS, PASSING, SEVERITIES, VERDICTS
from checks.summary import counts, shared_notes

GLYPHS = {
    "correct": "✓",
    "convention": "≈",
    "fragile": "△",
    "mistake": "✗",
    "unknown": "?",
    "unfinished": "…",
    "absent": "–",
    "uncallable": "!",
}


def write(judged, points):
    """The page as a string; it requests nothing, and every text in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _with_code
    shown = [part for part in PARTS if any(part in each.parts for each in judged)]
    right = {
        part: sum(part in each.parts and each.parts[part]["verdict"] in PASSING for each in judged)
        for part in shown
    }
    return environment.get_template("class.html.jinja").render(
        judged=judged,
        parts=PARTS,
        shown=shown,
        right=right,
        passing=sum(submission.passes for submission in judged),
        verdicts={**VERDICTS, "mistake": "a mistake"},
        glyphs=GLYPHS,
        severities=SEVERITIES,
        counts=_counts_with_names(judged),
        shared_notes=shared_notes(judged),
        points={part: points[part] for part in shown},
        # A part that carries as many points as the others needs no mention of them.
        weighed=len(set(points.values())) > 1,
    )


def _with_code(text):
    """`text` escaped, with what stands in `backticks` as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # one that has no partner
        return Markup.escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else Markup.escape(piece)
        for number, piece in enumerate(pieces)
    )


def _counts_with_names(judged):
    """`summary.counts` with the submissions themselves, as their numbers on the page."""
    return [
        {
            "finding": finding,
            "number": number,
            "who": [
                index
                for index, submission in enumerate(judged)
                if any(
                    each["id"] == finding["id"]
                    for found in submission.parts.values()
                    for each in found["findings"]
                )
            ],
        }
        for finding, number in counts(judged)
    ]
