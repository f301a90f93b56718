"""Question 3: the theory of the homework, checked by running it (NumPy only).

    python hw1-q3.py quadratic -D 5 -K 8        edition 2024-25: a network with activation z(1 - z)
    python hw1-q3.py interval -D 6 -A -2 -B 3   edition 2023-24: is the sum of the inputs in [A, B]?

Every claim is checked over many seeded draws and printed with its largest error and PASS or FAIL.
The exit status is 1 when a claim fails. Figures go to plots/. The first half of the file is
`quadratic`, the second `interval`; each reads from top to bottom as its proof would.
"""

import functools
import itertools
import math
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

import utils


class Claims:
    """Prints each claim beside its largest error, and counts those that fail."""

    def __init__(self):
        self.failed = 0

    def _print(self, claim, measured, passed):
        self.failed += not passed
        print(f"  {claim:<66} {measured:<24} {'PASS' if passed else 'FAIL'}")

    def within(self, claim, error, tolerance):
        """The claim holds when its largest error is at most `tolerance`; nan fails."""
        self._print(claim, f"largest error {error:.1e}", bool(error <= tolerance))

    def at_least(self, claim, value, least):
        """The claim holds when the value, a gap or a margin, is `least` or more; nan fails."""
        self._print(claim, f"{value:.4g} >= {least:g}", bool(value >= least))

    def none_wrong(self, claim, wrong, total):
        """The claim holds when none of `total` cases, at least one, went wrong."""
        self._print(claim, f"{wrong} of {total} wrong", total > 0 and wrong == 0)


def largest(*errors):
    """The largest of some numbers; nan if one is (Python's max would lose it)."""
    return float(np.max(errors))


def relative_error(value, reference):
    """Largest |value - reference| / max(1, |reference|) over the entries."""
    return float(np.max(np.abs(value - reference) / np.maximum(1, np.abs(reference))))


# ------------------------------------------------------------------------------------------------
# quadratic: y = v0 + v^T h, h = g(W x + b), g(z) = z (1 - z)
# ------------------------------------------------------------------------------------------------

MAX_D, MAX_K = 30, 200  # 496 features and a K x 496 matrix A_Theta: seconds, not gigabytes
MAX_ENTRIES = 10**7  # of the regression's X, 80 MB
EPSILON = 1e-6  # how near a c with singular M is reached; float64 allows little below 1e-7


class Theta(NamedTuple):
    """The network's parameters: D inputs, K hidden units, one linear output."""

    W: np.ndarray  # (K, D)
    b: np.ndarray  # (K,)
    v: np.ndarray  # (K,)
    v0: np.ndarray  # ()


def random_theta(D, K, rng):
    """All parameters from N(0, 1)."""
    return Theta(
        rng.normal(size=(K, D)), rng.normal(size=K), rng.normal(size=K), np.asarray(rng.normal())
    )


def hidden(X, theta):
    """h = g(W x + b) with g(z) = z (1 - z), for X of shape (n, D); returns (n, K)."""
    z = X @ theta.W.T + theta.b
    return z * (1 - z)


def network(X, theta):
    """y = v0 + v^T h for each row of X, shape (n, D); returns (n,)."""
    return hidden(X, theta) @ theta.v + theta.v0


# 3.1  h is linear in a fixed feature map phi(x).


def n_features(D):
    """1 constant, D inputs, D (D + 1) / 2 products: (D + 1)(D + 2) / 2."""
    return (D + 1) * (D + 2) // 2


@functools.cache
def upper_triangle(D):
    """(i, j) of the entries of a (D, D) matrix with i <= j, row by row."""
    return np.triu_indices(D)


def vech(S):
    """The upper triangle of S, shape (..., D, D), row by row; returns (..., D (D + 1) / 2)."""
    i, j = upper_triangle(S.shape[-1])
    return S[..., i, j]


def unvech(s, D):
    """The symmetric (D, D) matrix whose vech is s, shape (D (D + 1) / 2,)."""
    i, j = upper_triangle(D)
    S = np.empty((D, D))
    S[i, j] = S[j, i] = s
    return S


def phi(X):
    """phi(x) = (1, x_1 .. x_D, x_1^2, 2 x_1 x_2, .., x_D^2): X of shape (n, D) to (n, features).

    The products of different inputs are doubled, so that vech(S) . phi_3(x) = x^T S x for a
    symmetric S, and the third block of A_Theta below is a plain vech.
    """
    n, D = X.shape
    i, j = upper_triangle(D)
    products = X[:, i] * X[:, j] * np.where(i == j, 1, 2)
    return np.hstack([np.ones((n, 1)), X, products])


def A_Theta(theta):
    """The (K, features) matrix with h = A_Theta phi(x).

    Row k, from z (1 - z) with z = w^T x + b:  (b - b^2,  (1 - 2b) w^T,  -vech(w w^T)).
    """
    W, b = theta.W, theta.b
    constant = (b - b**2)[:, None]
    linear = (1 - 2 * b)[:, None] * W
    quadratic = -vech(W[:, :, None] * W[:, None, :])
    return np.hstack([constant, linear, quadratic])


# 3.2  y is linear in phi(x), through c_Theta; c_Theta is not linear in Theta.


def c_Theta(theta):
    """c_Theta = A_Theta^T v + v0 e_1, shape (features,), so that y = c_Theta^T phi(x)."""
    c = A_Theta(theta).T @ theta.v
    c[0] += theta.v0
    return c


# 3.3  From c back to Theta. With V = Diag(v), the three blocks of c_Theta are
#          c1 = v0 + sum_k v_k b_k (1 - b_k),    c2 = W^T V (1 - 2b),    c3 = -vech(W^T V W).


def split(c, D):
    """The blocks of c: c1 a number, c2 of shape (D,), c3 of shape (D (D + 1) / 2,)."""
    return c[0], c[1 : D + 1], c[D + 1 :]


def matrix_of(c3, D):
    """M = W^T Diag(v) W, shape (D, D), from c3 = -vech(M).

    The sign is where the handout slips: each row of A_Theta carries -w_i w_j, and the procedure
    it prints goes on as if that minus were not there (see `matrix_as_printed`).
    """
    return -unvech(c3, D)


def matrix_as_printed(c3, D):
    """The handout's M, kept to measure by how much it misses: c3 taken as +vech(M)."""
    return unvech(c3, D)


