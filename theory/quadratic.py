"""Question 3 of 2024-25: y = v0 + v^T h, h = g(W x + b), g(z) = z (1 - z), for x in R^D.

In the order of the handout: 3.1 h is linear in phi(x), 3.2 so is y, 3.3 the parameters Theta from
the coefficients c, 3.4 least squares.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

EPSILON = 1e-6  # how near a c with singular M is reached; float64 allows little below 1e-7


class Theta(NamedTuple):
    """The network's parameters: D inputs, K hidden units, one linear output."""

    W: np.ndarray  # (K, D)
    b: np.ndarray  # (K,)
    v: np.ndarray  # (K,)
    v0: np.ndarray  # ()


def random_theta(D, K, rng):
    """All parameters from N(0, 1)."""
    return Theta(*(np.asarray(rng.normal(size=shape)) for shape in ((K, D), K, K, ())))


def hidden(X, theta):
    """h = g(W x + b) for each row of X, shape (n, D); returns (n, K)."""
    z = X @ theta.W.T + theta.b
    return z * (1 - z)


def network(X, theta):
    """y = v0 + v^T h for each row of X, shape (n, D); returns (n,)."""
    return hidden(X, theta) @ theta.v + theta.v0


# 3.1  h is linear in a fixed feature map phi(x).


def n_features(D):
    """1 constant, D inputs, D (D + 1) / 2 products: (D + 1)(D + 2) / 2."""
    return (D + 1) * (D + 2) // 2


upper_triangle = functools.cache(np.triu_indices)  # (i, j) with i <= j, row by row, from D


def vech(S):
    """The upper triangle of S, shape (..., D, D), row by row; returns (..., D (D + 1) / 2)."""
    i, j = upper_triangle(S.shape[-1])
    return S[..., i, j]


def phi(X):
    """phi(x) = (1, x_1 .. x_D, x_1^2, 2 x_1 x_2, .., x_D^2): X of shape (n, D) to (n, features).

    The products of different inputs are doubled, so that vech(S) . phi_3(x) = x^T S x for a
    symmetric S, and the third block of A_Theta below is a plain vech.
    """
    n, D = X.shape
    i, j = upper_triangle(D)
    return np.hstack([np.ones((n, 1)), X, X[:, i] * X[:, j] * np.where(i == j, 1, 2)])


def A_Theta(theta):
    """The (K, features) matrix with h = A_Theta phi(x).

    Row k, from z (1 - z) with z = w^T x + b:  (b - b^2,  (1 - 2b) w^T,  -vech(w w^T)).
    """
    W, b = theta.W, theta.b[:, None]
    return np.hstack([b - b**2, (1 - 2 * b) * W, -vech(W[:, :, None] * W[:, None, :])])


# 3.2  y is linear in phi(x), through c_Theta; c_Theta is not linear in Theta.


def c_Theta(theta):
    """c_Theta = A_Theta^T v + v0 e_1, shape (features,), so that y = c_Theta^T phi(x)."""
    c = A_Theta(theta).T @ theta.v
    c[0] += theta.v0
    return c


# 3.3  From c back to Theta. With V = Diag(v) and M = W^T V W, the three blocks of c_Theta are
#          c1 = v0 + sum_k v_k b_k (1 - b_k),    c2 = W^T V (1 - 2b),    c3 = -vech(M).
# The sign of c3 is where the handout slips: each row of A_Theta carries -w_i w_j, and the procedure
# it prints goes on as if that minus were not there.


def blocks(c, D, sign=-1):
    """(c1, c2, M): a number, (D,), and the symmetric (D, D) matrix with c3 = sign vech(M).

    The handout's procedure as printed has sign = 1, kept to measure by how much it misses.
    """
    M = np.empty((D, D))
    i, j = upper_triangle(D)
    M[i, j] = M[j, i] = sign * c[D + 1 :]
    return c[0], c[1 : D + 1], M


def recover_theta(c, D, K, epsilon=EPSILON, sign=-1):
    """Parameters Theta with ||c_Theta - c|| <= epsilon; needs K >= D for an arbitrary c.

    M = Q Diag(lambda) Q^T gives a unit to each eigenvector, w_k = q_k and v_k = lambda_k. Then
    c2 = sum_k lambda_k (1 - 2 b_k) q_k fixes 1 - 2 b_k = q_k^T c2 / lambda_k, and c1 fixes v0.
    An eigenvalue too small to divide by is moved to modulus epsilon / (2 sqrt(D)), its sign kept:
    M moves by at most epsilon / 2. With K > D the further units are zero. With K < D the K
    eigenvalues of largest modulus have a unit: M is reached only if its rank is at most K.
    """
    c1, c2, M = blocks(c, D, sign)
    eigenvalues, Q = np.linalg.eigh(M)
    kept = np.argsort(-np.abs(eigenvalues))[:K]
    size = np.maximum(np.abs(eigenvalues[kept]), epsilon / (2 * math.sqrt(D)))
    used = slice(len(kept))
    W, b, v = np.zeros((K, D)), np.zeros(K), np.zeros(K)
    W[used] = Q[:, kept].T
    v[used] = np.copysign(size, eigenvalues[kept])
    b[used] = (1 - W[used] @ c2 / v[used]) / 2
    return Theta(W, b, v, np.asarray(c1 - np.sum(v * b * (1 - b))))


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
