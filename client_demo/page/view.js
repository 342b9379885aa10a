// @ts-check
/**
 * The page's picture of the app, drawn from what it is, some times a second. Decides nothing.
 */

import { byId, setText } from "./dom.js";
import { exampleTurn } from "./example.js";
import { download } from "./export.js";
import { loudness } from "./levels.js";
import { wordsOf } from "./phase.js";
import { TurnCard } from "./turn_card.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {import("./phase.js").Phase} Phase */

/** The time axis of the living turn; words are drawn as they come. */
const AXIS_EVERY_MS = 70;
/** How long after its end a turn is drawn on: its last levels and its ledger are still coming. */
const AFTERGLOW_MS = 600;
const ROOM_ABOVE_PX = 14;
const SCROLLED_AWAY_PX = 120;

/** @typedef {object} Shown what the view reads of the app
 * @property {Phase} phase
 * @property {string} call
 * @property {boolean} muted
 * @property {boolean} holding
 * @property {number} nowMs
 * @property {import("./conversation.js").Conversation} conversation
 * @property {import("./clock.js").SessionClock} clock
 * @property {import("./measure.js").Measure} measure
 * @property {import("./audio.js").Sound} sound
 * @property {import("./settings.js").Settings} settings
 */

export class View {
  /** @param {Shown} app */
  constructor(app) {
    this.app = app;
    this.turns = byId("turns");
    /** @type {Map<string, TurnCard>} */
    this.cards = new Map();
    /** @type {Set<string>} */
    this.dirty = new Set();
    this.drawnAtMs = 0;
    /** @type {TurnCard | null} */
    this.followed = null;
    this.follows = true;
    this.followedTo = 0;
    // Only a visitor's own scrolling counts: the page also moves when a ledger folds.
    for (const own of ["wheel", "touchmove", "keyup"]) {
      window.addEventListener(own, () => {
        this.follows = document.documentElement.scrollTop > this.followedTo - SCROLLED_AWAY_PX;
      }, { passive: true });
    }
    /** @type {Phase | ""} */
    this.announced = "";
    this.welcome = byId("welcome");
    const { turn, sounds } = exampleTurn();
    this.example = new TurnCard(turn, { example: true });
    this.exampleSounds = sounds;
    byId("example").append(this.example.root);
    new ResizeObserver(() => this.#redrawAll()).observe(byId("talk-area"));
  }

  start() {
    const frame = () => {
      this.#draw(performance.now());
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** @param {string} text */
  announce(text) {
    setText(byId("announcer"), text);
  }

  newConversation() {
    this.cards.clear();
    this.followed = null;
    this.follows = true;
    this.followedTo = 0;
    this.turns.replaceChildren();
  }

  settingsChanged() {
    document.body.dataset.mode = this.app.settings.choices.mode;
    this.#redrawAll();
  }

  /** @param {any} session */
  sessionChanged(session) {
    const about = session?.forethought ?? {};
    const honest = typeof about.human_speech === "string" ? about.human_speech : "";
    setText(byId("honest-text"), honest);
    byId("honest").hidden = honest === "";
    setText(byId("model"), [about.model, about.voice && `voice ${about.voice}`, about.version && `v${about.version}`].filter(Boolean).join(" · "));
  }

  /** @param {Turn} turn */
  turnChanged(turn) {
    this.dirty.add(turn.id);
    if (turn.status === "discarded") {
      this.cards.get(turn.id)?.root.remove();
      this.cards.delete(turn.id);
      return;
    }
    if (this.cards.has(turn.id)) return;
    for (const card of this.cards.values()) card.fold();
    const card = new TurnCard(turn, { onExport: () => this.#save(turn) });
    this.cards.set(turn.id, card);
    this.turns.append(card.root);
    this.followed = card;
    this.#follow();
  }

  /** @param {Turn} turn */
  #save(turn) {
    const { measure, clock, conversation } = this.app;
    download(turn, measure.soundsOf(turn, clock), conversation.session?.forethought ?? null);
  }

  #redrawAll() {
    for (const id of this.cards.keys()) this.dirty.add(id);
    this.example.draw(this.exampleSounds, null, this.app.settings.choices.showThoughts);
  }

  /** @param {number} pageMs */
  #draw(pageMs) {
    this.#drawDock();
    if (pageMs - this.drawnAtMs < AXIS_EVERY_MS) return;
    this.drawnAtMs = pageMs;
    const { conversation, measure, clock, nowMs, settings } = this.app;
    for (const turn of conversation.turns) {
      const card = this.cards.get(turn.id);
      if (card === undefined) continue;
      measure.listenFor(turn, clock);
      const living = !turn.isOver || nowMs - (turn.endMs ?? 0) < AFTERGLOW_MS;
      if (!living && !this.dirty.delete(turn.id)) continue;
      card.draw(measure.soundsOf(turn, clock), turn.isOver ? null : nowMs, settings.choices.showThoughts);
      if (!living) measure.freeze({ turns: [turn] }, clock);
      else this.dirty.add(turn.id);
    }
    if (this.dirty.size > 0) this.#follow();
  }

  #drawDock() {
    const { phase, settings, sound, call, holding, muted } = this.app;
    const { mode } = settings.choices;
    const { title, hint } = wordsOf(phase, mode, sound.microphone !== null);
    document.body.dataset.phase = phase;
    setText(byId("phase-title"), title);
    setText(byId("phase-hint"), hint);
    if (phase !== this.announced) {
      this.announced = phase;
      this.announce(title);
    }
    const talk = byId("talk");
    const listens = call === "open" && sound.microphone !== null && (mode === "hold" ? holding : !muted);
    talk.setAttribute("aria-label", talkLabel(call, mode, listens, sound.microphone !== null));
    talk.setAttribute("aria-pressed", String(listens));
    talk.disabled = call === "connecting";
    byId("hang-up").hidden = call !== "open";
    byId("stop").disabled = call !== "open" || this.app.conversation.answering === null;
    this.welcome.hidden = this.cards.size > 0;
    drawMeter("level-in", listens ? loudness(sound.input.nowDb) : 0);
    drawMeter("level-out", loudness(sound.output.nowDb));
    talk.style.setProperty("--level", listens ? loudness(sound.input.nowDb).toFixed(3) : "0");
    byId("dock").style.setProperty("--out", loudness(sound.output.nowDb).toFixed(3));
  }

  /** Keep the newest turn in sight, its time axis before its ledger, unless the visitor scrolled up to read. */
  #follow() {
    if (!this.follows || this.followed === null) return;
    const page = document.documentElement;
    const bottom = page.scrollHeight - page.clientHeight;
    const top = this.followed.root.getBoundingClientRect().top + page.scrollTop - ROOM_ABOVE_PX;
    this.followedTo = Math.max(0, Math.min(bottom, top));
    if (Math.abs(page.scrollTop - this.followedTo) > 1) page.scrollTop = this.followedTo;
  }
}

/** @param {string} id @param {number} share 0..1 */
function drawMeter(id, share) {
  const meter = byId(id);
  meter.style.setProperty("--share", share.toFixed(3));
}

/** @param {string} call @param {"open" | "hold"} mode @param {boolean} listens @param {boolean} hasMicrophone */
function talkLabel(call, mode, listens, hasMicrophone) {
  if (call !== "open") return "Start talking";
  if (!hasMicrophone) return "Talk with a microphone";
  if (mode === "hold") return "Hold to talk";
  return listens ? "Switch the microphone off" : "Switch the microphone on";
}