def recover_theta(c, D, K, epsilon=EPSILON, matrix=None):
    """Parameters Theta with ||c_Theta - c|| <= epsilon; needs K >= D for an arbitrary c.

    M = Q Diag(lambda) Q^T gives a unit to each eigenvector, w_k = q_k and v_k = lambda_k. Then
    c2 = sum_k lambda_k (1 - 2 b_k) q_k fixes 1 - 2 b_k = q_k^T c2 / lambda_k, and c1 fixes v0.
    Where |lambda_k| < epsilon / (2 sqrt(D)) the division is impossible or ill-conditioned, and
    that eigenvalue is moved there, its sign kept: M moves by at most epsilon / 2.
    With K > D the further units are zero. With K < D only the K eigenvalues of largest modulus
    have a unit, and c is reached only if rank [c2 | M] <= K (see below).
    """
    c1, c2, c3 = split(c, D)
    eigenvalues, Q = np.linalg.eigh((matrix or matrix_of)(c3, D))
    kept = np.argsort(-np.abs(eigenvalues))[:K]
    least = epsilon / (2 * math.sqrt(D))
    moved = np.copysign(np.maximum(np.abs(eigenvalues[kept]), least), eigenvalues[kept])

    W, b, v = np.zeros((K, D)), np.zeros(K), np.zeros(K)
    used = len(kept)
    W[:used] = Q[:, kept].T
    v[:used] = moved
    b[:used] = (1 - W[:used] @ c2 / moved) / 2
    return Theta(W, b, v, np.asarray(c1 - np.sum(v * b * (1 - b))))


# 3.3, K < D: the obstruction. W has K rows; M and c2 both lie in their span, so
#          rank [c2 | M] <= K,
# and every such c is reached or approached (3.3 inside the span); c1 is free through v0.
# Distances are taken in the norm ||c||_F^2 = c1^2 + ||c2||^2 + ||M||_F^2, which does not depend on
# the axes of x. The plain norm of c counts a pair M_ij = M_ji once, not twice, hence
#          ||c||_F / sqrt(2) <= ||c|| <= ||c||_F.


def rank_matrix(c, D):
    """[c2 | M], shape (D, D + 1): its rank is at most K when K units reach c."""
    _, c2, c3 = split(c, D)
    return np.column_stack([c2, matrix_of(c3, D)])


def frobenius_norm(c, D):
    """||c||_F, the norm above."""
    c1, c2, c3 = split(c, D)
    return math.sqrt(c1**2 + c2 @ c2 + np.sum(matrix_of(c3, D) ** 2))


def distance_bounds(c, D, K):
    """Lower bounds on the distance from c to what K units reach: (in ||.||_F, in the plain norm).

    Eckart-Young: a matrix is at sqrt(sum_{i > K} sigma_i^2) from those of rank K. For ||.||_F the
    matrix is [c2 | M]; for the plain norm [c2 | M / sqrt(2)], whose norm is never above it. They
    are bounds, and not the distance, because the nearest [c2 | M] need not have a symmetric M.
    """

    def tail(matrix):
        singular = np.linalg.svd(matrix, compute_uv=False)
        return float(np.sqrt(np.sum(singular[K:] ** 2)))

    G = rank_matrix(c, D)
    return tail(G), tail(G / np.r_[1, np.full(D, math.sqrt(2))])


def best_span(c2, M, U, iterations=5000):
    """The rank-K projection P, (D, D), reached from the span of U, (D, K), by raising

        value(P) = c2^T P c2 + ||P M P||_F^2.

    value(P) + mu ||P||_F^2 is convex when mu is large enough, and ||P||_F^2 = K is constant, so
    taking for P the top K eigenvectors of the gradient c2 c2^T + 2 M P M + 2 mu P cannot lower
    the value. A smaller mu takes longer steps: it starts small, and doubles when a step fails.
    """
    extremes = np.linalg.eigvalsh(M)[[0, -1]]
    largest_mu = max(0.0, -extremes[0] * extremes[1])
    mu = largest_mu / 256

    def value(P):
        return c2 @ P @ c2 + np.sum((P @ M @ P) ** 2)

    P = U @ U.T
    for _ in range(iterations):
        gradient = np.outer(c2, c2) + 2 * M @ P @ M + 2 * mu * P
        U = np.linalg.eigh(gradient)[1][:, -U.shape[1] :]
        candidate = U @ U.T
        if value(candidate) < value(P) and mu < largest_mu:
            mu = min(2 * mu, largest_mu)
            continue
        change, P = np.max(np.abs(candidate - P)), candidate
        if change < 1e-9:
            break
        mu /= 1.2
    return P


def nearest_reachable(c, D, K, rng, starts=20):
    """The c nearest to the given one, in ||.||_F, among those that K < D units approach.

    For the span's projection P the nearest is (c1, P c2, P M P), at the distance whose square is
    ||c2||^2 + ||M||_F^2 - value(P): see `best_span`. It is started from the eigenvectors of M of
    largest modulus (exact when c2 lies in their span: Eckart-Young for a symmetric M), from the
    singular vectors of [c2 | M], and from random spans; the best is kept. The problem is not
    convex, so this is the nearest *found*: `distance_bounds` says how much nearer one could be.
    """
    c1, c2, c3 = split(c, D)
    M = matrix_of(c3, D)
    eigenvalues, Q = np.linalg.eigh(M)
    bases = [
        Q[:, np.argsort(-np.abs(eigenvalues))[:K]],
        np.linalg.svd(rank_matrix(c, D))[0][:, :K],
        *(np.linalg.qr(rng.normal(size=(D, K)))[0] for _ in range(starts)),
    ]
    projections = (best_span(c2, M, U) for U in bases)
    candidates = [np.concatenate([[c1], P @ c2, -vech(P @ M @ P)]) for P in projections]
    return min(candidates, key=lambda near: frobenius_norm(near - c, D))


# 3.4  Least squares: linear in c, so it has a closed form; in Theta it takes a descent.


def closed_form(X, y):
    """c = (X^T X)^-1 X^T y for X of shape (N, features) of full column rank."""
    return np.linalg.solve(X.T @ X, X.T @ y)


def fit(X, y):
    """The least-squares c and the rank of X, shape (N, features).

    Full column rank: the closed form. Otherwise X^T X is singular, infinitely many c share the
    smallest loss, and the one of smallest norm is returned, from the SVD of X (lstsq).
    """
    rank = int(np.linalg.matrix_rank(X))
    if rank == X.shape[1]:
        return closed_form(X, y), rank
    return np.linalg.lstsq(X, y, rcond=None)[0], rank


def mean_squared_error(prediction, y):
    return float(np.mean((prediction - y) ** 2))


def regression_loss(X, y, theta):
    """Mean squared error of the network and its gradient, a Theta: backpropagation."""
    z = X @ theta.W.T + theta.b
    h = z * (1 - z)
    error = h @ theta.v + theta.v0 - y
    d_output = 2 * error / len(y)
    d_z = d_output[:, None] * theta.v * (1 - 2 * z)
    gradient = Theta(d_z.T @ X, d_z.sum(axis=0), h.T @ d_output, d_output.sum())
    return float(np.mean(error**2)), gradient


