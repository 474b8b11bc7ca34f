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
      for (const piece of row.start) line.append(part("span", "token", piece));
      if (row.gap) line.append(part("span", "gap", row.gap));
      for (const piece of row.end) line.append(part("span", "token", piece));
      line.append(" ", part("span", "learned", `→ ${row.learned}`));
      block.append(line, part("p", "words", row.words));
      return block;
    }),
  );
  rows.setAttribute("role", "group");
  rows.setAttribute("aria-label", data.label);
}
