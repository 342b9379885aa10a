// @ts-check
/**
 * The one place where the page says that something is wrong. At most one notice per kind; each can be put away.
 * Knows the wording (messages.js) and nothing of causes.
 */

import { el } from "./dom.js";
import { messageFor } from "./messages.js";

/** @typedef {import("./messages.js").Action} Action */

/** @type {Record<Action, string>} */
const ACTION_WORDS = { retry: "Try again", text: "Type instead", sound: "Play the sound", key: "Open the settings" };

export class Notices {
  /** @param {HTMLElement} place an element with role="alert" @param {(action: Action, kind: string) => void} onAction */
  constructor(place, onAction) {
    this.place = place;
    this.onAction = onAction;
    /** @type {Map<string, HTMLElement>} */
    this.shown = new Map();
  }

  /** @param {string} kind @param {string} [detail] */
  show(kind, detail = "") {
    this.hide(kind);
    const message = messageFor(kind, detail);
    const away = el("button", { type: "button", class: "quiet", "aria-label": "Put this message away" }, "✕");
    away.addEventListener("click", () => this.hide(kind));
    const node = el("section", { class: "notice", "data-kind": kind },
      el("header", {}, el("h2", {}, message.title), away),
      el("p", {}, message.text),
      message.detail ? el("p", { class: "detail" }, message.detail) : null,
      message.steps ? el("ol", {}, ...message.steps.map((step) => el("li", {}, step))) : null,
      message.actions.length ? el("div", { class: "actions" }, ...message.actions.map((action) => this.#button(action, kind))) : null);
    this.place.append(node);
    this.shown.set(kind, node);
  }

  /** @param {string} [kind] all when left out */
  hide(kind) {
    for (const [each, node] of this.shown) {
      if (kind !== undefined && kind !== each) continue;
      node.remove();
      this.shown.delete(each);
    }
  }

  /** @param {Action} action @param {string} kind */
  #button(action, kind) {
    const button = el("button", { type: "button", class: action === "text" ? "plain" : "filled" }, ACTION_WORDS[action]);
    button.addEventListener("click", () => this.onAction(action, kind));
    return button;
  }
}
