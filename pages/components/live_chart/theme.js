// The figure in the page's colours, its names short enough for its width.

const LONGEST_NAME = 60; // letters
const LETTER = 7.5; // pixels

function colourOf(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function pageColour(element) {
  return colourOf(element, "--st-background-color") || "#ffffff";
}

// Fonts with Chinese characters, by the systems that have them: a chart that is saved is opened elsewhere.
const CHINESE = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

function themed(layout, element, grouped) {
  const style = getComputedStyle(element);
  const colour = (name) => colourOf(element, name);
  const text = colour("--st-text-color") || style.color;
  const border = colour("--st-border-color") || "#cccccc";
  const page = pageColour(element);
  const family = `${(colour("--st-font") || style.fontFamily).replace(/,?\s*sans-serif\s*$/, "")}, ${CHINESE}`;
  const background = colour("--st-secondary-background-color") || page;
  const result = {
    ...layout,
    autosize: true,
    paper_bgcolor: page, // what plotly.js reckons with where it sets a label or the cursor's line off
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { size: 13, ...layout.font, color: text, family },
    hoverlabel: { bgcolor: background, bordercolor: border, font: { color: text, size: 13, family }, namelength: LONGEST_NAME, ...layout.hoverlabel },
    modebar: { bgcolor: page, color: text, activecolor: colour("--st-primary-color"), ...layout.modebar },
    legend: { bgcolor: "rgba(0,0,0,0)", ...layout.legend },
  };
  result.annotations = (layout.annotations ?? []).map((note) => ({ bgcolor: page, opacity: 0.9, borderpad: 2, ...note }));
  const spike = { showspikes: true, spikemode: "across", spikesnap: "data", spikethickness: 1, spikedash: "dot", spikecolor: text };
  const names = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  for (const name of new Set(grouped ? [...names, "xaxis"] : names)) {
    const own = grouped && name[0] === "x" ? spike : {};
    result[name] = { ...own, gridcolor: border, zerolinecolor: border, linecolor: border, tickcolor: border, ...layout[name] };
  }
  return result;
}

function nameLimit(layout, width) {
  // A legend of one long name would leave no room for the curves: above or below them it takes the width, beside them a third.
  const room = layout.legend?.orientation === "h" ? width - 90 : width / 3;
  return Math.max(12, Math.min(LONGEST_NAME, Math.floor(room / LETTER)));
}

function shortName(name, limit) {
  // Names are escaped for Plotly, which reads a little HTML: cut the letters, not "&amp;" in two.
  const letters = String(name).match(/&(?:#\d+|#x[\da-f]+|\w+);|./gisu) ?? [];
  return letters.length > limit ? `${letters.slice(0, limit - 1).join("").trimEnd()}…` : name;
}

function withShortNames(data, layout, width) {
  const limit = nameLimit(layout, width);
  return data.map((trace) => (trace.name ? { ...trace, name: shortName(trace.name, limit) } : trace));
}
