"""Figures of where a checkpoint errs: confusion matrices, reliability, ROC and precision-recall. No Streamlit here."""

import html
from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.components.figure_parts import GREY, empty_figure
from pages.components.formats import format_share, per_cent
from pages.components.palette import palette
from trainer_core.judging import Reliability, TwoClassCurves
from trainer_core.language import gettext as _

_TEXT_UP_TO = 16
"""Classes up to which each cell says its number."""
_SHORT = 18
_STRONG = 0.45
"""How far along the scale a cell is dark enough for white letters."""
_LEAST = 0.12
"""How far along the scale a cell is coloured that has any row: one row of a thousand must not look like none."""
_NOTHING, _BLUE, _PALE_BLUE, _RED, _PALE_RED = (
    "rgba(127,135,148,0.10)",
    "#2f6fde",
    "rgba(47,111,222,0.20)",
    "#d9622b",
    "rgba(217,98,43,0.20)",
)
_SCALE = [[0.0, _NOTHING], [0.001, _PALE_BLUE], [1.0, _BLUE]]
"""Whatever is more than nothing has a colour of its own."""
_DIFFERENCE = [[0.0, _RED], [0.499, _PALE_RED], [0.4999, _NOTHING], [0.5001, _NOTHING], [0.501, _PALE_BLUE], [1.0, _BLUE]]
_AGREEMENT = [[0.0, _NOTHING], [1.0, _BLUE]]


