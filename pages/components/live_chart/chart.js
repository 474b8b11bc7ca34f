// Draws a Plotly figure, redraws it in place when points arrive, and keeps the viewer's zoom.
// Streamlit calls the default export at mount, whenever `data` changes and when the theme changes.

const states = new WeakMap(); // parentElement -> what belongs to one mounted chart

function loadPlotly(url) {
  // One script tag for all charts of the page.
  window.descentPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.descentPlotly = undefined;
      reject(new Error(url));
    };
    document.head.appendChild(script);
  });
  return window.descentPlotly;
}

function configOf(state) {
  // The same object as long as it says the same: plotly.js draws all anew, without the zoom, where it differs.
  const wish = JSON.stringify([state.picks, state.words]);
  if (state.configFor === wish) return state.config;
  const selecting = state.picks === "select" ? [] : ["select2d", "lasso2d"];
  state.configFor = wish;
  state.config = {
    displaylogo: false,
    showSendToCloud: false,
    responsive: false,
    displayModeBar: "hover",
    modeBarButtonsToRemove: ["toImage", ...selecting, "autoScale2d", "zoomIn2d", "zoomOut2d"],
    modeBarButtonsToAdd: exportButtons(state),
  };
  return state.config;
}

function zoomOf(state) {
  const zoom = {};
  for (const name of ["xaxis", "yaxis"]) {
    const axis = state.box.layout?.[name];
    if (!axis?.range || axis.autorange !== false) continue;
    const given = state.given?.[name]?.range;
    if (!given || axis.range.some((end, place) => Number(end) !== Number(given[place]))) zoom[name[0]] = axis.range.map(Number);
  }
  return Object.keys(zoom).length ? zoom : null;
}

function report(state) {
  const zoom = zoomOf(state);
  const text = JSON.stringify(zoom);
  if (!state.reportZoom || text === state.reported) return;
  state.reported = text;
  state.setStateValue("zoom", zoom);
}

async function draw(state) {
  if (state.drawing || state.held || !state.pending || !state.box.isConnected) return;
  state.drawing = true;
  try {
    const Plotly = await loadPlotly(state.url);
    const figure = JSON.parse(state.pending);
    state.pending = null;
    const width = state.box.offsetWidth || 700;
    const layout = withSharedZoom(state, themed(figure.layout, state.box, Boolean(state.group)));
    await Plotly.react(state.box, withShortNames(figure.data, layout, width), layout, configOf(state));
    state.given = figure.layout;
    state.limit = nameLimit(layout, width);
    state.box.classList.add("descent-chart-ready");
    if (!state.listening) listen(state);
  } catch (error) {
    state.box.textContent = state.failed;
    state.box.classList.add("descent-chart-ready");
    console.error(error);
  } finally {
    state.drawing = false;
  }
  if (state.pending) return draw(state);
  return state.given && report(state); // a zoom shared by its group, or lost with a new `uirevision`
}

function listen(state) {
  state.listening = true;
  shareCursor(state);
  listenForPicks(state);
  listenForTouch(state);
  state.box.on("plotly_relayout", (change) => {
    shareZoom(state, change ?? {});
    clearTimeout(state.timer);
    state.timer = setTimeout(() => report(state), 250);
  });
}

async function fit(state) {
  const { box } = state;
  if (!box.offsetWidth || !box._fullLayout || Math.abs(box._fullLayout.width - box.offsetWidth) <= 1) return;
  await window.Plotly.Plots.resize(box);
  if (nameLimit(box.layout, box.offsetWidth) === state.limit) return;
  state.pending ??= state.figure;
  draw(state);
}

function mount(parentElement, zoom) {
  const box = parentElement.querySelector(".descent-chart");
  const state = { box, reported: JSON.stringify(zoom) };
  // A redraw in the middle of a drag would throw the half-drawn zoom away: hold it until the pointer is up.
  const hold = () => { state.held = true; };
  const release = () => {
    if (!state.held) return;
    state.held = false;
    setTimeout(() => draw(state), 400);
  };
  box.addEventListener("pointerdown", hold, true);
  window.addEventListener("pointerup", release, true);
  window.addEventListener("pointercancel", release, true);
  const observer = new ResizeObserver(() => { fit(state).catch(console.error); });
  observer.observe(box);
  state.end = () => {
    clearTimeout(state.timer);
    clearTimeout(state.brushTimer);
    leaveGroup(state);
    observer.disconnect();
    window.removeEventListener("pointerup", release, true);
    window.removeEventListener("pointercancel", release, true);
    if (window.Plotly) window.Plotly.purge(box);
    states.delete(parentElement);
  };
  states.set(parentElement, state);
  return state;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const state = states.get(parentElement) ?? mount(parentElement, data.zoom);
  const { url, failed, name, alt, words, picks, reportZoom, figure } = data;
  Object.assign(state, { url, failed, name, alt, words, picks, reportZoom, figure, setStateValue, setTriggerValue });
  joinGroup(state, data.group);
  state.box.style.height = `${data.height}px`;
  state.box.setAttribute("role", "figure");
  state.box.setAttribute("aria-label", alt);
  state.pending = figure;
  draw(state);
  return () => {
    // Streamlit may clean up before it calls again with newer data: end only what has really left the page.
    setTimeout(() => { if (!state.box.isConnected) state.end(); }, 1000);
  };
}
