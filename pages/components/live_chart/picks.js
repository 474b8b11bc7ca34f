// Points that are clicked, selected or brushed: their `customdata`, reported once.

const NEAR = 20; // pixels from a point within which a click means it, as plotly.js has it for hovering

function idOf(data) {
  const id = Array.isArray(data) ? data[0] : data;
  return typeof id === "string" && id ? id : null;
}

function reportPicks(state, how, ids) {
  const unique = [...new Set(ids)];
  const text = JSON.stringify([how, unique]);
  // A double click is two clicks, and the end of a selection can be told twice: each is one wish.
  if (text === state.lastPick && performance.now() - state.pickedAt < 600) return;
  state.lastPick = text;
  state.pickedAt = performance.now();
  state.setTriggerValue("picked", { how, ids: unique });
}

function pointUnder(box, points, pointer) {
  // With one label for all curves, all points above and below the pointer are told of: the one near it is meant.
  const place = box.getBoundingClientRect();
  let [found, nearest] = [null, Infinity];
  for (const point of points ?? []) {
    const id = idOf(point.customdata);
    if (!id) continue;
    const isMark = (point.data?.type ?? "scatter").startsWith("scatter") && point.xaxis?.d2p && pointer?.clientX !== undefined;
    const across = isMark ? place.left + point.xaxis._offset + point.xaxis.d2p(point.x) - pointer.clientX : 0;
    const upwards = isMark ? place.top + point.yaxis._offset + point.yaxis.d2p(point.y) - pointer.clientY : 0;
    const away = Math.hypot(across, upwards);
    if (away < nearest && away <= NEAR) [found, nearest] = [id, away];
  }
  return found;
}

function listenForPicks(state) {
  const { box } = state;
  const showPointer = (pointer) => {
    box.classList.toggle("descent-chart-point", Boolean(state.picks && pointUnder(box, state.hovered, pointer)));
  };
  box.on("plotly_hover", (event) => {
    state.hovered = event.points;
    showPointer(event.event);
  });
  box.on("plotly_unhover", () => {
    state.hovered = null;
    box.classList.remove("descent-chart-point");
  });
  box.addEventListener("pointermove", (pointer) => { if (state.hovered) showPointer(pointer); });
  box.on("plotly_click", (event) => {
    const id = state.picks ? pointUnder(box, event.points, event.event) : null;
    if (id) reportPicks(state, "click", [id]);
  });
  box.on("plotly_selected", (event) => {
    // While it draws, plotly.js tells of selections that were made before.
    if (state.picks !== "select" || state.drawing || !event?.points) return;
    const ids = event.points.map((point) => idOf(point.customdata)).filter(Boolean);
    if (ids.length) reportPicks(state, "select", ids);
    else if (box.layout.selections?.length) deselect(box); // an empty box would dim all points for nothing
  });
  box.on("plotly_restyle", () => {
    const trace = brushedTrace(state);
    if (!trace || state.drawing) return;
    clearTimeout(state.brushTimer);
    state.brushTimer = setTimeout(() => reportBrushes(state), 300);
  });
}

function deselect(box) {
  return window.Plotly.update(box, { selectedpoints: [null] }, { selections: [] });
}

function brushedTrace(state) {
  return state.picks === "select" ? state.box.data?.find((trace) => trace.type === "parcoords") : undefined;
}

function reportBrushes(state) {
  const trace = brushedTrace(state);
  if (!trace) return;
  const brushes = JSON.stringify(brushesOf(trace));
  if (brushes === (state.brushes ?? "[]")) return; // an axis was moved
  state.brushes = brushes;
  reportPicks(state, "select", withinBrushes(trace));
}

function brushesOf(trace) {
  return trace.dimensions
    .filter((dimension) => dimension.visible !== false && dimension.constraintrange?.length)
    .map(({ label, constraintrange }) => [label, constraintrange])
    .sort(([one], [other]) => String(one).localeCompare(String(other)));
}

function numbers(values) {
  // Arrays may come packed; plotly.js keeps what it unpacked beside them.
  return ArrayBuffer.isView(values) || Array.isArray(values) ? values : values?._inputArray ?? [];
}

function withinBrushes(trace) {
  const lines = [...(trace.customdata ?? trace.ids ?? [])].map(idOf);
  const brushed = trace.dimensions.filter((dimension) => dimension.visible !== false && dimension.constraintrange?.length);
  return lines.filter((id, line) => id && brushed.every((dimension) => {
    const value = numbers(dimension.values)[line];
    const ranges = Array.isArray(dimension.constraintrange[0]) ? dimension.constraintrange : [dimension.constraintrange];
    return typeof value === "number" && ranges.some(([low, high]) => value >= low && value <= high);
  }));
}