def confusion_figure(counts: NDArray[np.int64], names: Sequence[str], by_row: bool) -> go.Figure:
    """Counts [true, said], or the share of each true class; a cell's `customdata` is `true,said`.

    Either way a cell is coloured by its row's share: by counts, one large class would leave the mistakes of all others pale.
    """
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(100.0 * counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    words = [[per_cent(_share_words(value)) for value in row] for row in shares] if by_row else _counted(counts)
    hover = _told(
        names, lambda true, said: _("{count} of {all}").format(count=f"{counts[true, said]:,}", all=f"{int(rows[true, 0]):,}")
    )
    right = int(np.trace(counts))
    alt = _("Confusion matrix: {right} of {all} right. {worst}").format(
        right=f"{right:,}", all=f"{int(counts.sum()):,}", worst=_worst(counts, names)
    )
    return _matrix(np.where(counts > 0, np.maximum(shares, 100.0 * _LEAST), 0.0), words, hover, names, _SCALE, (0.0, 100.0), alt)


def _counted(counts: NDArray[np.int64]) -> list[list[str]]:
    return [[f"{int(count):,}" for count in row] for row in counts]


def _share_words(share: float) -> str:
    """A share in per cent; what is none and what is little are told apart."""
    return "< 1" if 0 < share < 0.5 else f"{share:.0f}"


def difference_figure(first: NDArray[np.int64], second: NDArray[np.int64], names: Sequence[str]) -> go.Figure:
    """Rows that the first has more than the second in each cell [true, said]."""
    change = (first - second).astype(np.float64)
    words = [[f"{int(value):+,}" if value else "0" for value in row] for row in change]
    hover = _told(
        names,
        lambda true, said: _("{first} against {second}").format(first=f"{first[true, said]:,}", second=f"{second[true, said]:,}"),
    )
    most = max(1.0, float(np.abs(change).max()))
    alt = _("Difference of two confusion matrices: {first} rows right against {second}.").format(
        first=f"{int(np.trace(first)):,}", second=f"{int(np.trace(second)):,}"
    )
    shown = np.sign(change) * np.where(change != 0, np.maximum(np.abs(change), most * _LEAST), 0.0)
    return _matrix(shown, words, hover, names, _DIFFERENCE, (-most, most), alt)


def agreement_figure(shares: NDArray[np.floating], names: Sequence[str]) -> go.Figure:
    """The share of rows on which each two checkpoints say the same."""
    values = 100.0 * shares
    words = [[per_cent(f"{value:.1f}") for value in row] for row in values]
    numbers = [str(number) for number in range(1, len(names) + 1)]
    told = [html.escape(f"{_cut(name, 26)}  {number}") for name, number in zip(names, numbers, strict=True)]
    figure = _heat(values, words, words, numbers, told, _AGREEMENT, (min(50.0, float(values.min())), 100.0))
    figure.update_layout(meta={"alt": _("How often the checkpoints agree, in per cent of the rows.")})
    return figure


def reliability_figure(found: Reliability) -> go.Figure:
    """How often answers of a like sureness are right: on the dotted line, probabilities can be taken at their word."""
    figure = empty_figure("", None, _("Right (%)"))
    sizes = 8 + 20 * np.sqrt(found.rows / max(1, found.rows.max()))
    figure.add_trace(
        go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=dict(color=GREY, dash="dot"), hoverinfo="skip", name=_("ideal"))
    )
    figure.add_trace(
        go.Scatter(
            x=100 * found.sure,
            y=100 * found.right,
            mode="lines+markers",
            line=dict(color=palette()[0]),
            marker=dict(size=sizes),
            customdata=[f"{rows:,}" for rows in found.rows],
            hovertemplate=_("sure %{x:.1f} %, right %{y:.1f} %, %{customdata} rows") + "<extra></extra>",
            name=_("answers"),
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title_text=_("Sure (%)"), range=[0, 103], ticksuffix="")
    figure.update_yaxes(range=[0, 103])
    alt = _("Reliability diagram: expected calibration error {error}.").format(error=per_cent(f"{100 * found.error:.1f}"))
    figure.update_layout(showlegend=False, hovermode="closest", margin=dict(t=12, b=48, l=52, r=12), meta={"alt": alt})
    return figure


def roc_figure(curves: TwoClassCurves, label: str, threshold: float) -> go.Figure:
    """True positives against false ones, with the point of a threshold."""
    figure = empty_figure("", None, _("{label}: found (%)").format(label=_cut(label, 24)))
    # From a probability on: the last point whose threshold is not below it. A nearer one may be another threshold's.
    at = int(np.flatnonzero(curves.roc_thresholds >= np.float32(threshold))[-1])
    corners = _corners(curves.false_positive, curves.true_positive)
    figure.add_trace(
        go.Scatter(x=[0, 100], y=[0, 100], mode="lines", line=dict(color=GREY, dash="dot"), hoverinfo="skip", name=_("chance"))
    )
    false, true = 100 * curves.false_positive[corners], 100 * curves.true_positive[corners]
    _add_curve(figure, false, true, _("called so wrongly %{x:.1f} %, found %{y:.1f} %"))
    _add_point(figure, 100 * float(curves.false_positive[at]), 100 * float(curves.true_positive[at]), threshold)
    figure.update_xaxes(title_text=html.escape(_("Others called so (%)")), range=[-2, 103])
    figure.update_yaxes(range=[0, 104])
    alt = _("ROC curve of {label}: area {area}.").format(label=label, area=f"{curves.roc_auc:.3f}")
    figure.update_layout(showlegend=False, hovermode="closest", margin=dict(t=12, b=48, l=52, r=12), meta={"alt": alt})
    return figure


def precision_figure(curves: TwoClassCurves, label: str, threshold: float) -> go.Figure:
    """Precision against recall, with the point of a threshold."""
    figure = empty_figure("", None, _("Precision (%)"))
    at = min(int(np.searchsorted(curves.thresholds, threshold)), len(curves.precision) - 1)
    _add_curve(figure, 100 * curves.recall, 100 * curves.precision, _("recall %{x:.1f} %, precision %{y:.1f} %"))
    _add_point(figure, 100 * float(curves.recall[at]), 100 * float(curves.precision[at]), threshold)
    figure.update_xaxes(title_text=_("Recall (%)"), range=[-2, 103])
    figure.update_yaxes(range=[0, 104])
    alt = _("Precision-recall curve of {label}: average precision {area}.").format(
        label=label, area=f"{curves.average_precision:.3f}"
    )
    figure.update_layout(showlegend=False, hovermode="closest", margin=dict(t=12, b=48, l=52, r=12), meta={"alt": alt})
    return figure


def _corners(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.int64]:
    """The places of the points at which a curve of steps turns, and of its ends: a line through them is the curve."""
    across, up = np.diff(x), np.diff(y)
    turns = np.abs(across[1:] * up[:-1] - across[:-1] * up[1:]) > 1e-15
    return np.concatenate(([0], 1 + np.flatnonzero(turns), [len(x) - 1])).astype(np.int64)


def _add_curve(figure: go.Figure, x: NDArray[np.floating], y: NDArray[np.floating], hover: str) -> None:
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", line=dict(color=palette()[0], width=2), hovertemplate=hover + "<extra></extra>")
    )


