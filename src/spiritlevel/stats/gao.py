"""Gao's forms of over-optimisation fitted to a curve, and where the curve turns (Gao, Schulman & Hilton 2022)."""

import numpy as np
from numpy.typing import ArrayLike

from spiritlevel.errors import DataError
from spiritlevel.stats.clusters import Floats
from spiritlevel.stats.crossed import percentiles
from spiritlevel.types import Estimate, Fit, Form, Turning

SPREAD = 1e-9
"""Standard errors below this are no luck but rounding."""


def value_of(form: Form, a: ArrayLike, b: ArrayLike, d: ArrayLike) -> Floats:
    """Fitted gain at distance d >= 0: d (a - b d), or d (a - b log d), both 0 at d = 0 (Gao et al. 2022, eq. 1, 2)."""
    x = np.asarray(d, dtype=float)
    first, second = _columns(form, x)
    return np.asarray(np.asarray(a) * first + np.asarray(b) * second, dtype=np.float64)


def turning_of(form: Form, a: ArrayLike, b: ArrayLike) -> Floats:
    """D at which the form is highest: a / (2 b), or exp(a / b - 1). Infinite when it does not come down, 0 when it falls from the start."""
    up, down = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    safe = np.where(down > 0, down, 1.0)
    peak = np.exp(np.clip(up / safe - 1, None, 700.0)) if form == "rl" else np.maximum(up, 0) / (2 * safe)
    found = np.where(down > 0, peak, np.where(up > 0, np.inf, 0.0))
    return np.where(np.isnan(up + down), np.nan, found)


def coefficients(form: Form, d: ArrayLike, gain: ArrayLike) -> tuple[Floats, Floats]:
    """Least-squares a, b of each row of `gain` (..., K) over the points with d > 0, `d` (K) or (..., K). NaN when fewer than two differ."""
    x, y = np.broadcast_arrays(np.asarray(d, dtype=float), np.asarray(gain, dtype=float))
    used = (x > 0) & ~np.isnan(y)
    u, v = (np.where(used, c, 0.0) for c in _columns(form, np.where(used, x, 1.0)))
    y = np.where(used, y, 0.0)
    uu, uv, vv, uy, vy = ((p * q).sum(axis=-1) for p, q in ((u, u), (u, v), (v, v), (u, y), (v, y)))
    det = uu * vv - uv * uv
    whole = det > 1e-12 * np.maximum(uu * vv, 1e-300)
    safe = np.where(whole, det, 1.0)
    a, b = (uy * vv - vy * uv) / safe, (vy * uu - uy * uv) / safe
    return np.where(whole, a, np.nan), np.where(whole, b, np.nan)


def _columns(form: Form, d: Floats) -> tuple[Floats, Floats]:
    """What a and b are multiplied with."""
    return d, -d * (d if form == "best-of-n" else np.log(np.where(d > 0, d, 1.0)))


def fit(
    form: Form, d: ArrayLike, gain: ArrayLike, drawn: ArrayLike, *, n: int, drawn_d: ArrayLike | None = None, confidence: float = 0.95
) -> Fit:
    """A form fitted to `gain` (K) over distances `d` (K); intervals by fitting each row of `drawn` (rounds, K), as resampled.

    A point whose gain is NaN enters no fit. `drawn_d` (rounds, K): resampled distances, where they are estimates too. `n`:
    independent groups behind the rows. DataError: fewer than three distances over 0, since two points fit any form.
    """
    x, y = np.asarray(d, dtype=float), np.asarray(gain, dtype=float)
    used = (x > 0) & ~np.isnan(y)
    if (differing := len(np.unique(x[used]))) < 3:
        raise DataError(f"{differing} distances over 0 cannot tell a form; give three or more (a larger n, more checkpoints)")
    a, b = coefficients(form, x, y)
    many_a, many_b = coefficients(form, x if drawn_d is None else drawn_d, np.where(used, np.asarray(drawn, dtype=float), np.nan))
    left = float(((y - value_of(form, a, b, x))[used] ** 2).sum())
    whole = float(((y[used] - y[used].mean()) ** 2).sum())

    def told(name: str, value: Floats, many: Floats) -> Estimate:
        return percentiles(name, float(value), many, n, confidence, f"least squares, {len(many)} resamples")

    return Fit(
        form=form,
        a=told("a", a, many_a),
        b=told("b", b, many_b),
        turning=told("turning", turning_of(form, a, b), turning_of(form, many_a, many_b)),
        r2=1 - left / whole if whole > SPREAD**2 else float("nan"),
        points=int(used.sum()),
    )


def observed_turning(
    d: ArrayLike, gain: ArrayLike, drawn: ArrayLike, *, n: int, drawn_d: ArrayLike | None = None, confidence: float = 0.95
) -> Turning:
    """Where the curve `gain` (K), in the order in which it was walked, is highest, and whether it is seen to fall from there.

    The rule: no point is above the last one unless the largest of the studentised drops to the last point is larger than in all but
    1 - confidence of the centred resamples (`drawn`, (rounds, K); max-T, Westfall & Young 1993, ch. 2). The interval of d is that of
    the highest points of the resamples and reaches to the points beside them, since nothing is known of what lies between; where the
    first point, at which nothing is pushed, is among the highest, the curve turns at the start.
    DataError: fewer than three points.
    """
    x, y, many = (np.asarray(v, dtype=float) for v in (d, gain, drawn))
    if len(y) < 3:
        raise DataError(f"{len(y)} points cannot show a turn; give three or more (a larger n, more checkpoints)")
    places = np.broadcast_to(x if drawn_d is None else np.asarray(drawn_d, dtype=float), many.shape)
    at = int(np.argmax(y))
    falls, drawn_falls = y[:-1] - y[-1], many[:, :-1] - many[:, -1:]
    spread = drawn_falls.std(axis=0)
    told = spread > SPREAD
    largest = float(np.max(falls[told] / spread[told], initial=-np.inf))
    chance = np.max((drawn_falls - falls)[:, told] / spread[told], axis=1, initial=-np.inf)
    if np.isnan(many).any():
        p = float("nan")
    elif told.any():
        p = float((1 + np.sum(chance >= largest)) / (1 + len(many)))
    else:  # nothing is left to luck
        p = float(falls.max() <= SPREAD)
    seen = p <= 1 - confidence and y[at] - y[-1] > SPREAD
    highest = np.argmax(np.where(np.isnan(many), -np.inf, many), axis=1)
    rows, whole = np.arange(len(many)), ~np.isnan(many).any(axis=1)
    before, after = (np.where(whole, places[rows, np.clip(highest + step, 0, len(y) - 1)], np.nan) for step in (-1, 1))
    method = f"highest point of {len(many)} resamples, with the points beside it"
    ends = [percentiles("turning", float(x[at]), side, n, confidence, method) for side in (before, after)]
    risen = at > 0 and percentiles("", 0.0, np.where(whole, highest, np.nan), n, confidence).low > 0
    return Turning(
        kind=("inside" if risen else "start") if seen else "none",
        d=ends[0].model_copy(update={"high": ends[1].high}),
        drop=percentiles("drop", float(y[at] - y[-1]), many[:, at] - many[:, -1], n, confidence),
        p=p,
        at=at,
    )
