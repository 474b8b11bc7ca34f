// A chart as a file, made by the browser: PNG, SVG, or a page that stands alone.

// Drawn on 24 by 24: a picture in its frame, a curve between two handles, the angle brackets of a page.
const ICONS = {
  png: "M3 4H21V20H3ZM5 6V18H19V6ZM6.2 16.5L10 11L12.6 14.4L15 11.5L17.8 16.5ZM8 8H10.4V10.4H8Z",
  svg: "M3 3H9.4V9.4H3ZM4.8 4.8V7.6H7.6V4.8ZM14.6 14.6H21V21H14.6ZM16.4 16.4V19.2H19.2V16.4ZM5.2 9.4V12C5.2 16 8 18.8 12 18.8H14.6V16.9H12C9.1 16.9 7.1 14.9 7.1 12V9.4Z",
  html: "M8 6.5L2.5 12L8 17.5L9.4 16.1L5.3 12L9.4 7.9ZM16 6.5L21.5 12L16 17.5L14.6 16.1L18.7 12L14.6 7.9ZM12.8 5.5L14.6 6L11.2 18.5L9.4 18Z",
};

function save(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.appendChild(link);
  link.click();
  link.remove();
}

function saveBlob(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function standing(state) {
  // The figure as it is seen, on the page's own background: it must be read outside of the page too.
  const page = pageColour(state.box);
  const layout = { ...state.box.layout, paper_bgcolor: page, plot_bgcolor: page };
  return { data: state.box.data, layout };
}

async function saveImage(state, format) {
  const { width, height } = state.box._fullLayout;
  const url = await window.Plotly.toImage(standing(state), { format, width, height, scale: format === "png" ? 2 : 1 });
  if (format === "png") return save(url, `${state.name}.png`);
  const comma = url.indexOf(",");
  return saveBlob(decodeURIComponent(url.slice(comma + 1)), "image/svg+xml", `${state.name}.svg`);
}

function asScript(value) {
  // "<" never stands in it: nothing in a figure can end the script.
  const unpacked = (_key, part) => (ArrayBuffer.isView(part) ? [...part] : part);
  return JSON.stringify(value, unpacked).replace(/</g, "\\u003c").replace(/\u2028/g, "\\u2028").replace(/\u2029/g, "\\u2029");
}

async function savePage(state) {
  const { data, layout } = standing(state);
  const alone = { ...layout, width: undefined, height: undefined, autosize: true };
  const answer = await fetch(state.url);
  if (!answer.ok) throw new Error(`${state.url}: ${answer.status}`);
  const source = (await answer.text()).replace(/<\/script/gi, "<\\/script").replace(/<!--/g, "<\\!--");
  const head = '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
    "<style>html,body,#chart{height:100%;margin:0}</style></head>";
  const draw = `const f=${asScript({ data, layout: alone, name: state.name, alt: state.alt })};document.title=f.name;` +
    'document.body.style.background=f.layout.paper_bgcolor;const c=document.getElementById("chart");' +
    'c.setAttribute("role","figure");c.setAttribute("aria-label",f.alt);' +
    "Plotly.newPlot(c,f.data,f.layout,{displaylogo:false,showSendToCloud:false,responsive:true});";
  const page = `${head}<body><div id="chart"></div><script>${source}</script><script>${draw}</script></body></html>`;
  saveBlob(page, "text/html", `${state.name}.html`);
}

function exportButtons(state) {
  const button = (name, act) => ({
    name,
    title: state.words[name],
    icon: { width: 24, height: 24, path: ICONS[name] },
    click: () => act().catch((error) => {
      console.error(error);
      say(state, state.words.failed);
    }),
  });
  return [
    button("png", () => saveImage(state, "png")),
    button("svg", () => saveImage(state, "svg")),
    button("html", () => savePage(state)),
  ];
}

function say(state, sentence) {
  const note = document.createElement("div");
  note.className = "descent-chart-note";
  note.setAttribute("role", "status");
  note.textContent = sentence;
  state.box.appendChild(note);
  setTimeout(() => note.remove(), 8_000);
}
