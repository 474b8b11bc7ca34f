"""One metric of one run as a screen shows it: thinned so that no spike is lost. Knows neither MLflow nor SQL.

Steps are cut into buckets. Each keeps its first and last point, its lowest and highest, and the first of each value that is no
finite number. Buckets begin at multiples of their width, a power of two, so that two of them make one of the next width: a curve
that grows is made coarser from what was kept, and never read again.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
BUCKETS = 512
"""The most buckets of a curve: about as many as a chart is wide, two pixels each."""
_PARTS = ("step", "time", "value", "starts", "counts", "totals")


@dataclass(frozen=True, eq=False)
class Curve:
    """The points kept, ordered by step, then time, and what is known of each bucket's finite values.

    `step` [n], `time` [n] (ms since 1970), `value` [n]; `starts` [b] the first step of each bucket that has points, `counts` [b]
    and `totals` [b] the number and sum of its finite values. Each bucket spans `width` steps.
    """

    width: int
    step: Ints
    time: Ints
    value: Floats
    starts: Ints
    counts: Ints
    totals: Floats

    def __len__(self) -> int:
        return len(self.step)

    @property
    def nbytes(self) -> int:
        """The memory that the curve takes, in bytes."""
        return int(sum(getattr(self, name).nbytes for name in _PARTS))


def width_for(first: int, last: int, buckets: int = BUCKETS) -> int:
    """The smallest power of two for which the steps from `first` to `last` make at most so many buckets."""
    width = 1
    while last // width - first // width >= buckets:
        width *= 2
    return width


def empty_curve() -> Curve:
    """A curve without points."""
    ints, floats = np.empty(0, np.int64), np.empty(0, np.float64)
    return Curve(1, ints, ints, floats, ints, ints, floats)


def thin(step: Ints, time: Ints, value: Floats, width: int | None = None) -> Curve:
    """Thins raw points [n], in any order. `width` defaults to what `width_for` says of the points' steps.

    Points that all stand at one step, as those of programs that give none do, are told apart by their time and kept as they are
    up to the number that a curve may have.
    """
    if not len(step):
        return empty_curve()
    order = np.lexsort((value, time, step))
    step, time, value = step[order], time[order], value[order]
    width = width or width_for(int(step[0]), int(step[-1]))
    kept = _kept(_by_time(time) if step[0] == step[-1] else step // width, value)
    finite = np.isfinite(value)
    starts, first = np.unique(step // width * width, return_index=True)
    counts = np.add.reduceat(finite.astype(np.int64), first)
    totals = np.add.reduceat(np.where(finite, value, 0.0), first)
    return Curve(width, step[kept], time[kept], value[kept], starts, counts, totals)


def join(older: Curve, newer: Curve, buckets: int = BUCKETS) -> Curve:
    """One curve of two whose buckets do not overlap, as coarse as it must be. `older` comes first."""
    if not len(older) or not len(newer):
        return older if len(older) else newer
    width = max(older.width, newer.width, width_for(int(older.step[0]), int(newer.step[-1]), buckets))
    both = {name: np.concatenate((getattr(older, name), getattr(newer, name))) for name in _PARTS}
    return _widened(Curve(width, **both))


def coarser(curve: Curve, buckets: int) -> Curve:
    """The same curve in at most so many buckets."""
    if len(curve.starts) <= buckets:
        return curve
    width = width_for(int(curve.step[0]), int(curve.step[-1]), buckets)
    return _widened(replace(curve, width=max(width, curve.width)))


def before(curve: Curve, step: int) -> Curve:
    """The buckets that begin before `step`, which is where a bucket begins."""
    points, whole = curve.step < step, curve.starts < step
    return Curve(
        curve.width,
        curve.step[points],
        curve.time[points],
        curve.value[points],
        curve.starts[whole],
        curve.counts[whole],
        curve.totals[whole],
    )


def _widened(curve: Curve) -> Curve:
    """A curve whose width has been raised above that of its buckets: those of one new bucket become one."""
    if curve.step[0] == curve.step[-1]:
        return curve
    kept = _kept(curve.step // curve.width, curve.value)
    starts, begins = np.unique(curve.starts // curve.width * curve.width, return_index=True)
    counts, totals = np.add.reduceat(curve.counts, begins), np.add.reduceat(curve.totals, begins)
    return Curve(curve.width, curve.step[kept], curve.time[kept], curve.value[kept], starts, counts, totals)


def _by_time(time: Ints) -> Ints:
    return np.asarray(time // width_for(int(time[0]), int(time[-1])), dtype=np.int64)


def _kept(bucket: Ints, value: Floats) -> npt.NDArray[np.bool_]:
    """Which points of ordered buckets are kept: first, last, lowest, highest, and the first NaN, inf and -inf."""
    begins = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    ends = np.concatenate((begins[1:], [len(bucket)])) - 1
    owner = np.repeat(np.arange(len(begins)), ends - begins + 1)
    kept = np.zeros(len(bucket), bool)
    kept[begins] = kept[ends] = True
    finite = np.isfinite(value)
    lowest = np.minimum.reduceat(np.where(finite, value, np.inf), begins)
    highest = np.maximum.reduceat(np.where(finite, value, -np.inf), begins)
    for hit in (
        finite & (value == lowest[owner]),
        finite & (value == highest[owner]),
        np.isnan(value),
        np.isposinf(value),
        np.isneginf(value),
    ):
        places = np.flatnonzero(hit)
        if len(places):
            owners = owner[places]
            kept[places[np.concatenate(([True], owners[1:] != owners[:-1]))]] = True
    return kept
