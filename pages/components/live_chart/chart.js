// Draws a Plotly figure, redraws it in place when points arrive, and keeps the viewer's zoom.
// Streamlit calls the default export at mount, whenever `data` changes and when the theme changes.

const NARROW = 520; // pixels; below, the tools stand in a column, where they leave the title free
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

function themed(layout, element, grouped) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  const text = colour("--st-text-color") || style.color;
  const border = colour("--st-border-color") || "#cccccc";
  const background = colour("--st-secondary-background-color") || colour("--st-background-color");
  const result = {
    ...layout,
    autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { size: 13, ...layout.font, color: text, family: colour("--st-font") || style.fontFamily },
    hoverlabel: { bgcolor: background, bordercolor: border, font: { color: text, size: 13 }, namelength: 60, ...layout.hoverlabel },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: text, activecolor: colour("--st-primary-color"), ...layout.modebar },
    legend: { bgcolor: "rgba(0,0,0,0)", ...layout.legend },
  };
  const page = colour("--st-background-color") || "#ffffff";
  result.annotations = (layout.annotations ?? []).map((note) => ({ bgcolor: page, opacity: 0.9, borderpad: 2, ...note }));
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(name)) {
      const spike = grouped && name[0] === "x" ? { showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "dot", spikecolor: text } : {};
      result[name] = { ...spike, gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, ...layout[name] };
    }
  }
  return result;
}

function zoomOf(layout) {
  const zoom = {};
  for (const name of ["xaxis", "yaxis"]) {
    const axis = layout[name];
    if (axis && axis.autorange === false && axis.range) zoom[name[0]] = axis.range.map(Number);
  }
  return Object.keys(zoom).length ? zoom : null;
}

async function draw(state) {
  if (state.drawing || state.held || !state.pending || !state.box.isConnected) return;
  state.drawing = true;
  try {
    const Plotly = await loadPlotly(state.url);
    const { figure, reportZoom } = state.pending;
    state.pending = null;
    const selecting = state.picks === "select" ? [] : ["select2d", "lasso2d"];
    const config = {
      displaylogo: false,
      showSendToCloud: false,
      responsive: false,
      displayModeBar: "hover",
      modeBarButtonsToRemove: ["toImage", ...selecting, "autoScale2d", "zoomIn2d", "zoomOut2d"],
      modeBarButtonsToAdd: exportButtons(state),
    };
    const layout = withSharedZoom(state, themed(figure.layout, state.box, Boolean(state.group)));
    if (state.box.offsetWidth < NARROW) layout.modebar = { ...layout.modebar, orientation: "v" };
    await Plotly.react(state.box, figure.data, layout, config);
    state.reportZoom = reportZoom;
    state.box.classList.add("descent-chart-ready");
    if (!state.listening) {
      state.listening = true;
      shareCursor(state);
      listenForPicks(state);
      state.box.on("plotly_relayout", (change) => {
        shareZoom(state, change ?? {});
        if (!state.reportZoom) return;
        clearTimeout(state.timer);
        state.timer = setTimeout(() => report(state), 250);
      });
    }
  } catch (error) {
    state.box.textContent = state.failed;
    state.box.classList.add("descent-chart-ready");
    console.error(error);
  } finally {
    state.drawing = false;
  }
  if (state.pending) draw(state);
}

function report(state) {
  const zoom = zoomOf(state.box.layout ?? {});
  const text = JSON.stringify(zoom);
  if (text === state.reported) return;
  state.reported = text;
  state.setStateValue("zoom", zoom);
}

function mount(parentElement) {
  const box = parentElement.querySelector(".descent-chart");
  const state = { box, reported: "null" };
  // A redraw in the middle of a drag would throw the half-drawn zoom away: hold it until the pointer is up.
  const hold = () => { state.held = true; };
  const release = () => { state.held = false; setTimeout(() => draw(state), 400); };
  box.addEventListener("pointerdown", hold, true);
  window.addEventListener("pointerup", release, true);
  window.addEventListener("pointercancel", release, true);
  const observer = new ResizeObserver(() => {
    if (box.offsetWidth && box._fullLayout && Math.abs(box._fullLayout.width - box.offsetWidth) > 1) {
      window.Plotly.Plots.resize(box);
    }
  });
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
  const state = states.get(parentElement) ?? mount(parentElement);
  state.url = data.url;
  state.failed = data.failed;
  state.setStateValue = setStateValue;
  state.setTriggerValue = setTriggerValue;
  state.name = data.name;
  state.words = data.words;
  state.picks = data.picks;
  joinGroup(state, data.group);
  state.box.style.height = `${data.height}px`;
  state.box.setAttribute("role", "img");
  state.box.setAttribute("aria-label", data.alt);
  state.pending = { figure: JSON.parse(data.figure), reportZoom: data.reportZoom };
  draw(state);
  return () => {
    // Streamlit may clean up before it calls again with newer data: end only what has really left the page.
    setTimeout(() => { if (!state.box.isConnected) state.end(); }, 1000);
  };
}