def distance_loss(c, theta, plain=False):
    """Half the squared distance of c_Theta from c and its gradient, a Theta.

    In ||.||_F, or in the plain norm, which is ||c3||^2 = (||M||_F^2 + ||diag M||^2) / 2.
    """
    W, b, v, _ = theta
    D = W.shape[1]
    r1, r2, r3 = split(c_Theta(theta) - c, D)
    R = matrix_of(r3, D)
    d_M = (R + np.diag(np.diag(R))) / 2 if plain else R
    loss = (r1**2 + r2 @ r2 + np.sum(R * d_M)) / 2
    slope, W_d_M = 1 - 2 * b, W @ d_M
    d_W = (v * slope)[:, None] * r2 + 2 * v[:, None] * W_d_M
    d_b = r1 * v * slope - 2 * v * (W @ r2)
    d_v = r1 * b * (1 - b) + slope * (W @ r2) + np.sum(W_d_M * W, axis=1)
    return float(loss), Theta(d_W, d_b, d_v, np.asarray(r1))


def descend(loss_and_gradient, theta, steps):
    """Gradient descent on Theta, each step as long as it still lowers the loss enough (Armijo).

    Returns the last Theta and the losses, shape (steps + 1,) or shorter when no step helps.
    """
    loss, gradient = loss_and_gradient(theta)
    losses, rate = [loss], 0.1
    for _ in range(steps):
        squared_norm = sum(np.sum(g**2) for g in gradient)
        while rate > 1e-20:
            candidate = Theta(*(p - rate * g for p, g in zip(theta, gradient, strict=True)))
            candidate_loss, candidate_gradient = loss_and_gradient(candidate)
            if candidate_loss <= loss - rate * squared_norm / 2:
                break
            rate /= 2
        else:
            break  # at rounding: no step is short enough
        theta, loss, gradient = candidate, candidate_loss, candidate_gradient
        losses.append(loss)
        rate *= 1.5
    return theta, np.array(losses)


# The checks, in the order of the questions.


def check_linear_in_features(D, K, draws, rng, claims):
    """3.1 and 3.2: h = A_Theta phi(x), y = c_Theta^T phi(x), and no linearity in Theta."""
    h_error = y_error = 0.0
    for _ in range(draws):
        theta, X = random_theta(D, K, rng), rng.normal(size=(4, D))
        h_error = largest(h_error, relative_error(phi(X) @ A_Theta(theta).T, hidden(X, theta)))
        y_error = largest(y_error, relative_error(phi(X) @ c_Theta(theta), network(X, theta)))
    print(f"3.1-3.2  phi(x) has (D+1)(D+2)/2 = {n_features(D)} entries")
    claims.within("h = A_Theta phi(x)", h_error, 1e-10)
    claims.within("y = c_Theta^T phi(x),  c_Theta = A_Theta^T v + v0 e1", y_error, 1e-10)

    e1 = np.eye(1, D)
    theta = Theta(np.eye(K, D), np.zeros(K), np.eye(1, K)[0], np.asarray(0.0))
    doubled = Theta(*(2 * parameter for parameter in theta))
    y, y_doubled = network(e1, theta)[0], network(e1, doubled)[0]
    claims.at_least(
        "y is not linear in Theta: y(2 Theta) is not 2 y(Theta)", abs(y_doubled - 2 * y), 1
    )
    print(
        "    counterexample: w_1 = e1, v = e1, b = 0, v0 = 0 at x = e1: "
        f"y(Theta) = {y:g}, y(2 Theta) = {y_doubled:g}"
    )


def singular_target(D, rng):
    """A random c whose M has a random rank below D, while c2 points anywhere."""
    rank = rng.integers(0, D)
    Q = np.linalg.qr(rng.normal(size=(D, D)))[0][:, :rank]
    M = Q @ np.diag(rng.normal(size=rank)) @ Q.T
    return np.concatenate([rng.normal(size=1 + D), -vech((M + M.T) / 2)])


def check_recovery(D, K, draws, rng, claims):
    """3.3 with K >= D: any c is c_Theta for some Theta, to within epsilon when M is singular."""
    print(f"3.3  from c back to Theta, K = {K} >= D = {D}")
    c_error = y_error = singular_error = 0.0
    for _ in range(draws):
        c, X = rng.normal(size=n_features(D)), rng.normal(size=(4, D))
        theta = recover_theta(c, D, K)
        c_error = largest(c_error, np.linalg.norm(c_Theta(theta) - c))
        y_error = largest(y_error, relative_error(network(X, theta), phi(X) @ c))
        c = singular_target(D, rng)
        singular_error = largest(
            singular_error, np.linalg.norm(c_Theta(recover_theta(c, D, K)) - c)
        )
    claims.within("any c: ||c_Theta - c||", c_error, EPSILON)
    claims.within("any c: the recovered network is c^T phi(x)", y_error, 10 * EPSILON)
    claims.within(f"M singular: ||c_Theta - c||, epsilon = {EPSILON:g}", singular_error, EPSILON)


def check_slip_of_sign(draws, rng, claims):
    """3.3 as the handout prints it, against the procedure with the sign mended, D = 4, K = 6.

    Both start from c_Theta of a random Theta. The printed one reaches -c3 in place of c3.
    """
    D, K = 4, 6
    printed, corrected, slip_error = [], [], 0.0
    for _ in range(draws):
        c = c_Theta(random_theta(D, K, rng))
        as_printed = c_Theta(recover_theta(c, D, K, matrix=matrix_as_printed))
        mended = c_Theta(recover_theta(c, D, K))
        printed.append(np.linalg.norm(as_printed - c))
        corrected.append(np.linalg.norm(mended - c))
        _, _, c3 = split(c, D)
        slip_error = largest(slip_error, abs(printed[-1] - 2 * np.linalg.norm(c3)))
    print("3.3  the handout's slip of sign: a_i carries -w_i w_j, so c3 = -vech(W^T Diag(v) W)")
    claims.within(f"D = {D}, K = {K}, corrected: ||c_Theta - c||", largest(*corrected), EPSILON)
    claims.at_least(f"D = {D}, K = {K}, as printed: ||c_Theta - c||", np.min(printed), 0.01)
    claims.within("as printed it reaches -c3, and so misses by 2 ||c3||", slip_error, EPSILON)
    print(
        f"    printed: misses by {np.mean(printed):.1f} on average, {max(printed):.1f} at most;"
        f" corrected: by {np.mean(corrected):.1e} on average"
    )


class Distances(NamedTuple):
    """How near K units come to one c, each found in a way of its own."""

    K: int
    bound: float  # in ||.||_F, no Theta is nearer
    nearest: float  # the distance of nearest_reachable's c
    reached: float  # that of the Theta recovered from it
    descended: float  # that of the best Theta by gradient descent or at random
    plain_bound: float  # in the plain norm, no Theta is nearer
    plain: float  # descent in the plain norm, from the nearest


