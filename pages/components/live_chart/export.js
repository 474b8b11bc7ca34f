// A chart as a file, made by the browser: PNG, SVG, or a page that stands alone.

function fileName(name) {
  const safe = name.normalize("NFC").replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 80);
  return safe || "chart";
}

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
  const page = getComputedStyle(state.box).getPropertyValue("--st-background-color").trim() || "#ffffff";
  const layout = { ...state.box.layout, paper_bgcolor: page, plot_bgcolor: page };
  return { data: state.box.data, layout };
}

async function saveImage(state, format) {
  const { width, height } = state.box._fullLayout;
  const url = await window.Plotly.toImage(standing(state), { format, width, height, scale: format === "png" ? 2 : 1 });
  if (format === "png") return save(url, `${fileName(state.name)}.png`);
  const comma = url.indexOf(",");
  return saveBlob(decodeURIComponent(url.slice(comma + 1)), "image/svg+xml", `${fileName(state.name)}.svg`);
}

async function savePage(state) {
  const figure = standing(state);
  const plain = { data: figure.data, layout: { ...figure.layout, width: undefined, height: undefined, autosize: true } };
  const unpacked = (_key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
  // "<" never stands in the script: nothing in the figure can end it.
  const json = JSON.stringify(plain, unpacked).replace(/</g, "\\u003c").replace(/\u2028/g, "\\u2028").replace(/\u2029/g, "\\u2029");
  const source = (await (await fetch(state.url)).text()).replace(/<\/script/gi, "<\\/script");
  const head = '<!doctype html><html><head><meta charset="utf-8"><style>html,body,#chart{height:100%;margin:0}</style></head>';
  const draw = `const f=${json};document.body.style.background=f.layout.paper_bgcolor;` +
    'Plotly.newPlot("chart",f.data,f.layout,{displaylogo:false,showSendToCloud:false,responsive:true});';
  const page = `${head}<body><div id="chart"></div><script>${source}</script><script>${draw}</script></body></html>`;
  saveBlob(page, "text/html", `${fileName(state.name)}.html`);
}

function exportButtons(state) {
  const { Icons } = window.Plotly;
  const button = (name, icon, act) => ({
    name, icon, title: state.words[name],
    click: () => act().catch((error) => { console.error(error); }),
  });
  return [
    button("png", Icons.camera, () => saveImage(state, "png")),
    button("svg", Icons.drawclosedpath ?? Icons.pencil, () => saveImage(state, "svg")),
    button("html", Icons.disk, () => savePage(state)),
  ];
}
