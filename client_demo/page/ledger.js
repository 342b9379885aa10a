// @ts-check
/**
 * A turn's latency ledger as one stacked bar with its figures. The stages come from the server; the last one,
 * `client`, is what this page's own meters heard beyond them. Knows no wire and no clock.
 */

import { el, setText } from "./dom.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {{name: string, ms: number}} Stage */

/** In the order of the way of the data: wire name, plain words. */
const STAGES = /** @type {const} */ ([
  ["arrival", "way in"],
  ["endpoint_wait", "is your turn over?"],
  ["encode", "hearing the rest"],
  ["prefill", "laying the context"],
  ["thought", "thinking left"],
  ["first_clause", "wording the start"],
  ["first_audio", "giving it voice"],
  ["hold", "held back, ready"],
  ["pacing", "waiting for the beat"],
  ["client", "way to your ear"],
]);

/**
 * The stages with the page's own measurement filled in, so that they sum to the total.
 * @param {Turn} turn
 * @returns {{stages: Stage[], serverMs: number, totalMs: number, measuredMs: number | null} | null}
 */
export function ledgerOf(turn) {
  if (turn.ledger === null) return null;
  const given = turn.ledger.stages_ms;
  const known = STAGES.map(([name]) => ({ name: String(name), ms: Math.max(0, Number(given[name]) || 0) }));
  const others = Object.keys(given).filter((name) => !STAGES.some(([each]) => each === name))
    .map((name) => ({ name, ms: Math.max(0, Number(given[name]) || 0) }));
  const stages = [...known, ...others];
  const client = /** @type {Stage} */ (stages.find((stage) => stage.name === "client"));
  const serverMs = stages.reduce((sum, stage) => sum + (stage === client ? 0 : stage.ms), 0);
  const measuredMs = turn.measured?.totalMs ?? null;
  if (measuredMs !== null) client.ms = Math.max(0, measuredMs - serverMs);
  return { stages, serverMs, totalMs: serverMs + client.ms, measuredMs };
}

export class LedgerChart {
  constructor() {
    this.figures = el("dl", { class: "figures" });
    this.bar = el("div", { class: "ledger-bar", role: "img" });
    this.legend = el("ul", { class: "ledger-legend" });
    this.caption = el("p", { class: "ledger-caption" });
    this.root = el("section", { class: "ledger", "aria-label": "Latency of this turn", hidden: true },
      this.figures, this.bar, this.legend, this.caption);
    this.drawn = "";
  }

  /** @param {Turn} turn */
  draw(turn) {
    const ledger = ledgerOf(turn);
    this.root.hidden = ledger === null;
    if (ledger === null) return;
    const fingerprint = JSON.stringify([ledger, turn.ledger?.thinking, turn.notes.length]);
    if (fingerprint === this.drawn) return;
    this.drawn = fingerprint;
    this.#drawFigures(turn, ledger);
    const shown = ledger.stages.filter((stage) => stage.ms >= 0.5);
    this.bar.replaceChildren(...shown.map((stage) => segment(stage, ledger.totalMs)));
    this.bar.setAttribute("aria-label", `${ms(ledger.totalMs)} in all: ${shown.map((stage) => `${words(stage.name)} ${ms(stage.ms)}`).join(", ")}`);
    this.legend.replaceChildren(...ledger.stages.filter((stage) => stage.ms > 0 || stage.name !== "arrival").map(legendEntry));
    setText(this.caption, caption(ledger, turn));
  }

  /** @param {Turn} turn @param {NonNullable<ReturnType<typeof ledgerOf>>} ledger */
  #drawFigures(turn, ledger) {
    const thinking = turn.ledger?.thinking ?? {};
    const fromTurnEnd = turn.ledger?.ttfp_eot_ms;
    /** @type {[string, string, string][]} */
    const figures = [[ms(ledger.totalMs), turn.kind === "voice" ? "TTFP from your last sound" : "TTFP from sending", ledger.measuredMs === null ? "by the server" : "measured here"]];
    if (turn.kind === "voice" && typeof fromTurnEnd === "number") figures.push([ms(fromTurnEnd), "TTFP from the end of the turn", "by the server"]);
    if (turn.kind === "voice") {
      figures.push([`${turn.wordsBeforeEnd}`, "words noted while you spoke", `of ${turn.transcript ? turn.transcript.split(/\s+/).length : "?"}`]);
      const early = thinking.tokens_before_turn_end;
      if (typeof early === "number") figures.push([`${early}`, "tokens before the turn ended", "notes and thoughts"]);
    }
    this.figures.replaceChildren(...figures.map(([value, label, note]) =>
      el("div", { class: "figure" }, el("dt", {}, label, el("small", {}, note)), el("dd", {}, value))));
  }
}

/** @param {Stage} stage @param {number} totalMs */
function segment(stage, totalMs) {
  const node = el("span", { class: `segment stage-${stage.name}`, title: `${words(stage.name)}: ${ms(stage.ms)}` });
  node.style.flexGrow = String(stage.ms);
  if (stage.ms / totalMs > 0.09) node.append(el("span", { class: "segment-label" }, `${Math.round(stage.ms)}`));
  return node;
}

/** @param {Stage} stage */
function legendEntry(stage) {
  return el("li", { class: stage.ms < 0.5 ? "nothing" : "" },
    el("span", { class: `swatch stage-${stage.name}`, "aria-hidden": "true" }),
    el("span", { class: "stage-words" }, words(stage.name), " ", el("code", {}, stage.name)),
    el("span", { class: "stage-ms" }, ms(stage.ms)));
}

/** @param {NonNullable<ReturnType<typeof ledgerOf>>} ledger @param {Turn} turn */
function caption(ledger, turn) {
  const start = turn.kind === "voice" ? "From your last sound to the first sound of the answer" : "From sending to the first sound of the answer";
  if (ledger.measuredMs === null) return `${start}, as the server stamped it.`;
  if (ledger.measuredMs < ledger.serverMs) {
    return `${start}. This page's meters measured ${ms(ledger.measuredMs)}, less than the server's ${ms(ledger.serverMs)}: the two hear your last sound at slightly different moments.`;
  }
  return `${start}, measured by this page (±20 ms); ${ms(ledger.serverMs)} of it are stamped by the server.`;
}

/** @param {string} name */
function words(name) {
  return STAGES.find(([each]) => each === name)?.[1] ?? name.replaceAll("_", " ");
}

/** @param {number} value */
function ms(value) {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}
