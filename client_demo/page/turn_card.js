// @ts-check
/**
 * One turn on the page: the user's words, the time axis, the answer with what was heard of it, and the ledger.
 * Draws a turn; knows no wire, no audio and no clock.
 */

import { el, setText } from "./dom.js";
import { countWords } from "./conversation.js";
import { LedgerChart } from "./ledger.js";
import { Timeline, seconds } from "./timeline.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {import("./timeline.js").Sounds} Sounds */

/** @type {Record<Turn["status"], string>} */
const STATUS_WORDS = {
  listening: "listening",
  tentative: "holding an answer",
  committed: "thinking",
  answering: "answering",
  speaking: "speaking",
  done: "answered",
  interrupted: "interrupted",
  failed: "no answer",
  discarded: "no words",
};

export class TurnCard {
  /** @param {Turn} turn @param {{example?: boolean, onExport?: (turn: Turn) => void}} options */
  constructor(turn, { example = false, onExport } = {}) {
    this.turn = turn;
    this.timeline = new Timeline();
    this.ledger = new LedgerChart();
    this.badge = el("span", { class: "badge" });
    this.words = el("p", { class: "words" });
    this.answer = answerParts();
    this.list = el("ol", { class: "as-text" });
    this.ledgerBox = el("details", { class: "fold", open: true, hidden: true },
      el("summary", {}, "Where the time went"), this.ledger.root);
    this.textBox = el("details", { class: "fold", hidden: true }, el("summary", {}, "Notes and thoughts as text"), this.list);
    const save = el("button", { type: "button", class: "quiet", title: "Download this turn as JSON" }, "Save JSON");
    save.addEventListener("click", () => onExport?.(turn));
    const title = example ? "An illustration, not a recording" : `Turn ${turn.number}`;
    this.root = el("article", { class: example ? "turn example" : "turn", "aria-label": title },
      el("header", { class: "turn-head" }, el("h2", {}, title), this.badge, onExport ? save : null),
      this.words, this.timeline.root, this.answer.root, this.ledgerBox, this.textBox);
    this.listed = "";
  }

  /**
   * @param {Sounds} sounds @param {number | null} nowMs @param {boolean} showThoughts
   */
  draw(sounds, nowMs, showThoughts) {
    const turn = this.turn;
    const status = turn.playing && turn.status === "done" ? "speaking" : turn.status;
    this.root.dataset.status = status;
    this.root.dataset.turn = turn.id;
    this.root.classList.toggle("without-thoughts", !showThoughts);
    setText(this.badge, STATUS_WORDS[status]);
    setText(this.words, turn.words || (turn.isOver ? "(no words)" : "…"));
    this.words.classList.toggle("provisional", !turn.transcriptIsFinal);
    this.words.classList.toggle("empty", !turn.words);
    this.timeline.draw(turn, sounds, nowMs);
    this.#drawAnswer();
    this.ledger.draw(turn);
    this.ledgerBox.hidden = this.ledger.root.hidden;
    this.#drawList(showThoughts);
  }

  /** Older turns step back: their ledger folds away. */
  fold() {
    this.ledgerBox.open = false;
  }

  #drawAnswer() {
    const { turn, answer } = this;
    const cut = wordOffset(turn.answer, countWords(turn.heard));
    const current = turn.playing ? wordOffset(turn.answer, Math.max(0, countWords(turn.heard) - 1)) : cut;
    const interrupted = turn.status === "interrupted";
    const word = turn.answer.slice(current, cut).trimStart();
    setText(answer.heard, turn.answer.slice(0, cut - word.length));
    setText(answer.current, word);
    setText(answer.unheard, interrupted ? turn.answer.slice(cut).trimStart() : turn.answer.slice(cut));
    setText(answer.failure, turn.status === "failed" ? turn.failure || "This turn got no answer." : "");
    answer.cut.hidden = !interrupted;
    answer.root.classList.toggle("cut-off", interrupted);
    answer.root.hidden = !turn.answer && turn.status !== "failed";
  }

  /** @param {boolean} showThoughts */
  #drawList(showThoughts) {
    const { turn } = this;
    const entries = [
      ...turn.notes.map((note) => ({ ms: note.ms, kind: "note", text: note.text.trim() })),
      ...(showThoughts ? turn.thoughts : []).map((thought) => ({
        ms: thought.ms, kind: thought.revoked ? "thought, void" : "thought", text: thought.text.trim(),
      })),
    ].filter((entry) => entry.text).sort((a, b) => a.ms - b.ms);
    this.textBox.hidden = entries.length === 0;
    const fingerprint = JSON.stringify(entries);
    if (fingerprint === this.listed) return;
    this.listed = fingerprint;
    this.list.replaceChildren(...entries.map((entry) => el("li", { class: entry.kind.startsWith("note") ? "is-note" : "is-thought" },
      el("span", { class: "when" }, seconds(Math.round(entry.ms - turn.startMs))),
      el("span", { class: "what" }, entry.kind),
      entry.kind.endsWith("void") ? el("s", {}, entry.text) : el("span", {}, entry.text))));
  }
}

/** @returns {Record<"root" | "heard" | "current" | "cut" | "unheard" | "failure", HTMLElement>} */
function answerParts() {
  const heard = el("span", { class: "heard" });
  const current = el("span", { class: "current" });
  const cut = el("span", { class: "cut", hidden: true }, "interrupted here");
  const unheard = el("span", { class: "unheard" });
  const failure = el("span", { class: "failure" });
  return { root: el("p", { class: "answer", hidden: true }, heard, current, cut, unheard, failure), heard, current, cut, unheard, failure };
}

/** The offset behind the first `count` words. @param {string} text @param {number} count */
function wordOffset(text, count) {
  let offset = 0;
  for (const match of text.matchAll(/\s*\S+/g)) {
    if (count-- <= 0) break;
    offset = match.index + match[0].length;
  }
  return offset;
}
