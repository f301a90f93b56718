"""What a checked proof prints: each claim in words, what was measured, and PASS or FAIL."""

import numpy as np


class Claims:
    """Prints each claim beside what was measured and counts those that fail; nan always fails."""

    def __init__(self):
        self.failed = 0

    def holds(self, claim, measured, holds):
        """The claim holds or not; `measured` says in a few words what was seen."""
        self.failed += not holds
        print(f"  {claim:<66} {measured:<24} {'PASS' if holds else 'FAIL'}")

    def within(self, claim, errors, tolerance):
        """The claim holds when the largest of the errors, an array or a number, is tolerable."""
        error = np.max(errors)
        self.holds(claim, f"largest error {error:.1e}", error <= tolerance)

    def at_least(self, claim, values, least):
        """The claim holds when the smallest of the values, gaps or margins, is `least` or more."""
        value = np.min(values)
        self.holds(claim, f"smallest {value:.4g}", value >= least)

    def none_wrong(self, claim, wrong, total):
        """The claim holds when none of `total` cases, at least one, went wrong."""
        self.holds(claim, f"{wrong} of {total} wrong", total > 0 and wrong == 0)


def relative_error(value, reference):
    """Largest |value - reference| / max(1, |reference|) over the entries."""
    return np.max(np.abs(value - reference) / np.maximum(1, np.abs(reference)))
