// A square to draw on with mouse, pen or finger. It sends its strokes back after each one: lists of points, 0 to 1 from the
// top left. Python draws the picture from them, so nothing has to be decoded there, and a drawing survives a visit elsewhere.

const boards = new WeakMap();
const MAX_POINTS = 2000;

const rounded = (value) => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;

function paint(board) {
  const { canvas } = board;
  const size = Math.max(1, Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)));
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, size, size);
  pen.strokeStyle = pen.fillStyle = getComputedStyle(canvas).color;
  pen.lineWidth = board.width * size;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of board.strokes) {
    pen.beginPath();
    stroke.forEach(([x, y], i) => (i ? pen.lineTo(x * size, y * size) : pen.moveTo(x * size, y * size)));
    if (stroke.length === 1) pen.lineTo(stroke[0][0] * size, stroke[0][1] * size);
    pen.stroke();
  }
  board.undo.disabled = board.clear.disabled = board.strokes.length === 0;
}

function listen(board) {
  const { canvas } = board;
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return [rounded((event.clientX - box.left) / box.width), rounded((event.clientY - box.top) / box.height)];
  };
  const finish = (event) => {
    if (board.pointer !== event.pointerId) return;
    board.pointer = null;
    board.send(board.strokes);
  };
  canvas.onpointerdown = (event) => {
    if (board.pointer !== null || event.button > 0) return;
    event.preventDefault();
    board.pointer = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    board.strokes = [...board.strokes, [point(event)]];
    paint(board);
  };
  canvas.onpointermove = (event) => {
    if (board.pointer !== event.pointerId) return;
    const stroke = board.strokes[board.strokes.length - 1];
    // Between two frames a fast pen passes several points.
    for (const step of event.getCoalescedEvents?.() ?? [event]) if (stroke.length < MAX_POINTS) stroke.push(point(step));
    paint(board);
  };
  canvas.onpointerup = canvas.onpointercancel = finish;
  board.undo.onclick = () => change(board, board.strokes.slice(0, -1));
  board.clear.onclick = () => change(board, []);
  board.observer = new ResizeObserver(() => paint(board));
  board.observer.observe(canvas);
}

function change(board, strokes) {
  board.strokes = strokes;
  paint(board);
  board.send(strokes);
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const canvas = parentElement.querySelector("canvas");
  let board = boards.get(canvas);
  if (!board) {
    // Only a new canvas takes what Python has: later data are an echo that may be older than the last stroke.
    const [undo, clear] = ["undo", "clear"].map((name) => parentElement.querySelector(`.${name}`));
    board = { canvas, undo, clear, strokes: data.strokes ?? [], pointer: null };
    boards.set(canvas, board);
    listen(board);
  }
  board.width = data.line_width;
  board.send = (strokes) => setStateValue("strokes", strokes);
  canvas.setAttribute("aria-label", data.label);
  board.undo.textContent = data.undo;
  board.clear.textContent = data.clear;
  paint(board);
  return () => {
    board.observer.disconnect();
    boards.delete(canvas);
  };
}
