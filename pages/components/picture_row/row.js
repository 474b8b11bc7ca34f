// A row of pictures, one of which is chosen. A click is shown at once and sent back; Python's answer follows.

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const row = parentElement.querySelector(".descent-pictures");
  row.setAttribute("aria-label", data.label);
  const signature = JSON.stringify(data.pictures.map((picture) => picture.id));
  if (row.dataset.signature !== signature) {
    row.dataset.signature = signature;
    row.replaceChildren(
      ...data.pictures.map((picture) => {
        const button = document.createElement("button");
        const image = document.createElement("img");
        button.type = "button";
        button.title = image.alt = picture.alt;
        button.dataset.id = picture.id;
        image.src = picture.source;
        button.append(image);
        return button;
      }),
    );
  }
  const press = (id) => {
    for (const button of row.children) button.setAttribute("aria-pressed", String(button.dataset.id === String(id)));
  };
  for (const button of row.children) {
    button.onclick = () => {
      press(button.dataset.id);
      setStateValue("chosen", button.dataset.id);
    };
  }
  press(data.chosen);
}