def _add_point(figure: go.Figure, x: float, y: float, threshold: float) -> None:
    figure.add_trace(
        go.Scatter(
            x=[x],
            y=[y],
            mode="markers",
            marker=dict(size=13, color=palette()[1], line=dict(width=2, color="white")),
            hovertemplate=_("threshold {share}").format(share=format_share(threshold)) + "<extra></extra>",
            cliponaxis=False,
        )
    )


def _matrix(
    values: NDArray[np.floating],
    words: list[list[str]],
    hover: list[list[str]],
    names: Sequence[str],
    scale: list[list[object]],
    ends: tuple[float, float],
    alt: str,
) -> go.Figure:
    short = [html.escape(_cut(name, _SHORT)) for name in names]
    figure = _heat(values, words, hover, short, short, scale, ends)
    figure.data[0].customdata = [[f"{true},{said}" for said in range(len(names))] for true in range(len(names))]
    figure.update_xaxes(title_text=_("It says"))
    figure.update_yaxes(title_text=_("True label"))
    figure.update_layout(meta={"alt": alt})
    return figure


def _heat(
    values: NDArray[np.floating],
    words: list[list[str]],
    hover: list[list[str]],
    across: list[str],
    upwards: list[str],
    scale: list[list[object]],
    ends: tuple[float, float],
) -> go.Figure:
    """Cells with numbers; names that are alike once cut keep their places apart."""
    figure = empty_figure("", None, "")
    figure.add_trace(
        go.Heatmap(
            z=values,
            x=np.arange(len(across)),
            y=np.arange(len(upwards)),
            hovertext=hover,
            hovertemplate="%{hovertext}<extra></extra>",
            colorscale=scale,
            zmin=ends[0],
            zmax=ends[1],
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    if max(len(across), len(upwards)) <= _TEXT_UP_TO:
        # Plotly takes a cell that lets the page through for white, and would write dark on dark.
        far = np.abs(values - (ends[0] if ends[0] >= 0 else 0.0)) / max(1e-9, ends[1] - max(0.0, ends[0])) > _STRONG
        nothing = values == 0
        for cells, colour in ((far, "white"), (nothing & ~far, GREY), (~far & ~nothing, None)):
            down, right = np.nonzero(cells)
            text = [words[row][column] for row, column in zip(down, right, strict=True)]
            figure.add_trace(
                go.Scatter(x=right, y=down, text=text, mode="text", textfont=dict(size=12, color=colour), hoverinfo="skip")
            )
    figure.update_xaxes(
        tickvals=np.arange(len(across)),
        ticktext=across,
        showgrid=False,
        showline=False,
        ticks="",
        rangemode="normal",
        title_standoff=4,
    )
    figure.update_yaxes(
        tickvals=np.arange(len(upwards)), ticktext=upwards, showgrid=False, ticks="", autorange="reversed", title_standoff=4
    )
    figure.update_layout(showlegend=False, hovermode="closest", dragmode=False, margin=dict(t=12, b=48, l=52, r=12))
    return figure


def _told(names: Sequence[str], count: Callable[[int, int], str]) -> list[list[str]]:
    """What each cell [true, said] says under the pointer."""
    words = _("{true} called {said}: {count}")
    plain = [html.escape(name) for name in names]
    return [
        [words.format(true=plain[true], said=plain[said], count=count(true, said)) for said in range(len(names))]
        for true in range(len(names))
    ]


def _worst(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return _("No mistake.")
    true, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return _("Most often {true} is called {said}: {count}.").format(
        true=names[int(true)], said=names[int(said)], count=f"{int(wrong[true, said]):,}"
    )


def _cut(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
