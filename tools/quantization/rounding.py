"""Weights rounded so that a layer's output, not each weight, comes out as near as it can.

The output's mean squared error is ``(w - v) H (w - v)`` for each row of weights w and of what their codes stand for v,
where H is the mean outer product of the inputs. Rounding to nearest would be best if H were diagonal. Two ways to do
better on the same grid of codes:

- ``gptq`` rounds column after column and puts each column's error into the columns that are still to come, as far as
  they can make up for it (Frantar et al., "GPTQ", 2022; Hassibi and Stork's optimal brain surgeon).
- ``descent`` begins with gptq's codes and moves one code after the other to where the error is least, all others
  fixed, until none moves. It lowers the error that AdaRound (Nagel et al., 2020) lowers by gradient descent, but by
  coordinate descent, and is not bound to the two codes beside a weight.
"""

from __future__ import annotations

import numpy as np

ROUNDINGS = ("nearest", "gptq", "descent")

DAMPING = 0.01
"""Added to the Hessian's diagonal: this part of its mean."""

SWEEPS = 20
"""Coordinate descent ends after so many sweeps at the latest."""

_BLOCK = 128


def nearest(scaled: np.ndarray, limits: tuple[int, int]) -> np.ndarray:
    """Return the nearest codes of weights in units of their scales; halves go away from zero."""
    return np.clip(np.trunc(scaled + np.copysign(0.5, scaled)), *limits)


def rounded(scaled: np.ndarray, hessian: np.ndarray, limits: tuple[int, int], rounding: str) -> np.ndarray:
    """Return codes for a matrix.

    Parameters
    ----------
    scaled : (outputs, columns), float64: weights in units of their scales.
    hessian : (columns, columns), float64: the mean outer product of the inputs.
    limits : the lowest and the highest code.
    rounding : one of :data:`ROUNDINGS`.
    """
    if rounding == "nearest" or not np.trace(hessian) > 0:
        return nearest(scaled, limits)
    codes = gptq(scaled, hessian, limits)
    return codes if rounding == "gptq" else descent(codes, scaled, hessian, limits)


def gptq(scaled: np.ndarray, hessian: np.ndarray, limits: tuple[int, int]) -> np.ndarray:
    """Round columns in the order of falling input power, each error fed into the columns to come."""
    power = np.diag(hessian)
    order = np.argsort(-power, kind="stable")
    inverse = _upper_factor_of_inverse(hessian[np.ix_(order, order)])
    rest = scaled[:, order].copy()
    codes = np.empty_like(rest)
    columns = rest.shape[1]
    for start in range(0, columns, _BLOCK):
        end = min(start + _BLOCK, columns)
        errors = np.empty((len(rest), end - start))
        for k in range(start, end):
            codes[:, k] = nearest(rest[:, k], limits)
            errors[:, k - start] = (rest[:, k] - codes[:, k]) / inverse[k, k]
            rest[:, k + 1 : end] -= np.outer(errors[:, k - start], inverse[k, k + 1 : end])
        rest[:, end:] -= errors @ inverse[start:end, end:]
    found = np.empty_like(codes)
    found[:, order] = codes
    return found


def _upper_factor_of_inverse(hessian: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor whose row k says how columns after k make up for an error in column k."""
    damping = DAMPING * np.diag(hessian).mean()
    while True:
        damped = hessian + damping * np.eye(len(hessian))
        try:
            inverse = np.linalg.inv(damped)
            return np.linalg.cholesky((inverse + inverse.T) / 2).T
        except np.linalg.LinAlgError:  # sums of float32 products may leave a direction of less than no power
            damping *= 10


def descent(codes: np.ndarray, scaled: np.ndarray, hessian: np.ndarray, limits: tuple[int, int]) -> np.ndarray:
    """Move one code after the other to where the output's error is least, until none moves."""
    damped = hessian.copy()
    power = np.diag(hessian).copy()
    damped[np.diag_indices_from(damped)] += DAMPING * power.mean()
    diagonal = np.maximum(np.diag(damped), DAMPING * power.mean())
    found = codes.T.copy()
    gradient = damped @ (found - scaled.T)  # (columns, outputs), half of it
    for _ in range(SWEEPS):
        moved = False
        for k in np.flatnonzero(power > 0):
            best = np.clip(np.rint(found[k] - gradient[k] / diagonal[k]), *limits)
            step = best - found[k]
            rows = np.flatnonzero(step)
            if rows.size:
                gradient[:, rows] += np.outer(damped[k], step[rows])
                found[k] = best
                moved = True
        if not moved:
            break
    return found.T
