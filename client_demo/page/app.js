// @ts-check
/**
 * The page put together: controls → call → events → turns → picture. The only module that knows all others.
 */

import { MicrophoneFailure, Sound, openMicrophone } from "./audio.js";
import { SessionClock } from "./clock.js";
import { Conversation } from "./conversation.js";
import { byId } from "./dom.js";
import { plainTurn } from "./export.js";
import { HoldToTalk } from "./hold_to_talk.js";
import { Measure } from "./measure.js";
import { QUIET_CODES, kindOfCode } from "./messages.js";
import { Notices } from "./notices.js";
import { Settings } from "./settings.js";
import { phaseOf } from "./phase.js";
import { View } from "./view.js";
import { Wire, WireFailure } from "./wire.js";

/** People let go of the button on their last syllable, and the audio behind it is still on its way. */
const RELEASE_TAIL_MS = 120;
const RELEASE_FLIGHT_MS = 60;
const CLOCK_POLL_MS = 500;
const SERVER_POLL_MS = 3000;
const KEPT_EVENTS = 4000;

class App {
  constructor() {
    this.settings = new Settings(() => this.#applySettings());
    this.notices = new Notices(byId("notices"), (action, kind) => this.#onNoticeAction(action, kind));
    this.sound = new Sound(byId("player"));
    this.measure = new Measure(this.sound);
    this.conversation = new Conversation();
    this.clock = new SessionClock(performance.now());
    this.wire = new Wire({
      onEvent: (/** @type {any} */ event) => this.#onEvent(event),
      onAudio: async (stream) => (await this.sound.play(stream)) || this.notices.show("sound_blocked"),
      onLost: (failure) => this.#hangUp(failure),
    });
    /** @type {"idle" | "connecting" | "open"} */
    this.call = "idle";
    this.muted = false;
    this.holding = false;
    /** @type {{atMs: number, event: any}[]} */
    this.events = [];
    /** @type {number | undefined} */
    this.serverWatch = undefined;
    this.view = new View(this);
    this.hold = new HoldToTalk(byId("talk"), {
      isActive: () => this.call === "open" && this.settings.choices.mode === "hold" && this.sound.microphone !== null,
      onPress: () => this.#press(),
      onRelease: () => this.#release(),
    });
    this.#listen();
    setInterval(() => this.#pollClock(), CLOCK_POLL_MS);
  }

  /** @returns {import("./phase.js").Phase} */
  get phase() {
    return phaseOf(this);
  }

  /** Where the session's audio is now. */
  get nowMs() {
    return this.clock.toAudio(performance.now());
  }

  #listen() {
    byId("talk").addEventListener("click", () => this.#onTalk());
    byId("hang-up").addEventListener("click", () => this.#hangUp(null));
    byId("stop").addEventListener("click", () => this.#stopAnswer());
    byId("type").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      void this.#typeTurn(byId("typed"));
    });
    window.addEventListener("pagehide", () => this.wire.close());
  }

  /** Make the call. @param {boolean} withMicrophone @returns {Promise<boolean>} */
  async #connect(withMicrophone) {
    if (this.call !== "idle") return this.call === "open";
    this.call = "connecting";
    this.notices.hide();
    clearInterval(this.serverWatch);
    try {
      this.sound.start();
      const microphone = withMicrophone ? await openMicrophone() : null;
      if (microphone) this.sound.useMicrophone(microphone);
      this.conversation = new Conversation();
      this.measure.forget();
      this.view.newConversation();
      await this.wire.connect(microphone, this.settings.accessKey);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.clock = new SessionClock(performance.now());
    this.call = "open";
    this.muted = false;
    this.#applySettings();
    return true;
  }

  /** @param {unknown} error */
  #failed(error) {
    const known = error instanceof WireFailure || error instanceof MicrophoneFailure;
    if (!known) console.error(error);
    this.sound.stop();
    this.call = "idle";
    this.notices.show(known ? error.kind : "call_failed", error instanceof WireFailure ? error.detail : "");
    if (known && error.kind === "unreachable") this.#watchServer();
  }

  /** @param {WireFailure | null} failure null when the visitor hung up */
  #hangUp(failure) {
    const nowMs = this.nowMs;
    this.wire.close();
    this.conversation.end(nowMs);
    this.measure.freeze(this.conversation, this.clock);
    this.sound.stop();
    this.call = "idle";
    this.holding = false;
    if (failure) this.notices.show(failure.kind, failure.detail);
  }

  /** Tell when the server is back, so that nobody has to try by hand. */
  #watchServer() {
    clearInterval(this.serverWatch);
    this.serverWatch = setInterval(async () => {
      const reply = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
      if (!reply?.ok) return;
      clearInterval(this.serverWatch);
      this.notices.hide("unreachable");
      this.notices.show("server_back");
    }, SERVER_POLL_MS);
  }

