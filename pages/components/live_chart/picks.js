// Points that are clicked, selected or brushed: their `customdata`, reported once.

function idOf(point) {
  const data = point.customdata;
  const id = Array.isArray(data) ? data[0] : data;
  return typeof id === "string" && id ? id : null;
}

function report_picks(state, how, ids) {
  state.setTriggerValue("picked", { how, ids: [...new Set(ids)] });
}

function listenForPicks(state) {
  const { box } = state;
  box.on("plotly_click", (event) => {
    if (!state.picks) return;
    const ids = event.points.map(idOf).filter(Boolean);
    if (ids.length) report_picks(state, "click", ids.slice(0, 1));
  });
  box.on("plotly_hover", (event) => {
    const over = state.picks && event.points?.some((point) => idOf(point));
    box.classList.toggle("descent-chart-points", Boolean(over));
  });
  box.on("plotly_unhover", () => box.classList.remove("descent-chart-points"));
  box.on("plotly_selected", (event) => {
    if (state.picks !== "select" || !event?.points) return;
    const ids = event.points.map(idOf).filter(Boolean);
    window.Plotly.relayout(box, { selections: [] });
    window.Plotly.restyle(box, { selectedpoints: [null] });
    if (ids.length) report_picks(state, "select", ids);
  });
  box.on("plotly_restyle", () => {
    if (state.picks !== "select" || box.data?.[0]?.type !== "parcoords") return;
    clearTimeout(state.brushTimer);
    state.brushTimer = setTimeout(() => {
      const ids = withinBrushes(box.data[0]);
      const text = JSON.stringify(ids);
      if (text === state.brushed) return;
      state.brushed = text;
      report_picks(state, "select", ids);
    }, 300);
  });
}

function numbers(values) {
  // plotly.js keeps arrays that came packed as typed arrays, or as it got them.
  return ArrayBuffer.isView(values) || Array.isArray(values) ? values : values?._inputArray ?? [];
}

function withinBrushes(trace) {
  const ids = trace.customdata ?? [];
  const dimensions = trace.dimensions.filter((dimension) => dimension.constraintrange?.length);
  return [...ids].filter((_id, line) =>
    dimensions.every((dimension) => {
      const value = numbers(dimension.values)[line];
      const ranges = Array.isArray(dimension.constraintrange[0]) ? dimension.constraintrange : [dimension.constraintrange];
      return ranges.some(([low, high]) => value >= low && value <= high);
    }),
  );
}
