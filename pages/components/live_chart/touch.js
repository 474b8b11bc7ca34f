// A swipe up or down over a chart scrolls the page, one across zooms, a tap points and clicks.
// plotly.js would take every touch for a zoom: a page of charts could not be scrolled on a phone.

const SWIPE = 8; // pixels

function listenForTouch(state) {
  const { box } = state;
  let start = null;
  const pass = (type, touch, target) => {
    const { clientX, clientY } = touch;
    target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, view: window, clientX, clientY, button: 0, buttons: 1 }));
  };
  box.addEventListener("touchstart", (event) => {
    start = null;
    if (box._fullLayout?.dragmode !== "zoom" || !event.target.classList?.contains("nsewdrag")) return;
    event.stopPropagation();
    if (event.touches.length === 1) start = { touch: event.touches[0], target: event.target, zooming: false };
  }, { capture: true, passive: true });
  box.addEventListener("touchmove", (event) => {
    if (!start || event.touches.length > 1) return;
    const touch = event.touches[0];
    const across = Math.abs(touch.clientX - start.touch.clientX);
    const upwards = Math.abs(touch.clientY - start.touch.clientY);
    if (!start.zooming && across > SWIPE && across > upwards) {
      start.zooming = true;
      pass("mousedown", start.touch, start.target);
    }
    if (!start.zooming) return;
    event.preventDefault();
    pass("mousemove", touch, document);
  }, { capture: true, passive: false });
  const end = (event) => {
    if (start?.zooming) {
      if (event.cancelable) event.preventDefault();
      pass("mouseup", event.changedTouches[0], document);
    }
    start = null;
  };
  box.addEventListener("touchend", end, { capture: true, passive: false });
  box.addEventListener("touchcancel", end, { capture: true, passive: false });
}
