"""How an epoch is made of steps: one after the other, as it should be, or otherwise."""

import numpy as np

from checks import explain


def diverges(textbook, epoch):
    """Whether the textbook's weights become so large in an epoch that nothing can be compared."""
    end = explain.course(textbook, *epoch[:5])[-1]
    return not all(np.abs(value).max() < 1e9 for value in end.values())


def one_by_one(textbook, epoch):
    return explain.agree(epoch[5], explain.course(textbook, *epoch[:5])[-1], epoch[0])


def in_another_order(textbook, epoch):
    """Whether the steps were made in some order; for few examples only."""
    before, X, y, rate, penalty, after = epoch
    if len(X) > 7:
        return False

    def visit(weights, left):
        if not left:
            return explain.agree(after, weights, before)
        return any(
            visit(textbook.step(weights, X[i], int(y[i]), rate, penalty), left - {i}) for i in left
        )

    return visit(before, frozenset(range(len(X))))


def all_at_once(textbook, epoch):
    return explain.full_batch(textbook, *epoch) is not None


def only(choose):
    def agrees(textbook, epoch):
        before, X, y, rate, penalty, after = epoch
        return any(
            explain.agree(after, textbook.step(before, X[i], int(y[i]), rate, penalty), before)
            for i in choose(len(X))
        )

    return agrees


SCHEMES = {
    "": one_by_one,
    "first_only": only(lambda n: [0]),
    "one_sample_epoch": only(range),
    "full_batch": all_at_once,
    "own_shuffle": in_another_order,
}
