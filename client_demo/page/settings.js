// @ts-check
/**
 * The settings drawer: what the visitor chose, kept in this browser (the access key only as long as the tab), and
 * the `session.update` that says so on the wire. Knows no connection.
 */

import { byId, el } from "./dom.js";

const STORE = "forethought.settings";
const KEY_STORE = "forethought.key";

/** @typedef {{mode: "open" | "hold", effort: string, eagerness: string, voice: string, showThoughts: boolean}} Choices */

/** @type {Choices} */
const DEFAULTS = { mode: "open", effort: "", eagerness: "auto", voice: "", showThoughts: true };

export class Settings {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.choices = load();
    this.onChange = onChange;
    /** @type {HTMLDialogElement} */
    this.drawer = byId("settings");
    this.voice = byId("voice");
    this.key = byId("key");
    this.key.value = sessionStorage.getItem(KEY_STORE) ?? "";
    this.key.addEventListener("change", () => sessionStorage.setItem(KEY_STORE, this.key.value.trim()));
    byId("open-settings").addEventListener("click", () => this.open());
    byId("close-settings").addEventListener("click", () => this.drawer.close());
    this.drawer.addEventListener("click", (event) => event.target === this.drawer && this.drawer.close());
    for (const name of /** @type {const} */ (["effort", "eagerness", "voice"])) {
      byId(name).value = this.choices[name];
      byId(name).addEventListener("change", () => this.#choose({ [name]: byId(name).value }));
    }
    const thoughts = byId("show-thoughts");
    thoughts.checked = this.choices.showThoughts;
    thoughts.addEventListener("change", () => this.#choose({ showThoughts: thoughts.checked }));
    for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=mode]"))) {
      radio.checked = radio.value === this.choices.mode;
      radio.addEventListener("change", () => radio.checked && this.#choose({ mode: /** @type {"open" | "hold"} */ (radio.value) }));
    }
  }

  open() {
    this.drawer.showModal();
  }

  /** @returns {string} */
  get accessKey() {
    return this.key.value.trim();
  }

  /** Offer the voices that the session names. @param {any} session */
  offer(session) {
    const about = session?.forethought ?? {};
    const current = session?.audio?.output?.voice ?? about.voice ?? "";
    /** @type {string[]} */
    const names = Array.isArray(about.voices) ? about.voices.map(String) : [];
    this.voice.replaceChildren(el("option", { value: "" }, current ? `${nameOf(current)} (the server's choice)` : "the server's choice"),
      ...names.map((name) => el("option", { value: name }, name)));
    this.voice.disabled = names.length === 0;
    this.voice.value = names.includes(this.choices.voice) ? this.choices.voice : "";
  }

  /** The event that puts the choices on the wire. @param {boolean} audioBegan a voice is fixed once it has spoken */
  sessionUpdate(audioBegan) {
    const { mode, effort, eagerness } = this.choices;
    const voice = this.voice.value;
    return {
      type: "session.update",
      session: {
        type: "realtime",
        forethought: { events: true },
        ...(effort ? { reasoning: { effort } } : {}),
        audio: {
          input: {
            turn_detection: mode === "hold" ? null : { type: "semantic_vad", eagerness, create_response: true, interrupt_response: true },
          },
          ...(voice && !audioBegan ? { output: { voice } } : {}),
        },
      },
    };
  }

  /** @param {Partial<Choices>} change */
  #choose(change) {
    Object.assign(this.choices, change);
    try {
      localStorage.setItem(STORE, JSON.stringify(this.choices));
    } catch {
      // Storage may be switched off; the choice then lasts as long as the page.
    }
    this.onChange();
  }
}

/** @param {any} voice */
function nameOf(voice) {
  return typeof voice === "string" ? voice : String(voice?.id ?? "");
}

/** @returns {Choices} */
function load() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}