def distances(c, D, K, draws, steps, rng):
    """The `Distances` of c from what K < D units reach."""
    bound, plain_bound = distance_bounds(c, D, K)
    near = nearest_reachable(c, D, K, rng)
    theta_near = recover_theta(near, D, K)
    nudged = Theta(*(p + 0.01 * rng.normal(size=p.shape) for p in theta_near))

    def descent(start, plain=False):
        _, losses = descend(lambda theta: distance_loss(c, theta, plain), start, steps)
        return math.sqrt(2 * losses[-1])

    def distance(theta):
        return frobenius_norm(c_Theta(theta) - c, D)

    starts = [nudged, *(random_theta(D, K, rng) for _ in range(3))]
    return Distances(
        K,
        bound,
        nearest=frobenius_norm(near - c, D),
        reached=distance(theta_near),
        descended=min(
            *(descent(start) for start in starts),
            *(distance(random_theta(D, K, rng)) for _ in range(draws)),
        ),
        plain_bound=plain_bound,
        plain=descent(theta_near, plain=True),
    )


def check_rank(D, most, draws, rng, claims):
    """3.3 with 1 to `most` < D units: the rank of [c2 | M], and M's truncation where c2 = 0."""
    excess = truncation_error = 0.0
    for _ in range(draws):
        K = rng.integers(1, most + 1)
        singular = np.linalg.svd(rank_matrix(c_Theta(random_theta(D, K, rng)), D))[1]
        excess = largest(excess, singular[K] / singular[0])

        c = rng.normal(size=n_features(D))
        c[1 : D + 1] = 0
        reached = frobenius_norm(c_Theta(recover_theta(c, D, K)) - c, D)
        truncation_error = largest(truncation_error, abs(reached - distance_bounds(c, D, K)[0]))
    claims.within(
        f"K = 1..{most}: sigma_K+1 / sigma_1 of [c2 | M] at a random Theta", excess, 1e-10
    )
    claims.within(
        "c2 = 0: M cut to rank K is at the Eckart-Young distance", truncation_error, 10 * EPSILON
    )


def check_obstruction(D, K, draws, steps, rng, claims):
    """3.3 with fewer than D units: the rank of [c2 | M], and how near an arbitrary c they come.

    Returns the `Distances` for up to seven numbers of units, K among them if below D.
    """
    if D == 1:
        print("3.3  fewer units than inputs: with D = 1 there is no such K")
        return []
    print("3.3  fewer units than inputs: rank [c2 | M] <= K, and most c are out of reach")
    most = min(K, D - 1)
    check_rank(D, most, draws, rng, claims)

    c = rng.normal(size=n_features(D))
    print("  one c ~ N(0, I): its distance from what K units reach")
    print("     K   ||.||_F: at least   nearest found   by descent   plain norm: at least   found")
    rows = []
    for units in sorted({*np.linspace(1, D - 1, min(D - 1, 6)).astype(int).tolist(), most}):
        row = distances(c, D, units, draws, steps, rng)
        print(
            f"  {units:4d}   {row.bound:17.4f}   {row.nearest:13.4f}   {row.descended:10.4f}"
            f"   {row.plain_bound:20.4f}   {row.plain:5.4f}"
        )
        rows.append(row)
    below_bound = largest(
        0,
        *(row.bound - row.nearest for row in rows),
        *(row.bound - row.descended for row in rows),
        *(row.plain_bound - row.plain for row in rows),
    )
    claims.within("no Theta found is nearer than the lower bounds", below_bound, 1e-9)
    not_reached = largest(*(abs(row.reached - row.nearest) for row in rows))
    claims.within("the nearest c is reached by a Theta", not_reached, 10 * EPSILON)
    below_nearest = largest(0, *(row.nearest - row.descended for row in rows))
    claims.within("no random or descended Theta is nearer", below_nearest, 10 * EPSILON)
    return rows


def regression_data(N, D, rng):
    """Inputs from N(0, I), y = c^T phi(x) + noise of deviation 1/2: the X, phi(X) and y."""
    X = rng.normal(size=(N, D))
    features = phi(X)
    return X, features, features @ rng.normal(size=n_features(D)) + rng.normal(size=N) / 2