  #applySettings() {
    this.view.settingsChanged();
    this.#openMicrophoneAsNeeded();
    this.wire.send(this.settings.sessionUpdate(this.conversation.turns.some((turn) => turn.firstAudioMs !== null)));
  }

  #openMicrophoneAsNeeded() {
    this.sound.setMicrophoneOpen(this.settings.choices.mode === "hold" ? this.holding : !this.muted);
  }

  /** @param {any} event */
  #onEvent(event) {
    const atMs = performance.now();
    this.events.push({ atMs, event });
    if (this.events.length > KEPT_EVENTS) this.events.splice(0, this.events.length - KEPT_EVENTS);
    if (["forethought.note", "forethought.thought"].includes(event.type) && this.sound.microphone) this.clock.heard(event.audio_ms, atMs);
    const turn = this.conversation.push(event, this.clock.toAudio(atMs));
    if (event.type.startsWith("session.")) this.view.sessionChanged(this.conversation.session);
    if (event.type === "session.created" || event.type === "session.updated") this.settings.offer(this.conversation.session);
    if (event.type === "response.created") this.notices.hide("engine_lost");
    if (event.type === "error") this.#onError(event.error ?? {});
    if (event.type === "response.done" && event.response?.status === "failed") this.#onError(event.response.status_details?.error ?? {});
    if (turn) this.view.turnChanged(turn);
  }

  /** @param {{code?: string, message?: string}} error */
  #onError(error) {
    if (QUIET_CODES.has(error.code ?? "")) return;
    this.notices.show(kindOfCode(error.code), error.message ?? "");
  }

  #onTalk() {
    if (this.call === "idle") void this.#connect(true);
    else if (this.call === "open" && this.sound.microphone === null) this.#joinWithMicrophone();
    else if (this.call === "open" && this.settings.choices.mode === "open") {
      this.muted = !this.muted;
      this.#openMicrophoneAsNeeded();
    }
  }

  /** The call was made for typing; talking needs a new one, because the first offered no microphone. */
  #joinWithMicrophone() {
    this.#hangUp(null);
    void this.#connect(true);
  }

  #press() {
    this.holding = true;
    this.#stopAnswer();
    this.wire.send({ type: "input_audio_buffer.clear" });
    this.#openMicrophoneAsNeeded();
  }

  #release() {
    setTimeout(() => {
      this.holding = false;
      this.#openMicrophoneAsNeeded();
    }, RELEASE_TAIL_MS);
    setTimeout(() => {
      this.wire.send({ type: "input_audio_buffer.commit" });
      this.wire.send({ type: "response.create" });
    }, RELEASE_TAIL_MS + RELEASE_FLIGHT_MS);
  }

  #stopAnswer() {
    if (this.conversation.answering === null) return;
    this.wire.send({ type: "response.cancel" });
    this.wire.send({ type: "output_audio_buffer.clear" });
  }

  /** @param {HTMLInputElement} input */
  async #typeTurn(input) {
    const text = input.value.trim();
    if (!text || !(await this.#connect(false))) return;
    input.value = "";
    this.#stopAnswer();
    const id = `item_${crypto.getRandomValues(new Uint32Array(3)).join("")}`.slice(0, 30);
    this.view.turnChanged(this.conversation.typed(id, text, this.nowMs));
    this.wire.send({ type: "conversation.item.create", item: { id, type: "message", role: "user", content: [{ type: "input_text", text }] } });
    this.wire.send({ type: "response.create" });
  }

  /** @param {import("./messages.js").Action} action @param {string} kind */
  #onNoticeAction(action, kind) {
    if (action === "key") return this.settings.open();
    this.notices.hide(kind);
    if (action === "retry") void this.#connect(true);
    if (action === "sound") void this.sound.player.play();
    if (action === "text") byId("typed").focus();
  }

  async #pollClock() {
    if (this.call !== "open" || this.sound.microphone === null) return;
    const sent = await this.wire.audioSent();
    if (sent) this.clock.sent(sent.sentMs, sent.atMs);
  }
}

const app = new App();
app.view.start();

/** For tests and the curious: what the page knows, as copies. Reading it changes nothing. */
Object.defineProperty(window, "forethought", {
  value: Object.freeze({
    get state() {
      return app.phase;
    },
    get turns() {
      return app.conversation.turns.filter((turn) => turn.status !== "discarded").map(plainTurn);
    },
    get events() {
      return structuredClone(app.events);
    },
  }),
});
