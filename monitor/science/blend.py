"""Laws of one result through several links, as one law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.science.law import FAR, Law

Array = npt.NDArray[np.float64]

HALVINGS = 50
"""Of a bracket, in the search for a quantile far out."""

NEAR = 1e-12
HALVED = 6
MOST_STEPS = 120
"""Log-odds closer than this to those that are asked for end the search nearer in; its bracket is halved every so many
steps, and there are no more steps than these."""

ROUNDED, TINIEST = 1e-16, 1e-300
"""What rounding leaves of a probability, and the least that has a logarithm."""


@dataclass(frozen=True)
class Blend:
    """Laws of one result through several links, each with its share; the shares sum to 1.

    `mirror`: the laws are of mirror - Y; a log-likelihood is read as the loss that it is.
    """

    parts: tuple[tuple[float, Law], ...]
    mirror: float | None = None

    def cdf(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y), shape of `y`."""
        return self._tail(np.asarray(y, dtype=float), below=True)

    def sf(self, y: npt.ArrayLike) -> Array:
        """P(Y >= y), shape of `y`."""
        return self._tail(np.asarray(y, dtype=float), below=False)

    def quantile(self, p: npt.ArrayLike) -> Array:
        """The value that a result stays below with probability `p` (0 < p < 1), shape of `p`."""
        share, turned = np.asarray(p, dtype=float), self.mirror is not None
        ends = np.stack([law.isf(share) if turned else law.quantile(share) for _, law in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        if len(self.parts) > 1:
            low, high = self._narrowed(low, high, share)
        # The end that has all of p: a point mass on a bound belongs to its own quantile.
        found = high if self.mirror is None else self.mirror - low
        return np.asarray(found, dtype=float)

    def rough(self, y: npt.ArrayLike) -> Array:
        """P(Y <= y) inside the range, precise to 1e-15 absolutely and many times faster than `cdf`."""
        values = np.asarray(y, dtype=float)
        asked = values if self.mirror is None else self.mirror - values
        below = np.asarray(sum(w * law.rough(asked) for w, law in self.parts), dtype=float)
        return below if self.mirror is None else 1 - below

    @property
    def median(self) -> float:
        """The 50 % quantile."""
        return float(self.quantile(0.5))

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """`n` draws of a result, shape (n,)."""
        which = rng.choice(len(self.parts), size=n, p=[share for share, _ in self.parts])
        drawn = np.stack([law.sample(rng, n) for _, law in self.parts])[which, np.arange(n)]
        return drawn if self.mirror is None else np.asarray(self.mirror - drawn, dtype=float)

    def _narrowed(self, low: Array, high: Array, share: Array) -> tuple[Array, Array]:
        # Between the smallest and the largest quantile of the parts, where their common tail crosses p.
        if not (np.minimum(share, 1 - share) < FAR).any():
            at = self._crossing(low, high, share if self.mirror is None else 1 - share)
            return at, at
        # Far out an exponential may be 1e40 times as wide as what it is blended with: halved in the logarithm.
        seen = self.parts[0][1].seen
        unit = abs(float(seen.back(seen.z[-1:])[0])) or 1.0
        low, high = np.arcsinh(low / unit), np.arcsinh(high / unit)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            over = self._over(unit * np.sinh(middle), share)
            low, high = np.where(over, low, middle), np.where(over, middle, high)
        return unit * np.sinh(low), unit * np.sinh(high)

    def _over(self, y: Array, share: Array) -> npt.NDArray[np.bool_]:
        # Whether y, not yet mirrored, lies at or beyond the quantile.
        below, above = (share, 1 - share) if self.mirror is None else (1 - share, share)
        over = np.where(below < above, self._sum(y, below=True) >= below, self._sum(y, below=False) <= above)
        return np.asarray(over, dtype=bool)

    def _crossing(self, low: Array, high: Array, share: Array) -> Array:
        # False position on log-odds, which are nearly straight; the end that stays is let go by degrees (Anderson and
        # Björck 1973), and every few steps the bracket is halved whatever the law looks like.
        aim, near = np.log(share) - np.log1p(-share), NEAR + ROUNDED / (share * (1 - share))
        f, g = self._odds(low) - aim, self._odds(high) - aim
        # An end that has all of p, as a point mass on a bound has, is the quantile.
        low, high = np.where(g <= 0, high, low), np.where(f >= 0, low, high)
        at, done = high, low >= high
        with np.errstate(all="ignore"):
            for step in range(1, MOST_STEPS):
                if done.all():
                    break
                after = high - g * (high - low) / (g - f)
                after = np.where((after > low) & (after < high) & (step % HALVED > 0), after, 0.5 * (low + high))
                at = np.where(done, at, after)
                h = self._odds(at) - aim
                over = h >= 0
                kept = np.where(over, 1 - h / g, 1 - h / f)
                kept = np.where(kept > 0, kept, 0.5)
                done |= (np.abs(h) < near) | (at == low) | (at == high)
                low, high = np.where(over, low, at), np.where(over, at, high)
                f, g = np.where(over, kept * f, h), np.where(over, h, kept * g)
        return at

    def _odds(self, y: Array) -> Array:
        # Log-odds of the laws before they are mirrored, held to what a logarithm takes.
        below = np.clip(sum(w * law.rough(y) for w, law in self.parts), TINIEST, 1 - ROUNDED)
        return np.asarray(np.log(below) - np.log1p(-below), dtype=float)

    def _tail(self, y: Array, *, below: bool) -> Array:
        if self.mirror is None:
            return self._sum(y, below=below)
        return self._sum(self.mirror - y, below=not below)

    def _sum(self, y: Array, *, below: bool) -> Array:
        parts = [share * (law.cdf(y) if below else law.sf(y)) for share, law in self.parts]
        return np.asarray(np.sum(parts, axis=0), dtype=float)
