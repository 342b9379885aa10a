// @ts-check
/**
 * Press and let go: a button (pointer, touch, keyboard) and the space bar as one switch.
 * Knows neither microphone nor wire; never reports a press twice or a release without a press.
 */

/** In these the space bar writes or works itself. */
const OWN_SPACE = "input, textarea, select, button, summary, a, dialog, [contenteditable]";

export class HoldToTalk {
  /**
   * @param {HTMLElement} button
   * @param {{isActive: () => boolean, onPress: () => void, onRelease: () => void}} handlers
   */
  constructor(button, handlers) {
    this.button = button;
    this.handlers = handlers;
    this.held = false;
    button.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && handlers.isActive()) {
        button.setPointerCapture(event.pointerId);
        this.#press();
      }
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, () => this.#release());
    button.addEventListener("contextmenu", (event) => handlers.isActive() && event.preventDefault());
    document.addEventListener("keydown", (event) => this.#key(event, true));
    document.addEventListener("keyup", (event) => this.#key(event, false));
    // A key let go in another window never arrives here.
    window.addEventListener("blur", () => this.#release());
  }

  /** @param {KeyboardEvent} event @param {boolean} down */
  #key(event, down) {
    const target = /** @type {Element} */ (event.target);
    const onButton = target === this.button && (event.key === " " || event.key === "Enter");
    const anywhere = event.key === " " && !target.closest(OWN_SPACE);
    if (!this.handlers.isActive() || !(onButton || anywhere)) return;
    event.preventDefault();
    if (down && !event.repeat) this.#press();
    if (!down) this.#release();
  }

  #press() {
    if (this.held) return;
    this.held = true;
    this.handlers.onPress();
  }

  #release() {
    if (!this.held) return;
    this.held = false;
    this.handlers.onRelease();
  }
}