def check_closed_form(D, N, draws, rng, claims):
    """3.4: (X^T X)^-1 X^T y against a least-squares solver, on full-rank data."""
    F = n_features(D)
    N_full = max(N, 2 * F)  # 2F random examples: well away from a deficient rank
    data_sets = max(1, min(draws, 4 * 10**8 // (N_full * F * F)))
    c_error = loss_error = 0.0
    for _ in range(data_sets):
        _, X, y = regression_data(N_full, D, rng)
        c, reference = closed_form(X, y), np.linalg.lstsq(X, y, rcond=None)[0]
        c_error = largest(c_error, relative_error(c, reference))
        loss_error = largest(
            loss_error, abs(mean_squared_error(X @ c, y) - mean_squared_error(X @ reference, y))
        )
    print(f"3.4  least squares on X of {N_full} examples by {F} features, {data_sets} data sets")
    claims.within("(X^T X)^-1 X^T y is the solver's c", c_error, 1e-8)
    claims.within("and has its loss", loss_error, 1e-10)


def deficient_inputs(D, rng):
    """Three ways for X to lose rank: (what, inputs of shape (N, D))."""
    F = n_features(D)
    distinct = rng.normal(size=(max(1, F // 2), D))
    return [
        ("fewer examples than features", rng.normal(size=(F - 1, D))),
        ("repeated examples", distinct[rng.integers(0, len(distinct), size=2 * F)]),
        ("inputs of -1 and 1, so x_i^2 = 1", rng.choice([-1.0, 1.0], size=(4 * F, D))),
    ]


def check_rank_deficient(D, rng, claims):
    """3.4 without full rank: what the closed form does there, and what is right instead."""
    F = n_features(D)
    print("3.4  X of deficient rank: X^T X has no inverse; c is taken of minimum norm")
    for what, inputs in deficient_inputs(D, rng):
        X = phi(inputs)
        y = rng.normal(size=len(X))
        c, rank = fit(X, y)
        best = mean_squared_error(X @ c, y)
        # Least squares: the residual is orthogonal to X's columns. Shortest: c has no part in
        # X's null space, along which the loss does not change.
        null_space = np.linalg.svd(X, full_matrices=len(X) < F)[2][rank:]
        normal_equations = np.max(np.abs(X.T @ (X @ c - y)), initial=0)
        in_null_space = np.max(np.abs(null_space @ c), initial=0)
        shifted = mean_squared_error(X @ (c + null_space.sum(axis=0)), y)
        error = largest(normal_equations, in_null_space, abs(shifted - best))
        claims.within(f"{what}: N = {len(X)}, rank {rank} < {F}", error, 1e-8)
        claims.at_least("  c is not unique: another c of the same loss", len(null_space) ** 0.5, 1)
        try:
            naive = closed_form(X, y)
            outcome = (
                f"gives ||c|| = {np.linalg.norm(naive):.3g} with loss"
                f" {mean_squared_error(X @ naive, y):.4g}"
            )
        except np.linalg.LinAlgError:
            outcome = "stops: singular matrix"
        print(
            f"    minimum norm: ||c|| = {np.linalg.norm(c):.3g} with loss {best:.4g};"
            f" the closed form {outcome}"
        )


def check_descent(D, K, N, steps, rng, claims):
    """3.4: gradient descent on Theta ends at the closed form's loss or above it.

    Returns the smallest loss and, for K units and for one, the loss curves of five starts.
    """
    inputs, X, y = regression_data(N, D, rng)
    c, rank = fit(X, y)
    smallest = mean_squared_error(X @ c, y)
    F = n_features(D)
    print(f"3.4  gradient descent on Theta, {N} examples, {steps} steps from 5 starts")
    if rank < F:
        print(f"    X has rank {rank} < {F}: no closed form, the loss is that of lstsq's c")
    print(f"    smallest loss of any c: {smallest:.6f}")
    curves, below = {}, 0.0
    for units in sorted({1, K}, reverse=True):
        curves[units] = []
        for _ in range(5):
            W, b, v, v0 = random_theta(D, units, rng)
            start = Theta(W / math.sqrt(D), b / 2, v / math.sqrt(units), v0)
            curves[units].append(descend(lambda t: regression_loss(inputs, y, t), start, steps)[1])
        last = [losses[-1] for losses in curves[units]]
        below = largest(below, *(smallest - loss for loss in last))
        print(f"    K = {units}: descent ends at {', '.join(f'{loss:.6f}' for loss in last)}")
    claims.within("no descent goes below it", below, 1e-10)
    return smallest, curves


def plot_descent(D, smallest, curves, show):
    """The loss against steps, and its excess over least squares' loss, on logarithmic axes."""
    figure = utils.new_figure((10, 4.2), show=show)
    loss_axes, excess_axes = figure.subplots(1, 2)
    for colour, (units, runs) in zip(("tab:blue", "tab:orange"), curves.items(), strict=False):
        for run, losses in enumerate(runs):
            label = f"K = {units}" if run == 0 else None
            steps = np.arange(1, len(losses) + 1)
            loss_axes.plot(steps, losses, colour, alpha=0.7, label=label)
            excess_axes.plot(
                steps, np.maximum(losses - smallest, 1e-12), colour, alpha=0.7, label=label
            )
    loss_axes.axhline(max(smallest, 1e-12), color="black", linestyle="--", label="least squares")
    loss_axes.set(xscale="log", yscale="log", ylabel="mean squared error", title="Loss")
    excess_axes.set(
        xscale="log",
        yscale="log",
        ylabel="loss - least squares' loss, from 1e-12",
        title="Excess loss",
    )
    for axes in (loss_axes, excess_axes):
        axes.set_xlabel("step of gradient descent (the start is 1)")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(
        f"Gradient descent on Theta against least squares in c, D = {D}, five starts each"
    )
    return figure


def plot_obstruction(D, rows, show):
    """The distance from one random c to what K units reach, against K."""
    units = [row.K for row in rows]
    figure = utils.new_figure((6, 4.2), show=show)
    axes = figure.subplots()
    for distance, style, label in (
        ("nearest", "o-", "nearest reachable found"),
        ("bound", "k--", "lower bound (Eckart-Young)"),
    ):
        values = [getattr(row, distance) for row in rows]
        axes.plot([*units, D], [*values, 0], style, label=label)
    axes.plot(
        units, [row.descended for row in rows], "x", markersize=9, label="best gradient descent"
    )
    axes.set(
        xlabel="hidden units K",
        ylabel=r"distance $\|c_\Theta - c\|_F$",
        title=f"With K < D = {D} units most c are out of reach",
    )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def quadratic(args):
    """Question 3 of 2024-25; returns how many claims failed."""
    D, K = args.D, args.K
    require("-D", D, 1, MAX_D)
    require("-K", K, 1, MAX_K)
    require("-steps", args.steps, 1, 10**6)
    F = n_features(D)
    N = 4 * F if args.examples is None else args.examples
    require("-examples", N, 1, MAX_ENTRIES // F)
    utils.make_plots_folder(args.plots_dir)

    rng = np.random.default_rng(args.seed)
    claims = Claims()
    print(f"y = v0 + v^T g(W x + b), g(z) = z(1 - z), D = {D}, K = {K}")
    print(f"{args.draws} draws, seed {args.seed}")
    check_linear_in_features(D, K, args.draws, rng, claims)
    if K >= D:
        check_recovery(D, K, args.draws, rng, claims)
    check_slip_of_sign(args.draws, rng, claims)
    rows = check_obstruction(D, K, args.draws, args.steps, rng, claims)
    check_closed_form(D, N, args.draws, rng, claims)
    check_rank_deficient(D, rng, claims)
    smallest, curves = check_descent(D, K, N, args.steps, rng, claims)

    name = f"Q3-quadratic-D-{D}-K-{K}"
    save(plot_descent(D, smallest, curves, args.show), f"{name}-gradient-descent", args)
    if rows:
        save(plot_obstruction(D, rows, args.show), f"{name}-out-of-reach", args)
    return claims.failed


# ------------------------------------------------------------------------------------------------
# interval: f(x) = 1 where A <= x_1 + .. + x_D <= B, else -1, for x in {-1, 1}^D
# ------------------------------------------------------------------------------------------------

MAX_INTERVAL_D = 1000
EXHAUSTIVE_D = 20  # up to here all 2^D inputs are tried, above it a sample
CHUNK_ENTRIES = 2**20  # of the inputs held at once, 8 MB
SAMPLE_ENTRIES = 2**23  # of all sampled inputs together


def sign(z):
    """The hard threshold: 1 where z >= 0, else -1."""
    return np.where(z >= 0, 1, -1)


def relu(z):
    return np.maximum(z, 0)


def f(X, A, B):
    """The function to compute: X of shape (n, D) to (n,), each 1 or -1."""
    total = X.sum(axis=1)
    return np.where((total >= A) & (total <= B), 1, -1)


def reachable_interval(D, A, B):
    """(lo, hi): the least and greatest sums in [A, B] that inputs can have.

    A sum of D terms of -1 or 1 has the parity of D, so A is rounded up and B down to it. They are
    kept within one step (two units) of [-D, D]. lo = hi + 2 when no sum is in [A, B].
    """
    lo, hi = A + (A - D) % 2, B - (B - D) % 2
    return min(max(lo, -D), D + 2), max(min(hi, D), -D - 2)


class Network(NamedTuple):
    """Two hidden units and one output: y = sign(v^T g(W x + b) + v0)."""

    activation: object  # g: sign or relu
    W: np.ndarray  # (2, D)
    b: np.ndarray  # (2,)
    v: np.ndarray  # (2,)
    v0: float

    def hidden(self, X):
        """The hidden pre-activations of X, shape (n, D): (n, 2)."""
        return X @ self.W.T + self.b

    def output(self, X):
        """The output's pre-activation, (n,)."""
        return self.activation(self.hidden(X)) @ self.v + self.v0

    def __call__(self, X):
        return sign(self.output(X))


def sign_network(D, lo, hi):
    """f with threshold units.

    h1 = sign(s - (lo - 1)) says "not below", h2 = sign((hi + 1) - s) "not above", s = sum x. One
    of them always holds, so h1 + h2 is 2 in the interval and 0 outside: y = sign(h1 + h2 - 1).
    The sums next to a threshold, lo - 2 and lo, are both at distance 1 from it: with thresholds
    at lo and hi themselves a sum equal to lo would sit on the edge, and any perturbation tip it.
    """
    W = np.vstack([np.ones(D), -np.ones(D)])
    return Network(sign, W, np.array([1.0 - lo, 1.0 + hi]), np.ones(2), -1.0)


def relu_network(D, lo, hi):
    """f with relu units.

    h1 = relu(lo - s) and h2 = relu(s - hi) are 0 in the interval; outside it one of them is at
    least 2, sums being two apart. So y = sign(1 - h1 - h2), whose argument is 1 inside and at
    most -1 outside. A sum may sit on a kink of relu: it is continuous there, so nothing tips.
    """
    W = np.vstack([-np.ones(D), np.ones(D)])
    return Network(relu, W, np.array([lo, -hi], dtype=float), -np.ones(2), 1.0)


def input_margin(network, X):
    """How much sum x may move before an output of `network` can change, over the rows of X.

    A hidden pre-activation moves by as much as sum x does. With sign units nothing changes while
    none of them crosses 0. With relu units the output's pre-activation moves by at most as much
    (both units are active only where no sum is in the interval, and there they cancel).
    """
    z = network.hidden(X) if network.activation is sign else network.output(X)
    return float(np.min(np.abs(z)))


def output_margin(network, X):
    """Smallest distance of the output's pre-activation from its threshold 0."""
    return float(np.min(np.abs(network.output(X))))


def weight_margin(D):
    """eta such that moving every weight and bias by at most eta changes no output.

    A hidden pre-activation moves by at most e = eta (D + 1). Sign units need e < 1, and the
    output, then moving by at most 3 eta, needs 3 eta < 1. For relu units, inside the interval,
    2 e (1 + eta) < 1 - eta is enough; outside, (1 - eta)(2 - e) > 1 + eta. eta = 1 / (2 D + 6)
    meets all four.
    """
    return 1 / (2 * D + 6)


def all_inputs(D):
    """Every x in {-1, 1}^D, in chunks of shape (n, D)."""
    rows = max(1, CHUNK_ENTRIES // D)
    for start in range(0, 2**D, rows):
        numbers = np.arange(start, min(start + rows, 2**D))
        yield 2.0 * (numbers[:, None] >> np.arange(D) & 1) - 1


def with_sums(D, sums, rng):
    """Random inputs that have the given sums, shape (n,); returns (n, D)."""
    positive = (np.asarray(sums) + D) // 2
    return rng.permuted(np.where(np.arange(D) < positive[:, None], 1.0, -1.0), axis=1)


def boundary_sums(D, lo, hi):
    """The sums on either side of both ends of the interval, and the two extreme ones."""
    return [s for s in (-D, lo - 2, lo, hi, hi + 2, D) if -D <= s <= D]


def sampled_inputs(D, lo, hi, rng):
    """A sample of {-1, 1}^D in chunks: the boundary sums, then sums drawn uniformly."""
    yield with_sums(D, boundary_sums(D, lo, hi), rng)
    rows = max(1, CHUNK_ENTRIES // D)
    for _ in range(SAMPLE_ENTRIES // CHUNK_ENTRIES):
        yield with_sums(D, 2 * rng.integers(0, D + 1, size=rows) - D, rng)


def inputs_to_try(D, lo, hi, rng):
    """All inputs up to D = 20, a sample above."""
    return all_inputs(D) if D <= EXHAUSTIVE_D else sampled_inputs(D, lo, hi, rng)


# One perceptron.


def farkas_certificate(D, lo, hi):
    """(positives, negatives), each two inputs, (2, D), of the same sum; None if there are none.

    If sign(w^T x + b) were f, the positives would give w^T (p + q) + 2b >= 0 and the negatives
    w^T (u + t) + 2b < 0; but p + q = u + t. (By Farkas' lemma the linear programme for w, b has
    no solution exactly when such an equality of weighted means exists.) u has the sum below the
    interval, t the one above, with u <= t in each coordinate; p is u with one coordinate raised,
    q is t with the same one lowered.
    """
    if lo > hi or lo == -D or hi == D:
        return None
    u, t = (np.where(np.arange(D) < (s + D) // 2, 1, -1) for s in (lo - 2, hi + 2))
    step = np.zeros(D, dtype=int)
    step[(lo - 2 + D) // 2] = 2  # the first coordinate that is -1 in u and 1 in t
    return np.array([u + step, t - step]), np.array([u, t])


def single_perceptron(D, lo, hi):
    """(w, b) with sign(w^T x + b) = f, of margin 1, where one exists: the interval touches an end.

    The positive sums are then all those up to hi, or from lo; or none (b = -D - 1).
    """
    if lo > hi:
        return np.ones(D), -D - 1.0
    if lo == -D:
        return -np.ones(D), hi + 1.0
    return np.ones(D), 1.0 - lo


def perceptron_states(X, y, epochs=100):
    """The perceptron rule on integer data from zero weights, until an epoch's state recurs.

    Returns (states, epochs_before, mistakes): the states (w, b) after each example, whose first
    is zero, the epoch after which the last one was already met (None if never) and the mistakes
    of the last epoch. A recurring state with mistakes in between recurs for ever.
    """
    state = (0,) * (X.shape[1] + 1)
    states, met = [state], {state: 0}
    mistakes = 0
    for epoch in range(1, epochs + 1):
        mistakes = 0
        for x, label in zip(X.tolist(), y.tolist(), strict=True):
            extended = (*x, 1)
            z = sum(w * value for w, value in zip(state, extended, strict=True))
            if label != (1 if z >= 0 else -1):
                mistakes += 1
                state = tuple(w + label * xi for w, xi in zip(state, extended, strict=True))
            states.append(state)
        if state in met:
            return states, met[state], mistakes
        met[state] = epoch
    return states, None, mistakes


# The checks.


def square():
    """The case D = 2, A = -1, B = 1: its four inputs, (4, 2), and their labels, (4,)."""
    X = np.array(list(itertools.product((1, -1), repeat=2)))
    return X, f(X, -1, 1)


def check_certificate(D, lo, hi, A, B, claims):
    """One perceptron cannot compute f: the certificate, checked in exact integers."""
    positives, negatives = farkas_certificate(D, lo, hi)
    wrong = np.sum(f(positives, A, B) != 1) + np.sum(f(negatives, A, B) != -1)
    claims.none_wrong("p, q are positive and u, t negative", int(wrong), 4)
    unequal = np.sum(positives.sum(axis=0) != negatives.sum(axis=0))
    claims.none_wrong("p + q = u + t, coordinate by coordinate", int(unequal), D)
    if D <= 16:
        p, q, u, t = (
            "".join("+" if value > 0 else "-" for value in x) for x in (*positives, *negatives)
        )
        print(f"    p = {p}, q = {q}, u = {u}, t = {t}")


def check_square(claims):
    """D = 2, A = -1, B = 1: no perceptron, by certificate and by the learning rule's cycle."""
    print("(a)  D = 2, A = -1, B = 1 is not separable by one perceptron")
    check_certificate(2, 0, 0, -1, 1, claims)
    X, y = square()
    recurring = []  # mistakes in an epoch of each order's cycle; 0 where there is no cycle
    for order in itertools.permutations(range(4)):
        _, since, mistakes = perceptron_states(X[list(order)], y[list(order)])
        recurring.append(0 if since is None else mistakes)
    claims.at_least(
        "the perceptron's weights recur, in all 24 orders; mistakes an epoch", min(recurring), 1
    )
    states, since, mistakes = perceptron_states(X, y)
    print(
        f"    (w1, w2, b) = {states[-1]} after epochs {since} and {(len(states) - 1) // 4}, with"
        f" {mistakes} mistakes an epoch: it goes round for ever"
    )
    return states


def check_separability(D, A, B, lo, hi, rng, claims):
    """Whether the f asked for is separable: a perceptron that computes it, or a certificate."""
    if farkas_certificate(D, lo, hi):
        print("(a)  this f is not separable: sums on both sides of the interval are negative")
        check_certificate(D, lo, hi, A, B, claims)
        return
    reason = "no sum is in the interval" if lo > hi else "the interval touches an end of the range"
    print(f"(a)  this f is separable by one perceptron: {reason}")
    w, b = single_perceptron(D, lo, hi)
    wrong = total = 0
    for X in inputs_to_try(D, lo, hi, rng):
        wrong += int(np.sum(sign(X @ w + b) != f(X, A, B)))
        total += len(X)
    claims.none_wrong(f"f(x) = sign({w[0]:+g} sum x {b:+g})", wrong, total)


def check_network(name, network, D, A, B, lo, hi, draws, rng, claims):
    """The network is f on all inputs tried, and stays f under perturbations below the margins."""
    wrong = total = 0
    margin = at_output = np.inf
    for X in inputs_to_try(D, lo, hi, rng):
        wrong += int(np.sum(network(X) != f(X, A, B)))
        total += len(X)
        margin = float(np.minimum(margin, input_margin(network, X)))
        at_output = float(np.minimum(at_output, output_margin(network, X)))
    tried = f"all 2^{D} inputs" if D <= EXHAUSTIVE_D else "the sampled inputs, both ends included"
    h1, h2 = (
        f"{name}({w:+g} sum x {b:+g})" for w, b in zip(network.W[:, 0], network.b, strict=True)
    )
    v1, v2 = network.v
    print(f"    h1 = {h1}, h2 = {h2}, y = sign({v1:+g} h1 {v2:+g} h2 {network.v0:+g})")
    claims.none_wrong(f"{name} network = f on {tried}", wrong, total)
    claims.at_least("margin: how far sum x may move, measured", margin, 1)
    claims.at_least("margin: the output's pre-activation from 0, measured", at_output, 1)

    # Inputs moved by d with |d_1| + .. + |d_D| just below the margin, in random directions and
    # in the two worst ones; weights moved to random corners of the cube of half-side eta.
    sums = boundary_sums(D, lo, hi)
    wrong_inputs = wrong_weights = cases = 0
    eta = weight_margin(D)
    for draw in range(draws):
        X = with_sums(D, sums, rng)
        expected = f(X, A, B)
        direction = rng.normal(size=X.shape) if draw > 1 else np.full(X.shape, 1.0 - 2 * draw)
        direction /= np.sum(np.abs(direction), axis=1, keepdims=True)
        wrong_inputs += int(np.sum(network(X + 0.999 * margin * direction) != expected))
        corner = Network(
            network.activation,
            *(
                parameter + 0.999 * eta * rng.choice([-1.0, 1.0], size=np.shape(parameter))
                for parameter in network[1:]
            ),
        )
        wrong_weights += int(np.sum(corner(X) != expected))
        cases += len(X)
    claims.none_wrong(f"inputs perturbed by less than {margin:g} in all", wrong_inputs, cases)
    claims.none_wrong(f"weights perturbed by less than {eta:.3g} each", wrong_weights, cases)


def check_margin_is_tight(network, D, A, B, lo, hi, rng, claims):
    """A perturbation of the inputs just above 1 does change an output, where f takes both values."""
    at_edge = [(s, way) for s, way in ((lo, -1), (hi, 1)) if -D <= s + 2 * way <= D and lo <= hi]
    if not at_edge:
        return
    X = with_sums(D, [s for s, _ in at_edge], rng)
    moved = X + 1.001 / D * np.array([way for _, way in at_edge])[:, None]
    unchanged = int(np.sum(network(moved) == f(X, A, B)))
    claims.none_wrong("inputs at the edges, moved by 1.001 in all, do change", unchanged, len(X))


def edge_margin(D, A, B):
    """The margin with thresholds at A and B themselves, over the reachable sums."""
    sums = np.arange(-D, D + 1, 2)
    return int(min(np.min(np.abs(sums - end)) for end in (A, B)))


def plot_square(states, show):
    """The four points with the certificate, and the weights of the perceptron going round."""
    figure = utils.new_figure((10, 4.6), show=show)
    plane, weights = figure.subplots(1, 2, width_ratios=[1, 1.15])
    X, y = square()
    plane.fill_between([-2, 2], [1, -3], [3, -1], color="tab:blue", alpha=0.12, zorder=0)
    for offset in (-1, 1):
        plane.axline((0, offset), slope=-1, color="tab:blue", linewidth=1)
    for label, marker, colour in ((1, "o", "tab:blue"), (-1, "X", "tab:red")):
        points = X[y == label]
        plane.plot(*points.T, "--", color=colour, linewidth=1, alpha=0.8)
        plane.plot(*points.T, marker, color=colour, markersize=12, label=f"f(x) = {label}")
    plane.annotate("both midpoints", (0, 0), (0.12, -0.42), arrowprops={"arrowstyle": "->"})
    plane.set(
        xlim=(-2, 2),
        ylim=(-2, 2),
        xlabel="$x_1$",
        ylabel="$x_2$",
        aspect="equal",
        title="No line parts them; two units do (band)",
    )
    plane.legend(loc="upper right")
    states = states + states[1:]  # a second round: the weights are back where they started
    for values, name, style in zip(
        zip(*states, strict=True), ("$w_1$", "$w_2$", "$b$"), ("-", "--", ":"), strict=True
    ):
        weights.step(range(len(states)), values, style, where="post", linewidth=2, label=name)
    for epoch in range(0, len(states), 4):
        weights.axvline(epoch, color="black", alpha=0.2, linewidth=1)
    weights.set(
        xlabel="examples seen (vertical lines: epochs)",
        ylabel="weight",
        title="The perceptron's weights return: it never stops",
    )
    weights.xaxis.get_major_locator().set_params(integer=True)
    weights.yaxis.get_major_locator().set_params(integer=True)
    weights.legend()
    figure.suptitle("D = 2, A = -1, B = 1")
    return figure


def plot_network(D, A, B, lo, hi, show):
    """The two networks' outputs as functions of a real sum x, and the slack around the sums."""
    figure = utils.new_figure((7, 4.4), show=show)
    axes = figure.subplots()
    left, right = max(-D, lo - 10) - 1.5, min(D, hi + 10) + 1.5
    if lo > hi or right - left < 8:
        left, right = max(-D, (lo + hi) // 2 - 12) - 1.5, min(D, (lo + hi) // 2 + 12) + 1.5
    total = np.linspace(left, right, 2001)
    sums = np.arange(-D, D + 1, 2)
    sums = sums[(left <= sums) & (sums <= right)]
    # One input stands for the sum: x = (s) with D = 1 gives the same pre-activations.
    thresholds, rectified = sign_network(1, lo, hi), relu_network(1, lo, hi)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.plot(total, thresholds.output(total[:, None]), color="tab:blue", label="sign network")
    axes.plot(total, rectified.output(total[:, None]), color="tab:orange", label="relu network")
    inside = (lo <= sums) & (sums <= hi)
    for chosen, marker, label in (
        (inside, "o", "sums with f = 1"),
        (~inside, "x", "sums with f = -1"),
    ):
        if chosen.any():
            level = 1 if marker == "o" else -1
            axes.plot(sums[chosen], np.full(chosen.sum(), level), f"k{marker}", label=label)
    for threshold in (lo - 1, hi + 1):
        if left <= threshold <= right:
            axes.axvline(threshold, color="tab:green", linestyle=":", linewidth=1.5)
    axes.set(
        xlim=(left, right),
        ylim=(-4, 2.2),
        xlabel=r"$\sum x_i$ (dotted: thresholds, each 1 away from the sums beside it)",
        ylabel="output before its sign",
        title=rf"${A} \leq \sum x_i \leq {B}$ with two hidden units, D = {D}",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize="small", ncols=2)
    return figure


def interval(args):
    """Question 3 of 2023-24; returns how many claims failed."""
    D, A, B = args.D, args.A, args.B
    require("-D", D, 1, MAX_INTERVAL_D)
    if A > B:
        raise utils.InputError(f"-A {A} is above -B {B}: the interval is empty; swap them")
    for option, value in (("-A", A), ("-B", B)):
        require(option, value, -(10**6), 10**6)
    utils.make_plots_folder(args.plots_dir)
    lo, hi = reachable_interval(D, A, B)

    rng = np.random.default_rng(args.seed)
    claims = Claims()
    print(f"f(x) = 1 where {A} <= sum x <= {B}, else -1, for x in {{-1, 1}}^{D}")
    same = f"the same f has {lo} <= sum x <= {hi}" if lo <= hi else "no sum is in the interval"
    print(f"sums have the parity of D: {same}")
    print(f"{args.draws} draws, seed {args.seed}")
    states = check_square(claims)
    check_separability(D, A, B, lo, hi, rng, claims)
    for part, name, network in (
        ("(b)", "sign", sign_network(D, lo, hi)),
        ("(c)", "relu", relu_network(D, lo, hi)),
    ):
        print(f"{part}  two hidden units with {name} activations")
        check_network(name, network, D, A, B, lo, hi, args.draws, rng, claims)
        check_margin_is_tight(network, D, A, B, lo, hi, rng, claims)
    print(f"    with thresholds at A and B themselves the margin would be {edge_margin(D, A, B)}")

    save(plot_square(states, args.show), "Q3-interval-D-2-A--1-B-1-not-separable", args)
    figure = plot_network(D, A, B, lo, hi, args.show)
    save(figure, f"Q3-interval-D-{D}-A-{A}-B-{B}-networks", args)
    return claims.failed


# ------------------------------------------------------------------------------------------------
# What both share, and the command line
# ------------------------------------------------------------------------------------------------


def require(option, value, least, most):
    """InputError unless least <= value <= most."""
    if not least <= value <= most:
        raise utils.InputError(f"{option} must be from {least} to {most}, not {value}")


def save(figure, name, args):
    """Write the figure under args.plots_dir in each of args.plot_format."""
    for ending in args.plot_format:
        utils.save_figure(figure, args.plots_dir / f"{name}.{ending}")


def parse_arguments(argv=None):
    parser = utils.Parser(description=__doc__.split("\n")[0])
    questions = parser.add_subparsers(dest="question", required=True, metavar="question")

    question = questions.add_parser("quadratic", help="2024-25: a network with activation z(1-z)")
    question.set_defaults(run=quadratic)
    question.add_argument("-D", type=int, default=5, help="inputs (default: 5)")
    question.add_argument("-K", type=int, default=8, help="hidden units (default: 8)")
    question.add_argument(
        "-examples", type=int, help="training examples for the descent (default: 4 a feature)"
    )
    question.add_argument(
        "-steps", type=int, default=2000, help="steps of each descent (default: 2000)"
    )
    question = questions.add_parser("interval", help="2023-24: is the sum of x in [A, B]?")
    question.set_defaults(run=interval)
    question.add_argument("-D", type=int, default=6, help="inputs, each -1 or 1 (default: 6)")
    question.add_argument("-A", type=int, default=-2, help="least sum, an integer (default: -2)")
    question.add_argument("-B", type=int, default=3, help="greatest sum, an integer (default: 3)")

    for question in questions.choices.values():
        question.add_argument("-draws", type=int, default=200, help="random draws (default: 200)")
        question.add_argument("-seed", type=int, default=42, help="of the draws (default: 42)")
        question.add_argument(
            "-plots_dir",
            type=Path,
            default=utils.ROOT / "plots",
            help="where figures go (default: plots, beside this script)",
        )
        question.add_argument(
            "-plot_format",
            nargs="+",
            choices=("pdf", "png"),
            default=["pdf"],
            help="one or both (default: pdf)",
        )
        question.add_argument("-show", action="store_true", help="open the figures in windows too")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_arguments(argv)
    require("-draws", args.draws, 1, 100_000)
    require("-seed", args.seed, 0, 2**32 - 1)
    failed = args.run(args)
    print(f"{failed} claims FAILED" if failed else "every claim holds")
    if args.show:
        utils.show_figures()
    return 1 if failed else 0


if __name__ == "__main__":
    utils.run_script(lambda: sys.exit(main()))
