# SPDX-License-Identifier: MIT
# python_pool.py - what the workers of python_pool.c can be asked: plain functions, and any module.
from fractions import Fraction


def harmonic(n: int) -> str:
    """1 + 1/2 + ... + 1/n, exactly."""
    if n < 1:
        raise ValueError(f"there is no sum of {n} terms")
    return str(sum(Fraction(1, k) for k in range(1, n + 1)))
