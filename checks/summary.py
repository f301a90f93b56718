"""What a class's results say together: how often each finding, and what is noted on all."""

from checks.parts import SEVERITIES


def counts(judged):
    """[(finding, number of submissions that have it)], mistakes first, the most frequent first."""
    findings, names = {}, {}
    for number, submission in enumerate(judged):
        for found in submission.parts.values():
            for finding in found["findings"]:
                findings.setdefault(finding["id"], finding)
                names.setdefault(finding["id"], set()).add(number)

    def rank(key):
        return list(SEVERITIES).index(findings[key]["severity"]), -len(names[key]), key

    return [(findings[key], len(names[key])) for key in sorted(findings, key=rank)]


def shared_notes(judged):
    """The notes that every submission with notes has, in the order of the first.

    Where any were run in the sandbox, what was not run (a damaged zip) is left aside.
    """
    noted = [submission.notes for submission in judged if submission.notes]
    ran = [notes for notes in noted if any(note.startswith("Sandbox: ") for note in notes)]
    noted = ran or noted
    if len(noted) < 2:
        return []
    return [note for note in noted[0] if all(note in notes for notes in noted)]
