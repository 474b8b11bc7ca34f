"""What runs take of the machine, as Plotly figures. No Streamlit here."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages.components.figure_parts import described, empty_figure, points_of, scatter_line
from pages.components.formats import per_cent
from pages.components.palette import palette
from pages.components.series import thin, x_values
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.tracking.records import Segment

SYSTEM_KEYS = {
    mark("Processor"): {"system/cpu_utilization_percentage": mark("CPU"), "system/gpu_0_utilization_percentage": mark("GPU")},
    mark("Memory"): {
        "system/system_memory_usage_megabytes": mark("this machine"),
        "system/process_memory_megabytes": mark("this run"),
        "system/gpu_0_memory_usage_megabytes": mark("GPU"),
    },
    mark("Disk"): {"system/disk_usage_percentage": mark("used")},
}


def system_figures(history: pd.DataFrame, segments: Sequence[Segment] = ()) -> list[go.Figure]:
    """What the run took of the machine over its minutes: processor, memory, disk. Kinds without points are left out."""
    figures = []
    for marked, keys in SYSTEM_KEYS.items():
        title = _(marked)
        percent = not any(key.endswith("megabytes") for key in keys)
        figure = empty_figure(title, "minutes", _("per cent") if percent else "GB")
        for colour, (key, name) in zip(palette(), keys.items(), strict=False):
            points = points_of(history, key)
            if not points.empty:
                x = x_values(points, "minutes", history, segments)
                y = points["value"].to_numpy(dtype=np.float64) / (1.0 if percent else 1_000.0)
                figure.add_trace(scatter_line(*thin(x, y), _(name), colour, per_cent("%{y:.0f}") if percent else "%{y:.2f} GB"))
        if figure.data:
            figure.update_yaxes(rangemode="tozero", **(dict(range=[0, 105]) if percent else {}))
            figures.append(described(figure))
    return figures
