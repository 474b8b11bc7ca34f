// Charts of one group share the cursor and the stretch across that is zoomed into.

const ECHO_MS = 120; // what a chart is told by another comes back as an event of its own: not to be passed on

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

function others(state) {
  return [...(groupOf(state)?.members ?? [])].filter((other) => other !== state && other.box.isConnected && other.box._fullLayout);
}

function shareCursor(state) {
  state.box.on("plotly_hover", (event) => {
    if (performance.now() < (state.echoUntil ?? 0)) return;
    const xval = event.xvals?.[0] ?? event.points?.[0]?.x;
    if (typeof xval !== "number") return;
    for (const other of others(state)) {
      other.echoUntil = performance.now() + ECHO_MS;
      const y = other.box._fullLayout.yaxis?.range ?? [0, 0];
      window.Plotly.Fx.hover(other.box, { xval, yval: (y[0] + y[1]) / 2 });
    }
  });
  state.box.on("plotly_unhover", () => {
    if (performance.now() < (state.echoUntil ?? 0)) return;
    for (const other of others(state)) window.Plotly.Fx.unhover(other.box);
  });
}

function shareZoom(state, change) {
  // `change` is what plotly_relayout says; only what happens across is shared.
  const group = groupOf(state);
  if (!group || state.told) return;
  const axis = state.box.layout?.xaxis;
  const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
  if (range.every((end) => end !== undefined)) group.across = range.map(Number);
  else if (change["xaxis.autorange"] || (change.autosize === undefined && axis?.autorange && group.across)) group.across = null;
  else return;
  for (const other of others(state)) {
    other.told = true;
    const update = group.across ? { "xaxis.range": group.across } : { "xaxis.autorange": true };
    window.Plotly.relayout(other.box, update).finally(() => { other.told = false; });
  }
}

function withSharedZoom(state, layout) {
  const group = groupOf(state);
  if (!group || !group.across || !layout.xaxis) return layout;
  return { ...layout, xaxis: { ...layout.xaxis, range: group.across, autorange: false } };
}
