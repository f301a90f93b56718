"""What a class's results say together: how often each finding, and what is noted on all."""

from checks.parts import SEVERITIES


def counts(judged):
    """[(finding, numbers of the submissions that have it)], mistakes first, the frequent first."""
    findings, who = {}, {}
    for number, submission in enumerate(judged):
        for found in submission.parts.values():
            for finding in found["findings"]:
                findings.setdefault(finding["id"], finding)
                who.setdefault(finding["id"], {})[number] = True

    def rank(key):
        return list(SEVERITIES).index(findings[key]["severity"]), -len(who[key]), key

    return [(findings[key], list(who[key])) for key in sorted(findings, key=rank)]


def shared_notes(judged):
    """The notes that every submission with notes has, in the order of the first."""
    noted = [submission.notes for submission in judged if submission.notes]
    if len(noted) < 2:
        return []
    return [note for note in noted[0] if all(note in notes for notes in noted)]
