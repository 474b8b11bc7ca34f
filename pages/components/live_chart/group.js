// Charts of one group share the cursor and the stretch across that is zoomed into.
// What plotly.js is told by `Fx.hover` it doesn't report, so a shared cursor has no echo; what it is told by `relayout` it does.

function groupOf(state) {
  window.descentGroups ??= new Map();
  if (!state.group) return null;
  let group = window.descentGroups.get(state.group);
  if (!group) {
    group = { members: new Set(), across: null };
    window.descentGroups.set(state.group, group);
  }
  return group;
}

function joinGroup(state, name) {
  if (state.group === name) return;
  leaveGroup(state);
  state.group = name;
  groupOf(state)?.members.add(state);
}

function leaveGroup(state) {
  const group = groupOf(state);
  if (!group) return;
  group.members.delete(state);
  if (!group.members.size) window.descentGroups.delete(state.group);
}

function kindOf(layout) {
  const type = layout?.xaxis?.type;
  return !type || type === "-" ? "linear" : type;
}

function others(state) {
  const drawn = (other) => other !== state && other.box.isConnected && other.box._fullLayout?.xaxis && !other.drawing;
  return [...(groupOf(state)?.members ?? [])].filter(drawn);
}

function shareCursor(state) {
  const { box } = state;
  box.on("plotly_hover", (event) => {
    const x = event.xvals?.[0] ?? event.points?.[0]?.x;
    if (x === undefined || x === null) return;
    for (const other of others(state)) pointAt(other.box, x, event.points?.[0]?.data);
  });
  box.on("plotly_unhover", () => {
    for (const other of others(state)) window.Plotly.Fx.unhover(other.box);
  });
}

function pointAt(box, x, trace) {
  const { xaxis, yaxis, hovermode } = box._fullLayout;
  const xpx = xaxis.d2p(x);
  if (!(xpx >= 0 && xpx <= xaxis._length)) return window.Plotly.Fx.unhover(box);
  // Where a chart tells of the nearest curve alone, it is to be the one pointed at in the other chart.
  const twin = hovermode === "closest" && trace ? twinHeight(box, trace, xpx) : null;
  return window.Plotly.Fx.hover(box, { xpx, ypx: twin ?? yaxis._length / 2 });
}

function twinHeight(box, trace, xpx) {
  const { xaxis, yaxis } = box._fullLayout;
  const isTwin = (other) => other.visible === true && other.hoverinfo !== "skip" && other.name === trace.name;
  const points = box.calcdata.find((found) => isTwin(found[0].trace)) ?? [];
  let [height, nearest] = [null, Infinity];
  for (const point of points) {
    const away = Math.abs(xaxis.c2p(point.x) - xpx);
    if (away < nearest && Number.isFinite(point.y)) [height, nearest] = [yaxis.c2p(point.y), away];
  }
  return height;
}

function rangeIn(change) {
  const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
  return range.every((end) => end !== undefined) ? [...range] : null;
}

function shareZoom(state, change) {
  // `change` is what plotly_relayout says; only what happens across is shared.
  const group = groupOf(state);
  if (!group || state.told) return;
  const range = rangeIn(change);
  if (!range && !change["xaxis.autorange"]) return;
  const kind = kindOf(state.box._fullLayout);
  group.across = range ? { range, kind } : null;
  for (const other of others(state)) {
    if (kindOf(other.box._fullLayout) !== kind) continue;
    const given = other.given?.xaxis?.range;
    const update = range || given ? { "xaxis.range": [...(range ?? given)] } : { "xaxis.autorange": true };
    other.told = (other.told ?? 0) + 1;
    window.Plotly.relayout(other.box, update).finally(() => { other.told -= 1; });
  }
}

function withSharedZoom(state, layout) {
  const across = groupOf(state)?.across;
  if (!across || kindOf(layout) !== across.kind) return layout;
  return { ...layout, xaxis: { ...layout.xaxis, range: [...across.range], autorange: false } };
}
