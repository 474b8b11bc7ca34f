// Texts token by token. What a user or a dataset wrote is set as text alone: none of it is read as HTML.

const part = (kind, name, text) => {
  const element = document.createElement(kind);
  element.className = name;
  element.textContent = text;
  return element;
};

export default function (component) {
  const { data, parentElement } = component;
  const rows = parentElement.querySelector(".descent-tokens");
  rows.replaceChildren(
    ...data.rows.map((row) => {
      const block = document.createElement("div");
      const line = part("p", "tokens", "");
      if (row.cut) line.append(part("span", "cut", row.cut));
      const token = (written) => (piece, place) => part("span", written[place] ? "token written" : "token", piece);
      line.append(...row.start.map(token(row.start_written)));
      if (row.gap) line.append(part("span", "gap", row.gap));
      line.append(...row.end.map(token(row.end_written)));
      if (row.learned) line.append(" ", part("span", "learned", `→ ${row.learned}`));
      block.append(line, part("p", "words", row.words));
      return block;
    }),
  );
  rows.setAttribute("role", "group");
  rows.setAttribute("aria-label", data.label);
}
