// @ts-check
/**
 * One turn along its time axis: the sound of both sides, the notes over the audio they came from, the thoughts where
 * they were written, and the marks of the turn's end. Draws what it is given; knows no wire and no clock.
 */

import { el, svg, setText } from "./dom.js";
import { loudness } from "./levels.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {{ms: number, db: number}} Sounding */
/** @typedef {{input: Sounding[], output: Sounding[]}} Sounds levels in session ms */
/** @typedef {{key: string, lane: "note" | "mark" | "thought", ms: number, text: string, style: string, hint: string}} Chip */
/** @typedef {{node: HTMLElement, text: string, style: string, width: number}} Placed */

const WAVE_HEIGHT = 76;
const ROW_HEIGHT = { note: 30, mark: 25, thought: 31 };
const AXIS_HEIGHT = 22;
const LANE_GAP = 8;
const BAR_PITCH = 4;
const CHIP_GAP = 6;
const LEVEL_MS = 20;
/** Below this the words of a second do not fit over it: the axis scrolls instead. */
const LEAST_PX_PER_SECOND = 92;
/** A young turn is drawn on this much room, so that its first second does not fill the page. */
const LEAST_SPAN_MS = 3500;
const LEAD_MS = 250;
const TAIL_MS = 350;

export class Timeline {
  constructor() {
    this.art = svg("svg", { class: "tl-art", "aria-hidden": "true" });
    this.field = el("div", { class: "tl-field" }, this.art);
    this.scroller = el("div", { class: "tl-scroll", tabindex: 0, role: "group" }, this.field);
    this.root = el("div", { class: "tl" }, this.scroller);
    /** @type {Map<string, Placed>} */
    this.chips = new Map();
    this.marks = svg("g");
    this.waves = { input: svg("path", { class: "wave wave-you" }), output: svg("path", { class: "wave wave-agent" }) };
    this.art.append(this.marks, this.waves.input, this.waves.output);
    this.followsEnd = true;
    this.scroller.addEventListener("scroll", () => {
      const left = this.scroller.scrollWidth - this.scroller.clientWidth - this.scroller.scrollLeft;
      this.followsEnd = left < 40;
    });
  }

  /**
   * @param {Turn} turn
   * @param {Sounds} sounds
   * @param {number | null} nowMs the playhead, null for a turn that is over
   */
  draw(turn, sounds, nowMs) {
    const room = this.scroller.clientWidth;
    if (room === 0) return;
    const scale = this.#scale(turn, nowMs, room);
    this.scroller.setAttribute("aria-label", describe(turn));
    const wanted = chipsOf(turn);
    const rows = this.#place(wanted, scale);
    const waveTop = rows.note * ROW_HEIGHT.note + LANE_GAP;
    const waveBottom = waveTop + WAVE_HEIGHT;
    const tops = {
      mark: waveBottom + LANE_GAP,
      thought: waveBottom + LANE_GAP * 2 + rows.mark * ROW_HEIGHT.mark,
    };
    const axisTop = tops.thought + rows.thought * ROW_HEIGHT.thought + LANE_GAP;
    const height = axisTop + AXIS_HEIGHT;
    this.field.style.width = `${scale.width}px`;
    this.field.style.height = `${height}px`;
    this.art.setAttribute("viewBox", `0 0 ${scale.width} ${height}`);
    this.art.setAttribute("width", String(scale.width));
    this.art.setAttribute("height", String(height));
    this.marks.replaceChildren(
      ...bands(turn, scale, waveTop, waveBottom),
      ...axis(scale, turn.startMs, waveTop, axisTop),
      ...this.#leaders(wanted, scale, waveTop, waveBottom, tops, rows),
      ...markLines(turn, scale, waveTop, waveBottom),
      ...(nowMs === null ? [] : [svg("line", { class: "playhead", x1: scale.x(nowMs), x2: scale.x(nowMs), y1: waveTop, y2: waveBottom })]),
    );
    const middle = (waveTop + waveBottom) / 2;
    this.waves.input.setAttribute("d", wavePath(sounds.input, scale, middle));
    this.waves.output.setAttribute("d", wavePath(sounds.output, scale, middle));
    this.#moveChips(wanted, rows, waveTop, tops);
    if (nowMs !== null && this.followsEnd) this.scroller.scrollLeft = this.scroller.scrollWidth;
  }

  /** @param {Turn} turn @param {number | null} nowMs @param {number} room */
  #scale(turn, nowMs, room) {
    const from = turn.startMs - LEAD_MS;
    const last = Math.max(
      turn.startMs, nowMs ?? 0, turn.endMs ?? 0, turn.committedMs ?? 0, turn.firstAudioMs ?? 0,
      turn.notes.at(-1)?.ms ?? 0, turn.thoughts.at(-1)?.ms ?? 0,
    );
    const spanMs = Math.max(LEAST_SPAN_MS, last + TAIL_MS - from);
    const width = Math.max(room, Math.round((spanMs / 1000) * LEAST_PX_PER_SECOND));
    return { from, to: from + spanMs, width, x: (/** @type {number} */ ms) => ((ms - from) / spanMs) * width };
  }

  /** Give every chip an element, a width and a row in its lane. @param {Chip[]} wanted @param {Scale} scale */
  #place(wanted, scale) {
    const keys = new Set(wanted.map((chip) => chip.key));
    for (const [key, placed] of this.chips) {
      if (keys.has(key)) continue;
      placed.node.remove();
      this.chips.delete(key);
    }
    for (const chip of wanted) this.#materialise(chip);
    const rows = { note: 0, mark: 0, thought: 0 };
    /** @type {Record<string, number[]>} */
    const ends = { note: [], mark: [], thought: [] };
    for (const chip of wanted) {
      const placed = /** @type {Placed & {left: number, row: number}} */ (this.chips.get(chip.key));
      const anchor = scale.x(chip.ms);
      const wish = chip.lane === "note" ? anchor - placed.width + 1 : anchor - 1;
      placed.left = Math.max(0, Math.min(wish, scale.width - placed.width));
      const lane = ends[chip.lane];
      let row = lane.findIndex((end) => end + CHIP_GAP <= placed.left);
      if (row < 0) row = lane.length;
      lane[row] = placed.left + placed.width;
      placed.row = row;
      rows[chip.lane] = Math.max(rows[chip.lane], row + 1);
    }
    return rows;
  }

  /** @param {Chip} chip */
  #materialise(chip) {
    let placed = this.chips.get(chip.key);
    if (placed === undefined) {
      placed = { node: el("span", {}), text: "", style: "", width: 0 };
      this.chips.set(chip.key, placed);
      this.field.append(placed.node);
    }
    if (placed.text === chip.text && placed.style === chip.style) return;
    setText(placed.node, chip.text);
    placed.node.className = `chip chip-${chip.lane} ${chip.style}`;
    placed.node.title = chip.hint;
    placed.text = chip.text;
    placed.style = chip.style;
    placed.width = Math.ceil(placed.node.getBoundingClientRect().width);
  }

  /** @param {Chip[]} wanted @param {Rows} rows @param {number} waveTop @param {{mark: number, thought: number}} tops */
  #moveChips(wanted, rows, waveTop, tops) {
    for (const chip of wanted) {
      const placed = /** @type {Placed & {left: number, row: number}} */ (this.chips.get(chip.key));
      const top = chip.lane === "note"
        ? waveTop - LANE_GAP - (placed.row + 1) * ROW_HEIGHT.note + 4
        : tops[chip.lane] + placed.row * ROW_HEIGHT[chip.lane];
      placed.node.style.transform = `translate(${placed.left.toFixed(1)}px, ${top}px)`;
    }
  }

  /** Thin lines from the chips to the sound they belong to.
   * @param {Chip[]} wanted @param {Scale} scale @param {number} waveTop @param {number} waveBottom
   * @param {{mark: number, thought: number}} tops @param {Rows} rows */
  #leaders(wanted, scale, waveTop, waveBottom, tops, rows) {
    return wanted.filter((chip) => chip.lane !== "mark").map((chip) => {
      const placed = /** @type {Placed & {row: number}} */ (this.chips.get(chip.key));
      const x = scale.x(chip.ms);
      const [y1, y2] = chip.lane === "note"
        ? [waveTop - LANE_GAP - placed.row * ROW_HEIGHT.note - 2, waveTop + WAVE_HEIGHT / 2]
        : [waveTop + WAVE_HEIGHT / 2, tops.thought + placed.row * ROW_HEIGHT.thought];
      return svg("line", { class: `leader leader-${chip.lane}`, x1: x, x2: x, y1, y2 });
    });
  }
}

/** @typedef {{from: number, to: number, width: number, x: (ms: number) => number}} Scale */
/** @typedef {{note: number, mark: number, thought: number}} Rows */

/** @param {Turn} turn @returns {Chip[]} in the order of time within each lane */
function chipsOf(turn) {
  /** @type {Chip[]} */
  const chips = turn.notes.map((note, i) => ({
    key: `note${i}`, lane: "note", ms: note.ms, text: note.text.trim(), style: "", hint: `noted at ${seconds(note.ms - turn.startMs)}`,
  }));
  turn.thoughts.forEach((thought, i) => chips.push({
    key: `thought${i}`, lane: "thought", ms: thought.ms, text: thought.text.trim(),
    style: thought.revoked ? "revoked" : thought.held ? "held" : "",
    hint: `${thought.revoked ? "void: you went on; thought" : "thought"} at ${seconds(thought.ms - turn.startMs)}: ${thought.text.trim()}`,
  }));
  return [...chips.filter((chip) => chip.text), ...marksOf(turn)];
}

/** @param {Turn} turn @returns {Chip[]} */
function marksOf(turn) {
  /** @type {Chip[]} */
  const marks = [];
  const add = (/** @type {string} */ key, /** @type {number} */ ms, /** @type {string} */ text, /** @type {string} */ style, hint = "") =>
    marks.push({ key, lane: "mark", ms, text, style, hint });
  for (const each of turn.attempts) {
    const votes = each.votes && typeof each.votes === "object" ? Object.entries(each.votes).map(([name, p]) => `${name} ${p}`).join(", ") : "";
    add(`tentative${each.attempt}`, each.ms, "maybe done", each.state === "revoked" ? "revoked" : "tentative", votes);
    if (each.state === "revoked" && each.endedMs !== null) add(`revoked${each.attempt}`, each.endedMs, "went on", "went-on");
  }
  if (turn.committedMs !== null) add("committed", turn.committedMs, turn.kind === "text" ? "typed" : "turn ended", "committed");
  if (turn.firstAudioMs !== null) {
    const waited = turn.committedMs === null ? "" : ` +${Math.max(0, Math.round(turn.firstAudioMs - turn.committedMs))} ms`;
    add("first", turn.firstAudioMs, `first sound${waited}`, "first", "first packet of the answer, counted from the end of the turn");
  }
  if (turn.status === "interrupted" && turn.endMs !== null) add("cut", turn.endMs, "interrupted", "cut-in");
  return marks.sort((a, b) => a.ms - b.ms);
}

/** The waits, as areas: silence that might be the end, and the way from the end of speech to the first sound.
 * @param {Turn} turn @param {Scale} scale @param {number} top @param {number} bottom */
function bands(turn, scale, top, bottom) {
  const area = (/** @type {string} */ name, /** @type {number} */ from, /** @type {number} */ to) => svg("rect", {
    class: name, x: scale.x(from), y: top, width: Math.max(0, scale.x(to) - scale.x(from)), height: bottom - top, rx: 3,
  });
  const found = turn.attempts.filter((each) => each.endedMs !== null && each.state === "revoked")
    .map((each) => area("band-revoked", each.ms - (each.silenceMs ?? 0), /** @type {number} */ (each.endedMs)));
  const end = turn.speechEndMs ?? turn.committedMs;
  if (end !== null && turn.firstAudioMs !== null) found.push(area("band-wait", end, turn.firstAudioMs));
  return found;
}

/** @param {Turn} turn @param {Scale} scale @param {number} top @param {number} bottom */
function markLines(turn, scale, top, bottom) {
  return marksOf(turn).map((mark) => svg("line", {
    class: `mark mark-${mark.style}`, x1: scale.x(mark.ms), x2: scale.x(mark.ms), y1: top, y2: bottom + LANE_GAP,
  }));
}

/** @param {Scale} scale @param {number} zeroMs @param {number} waveTop @param {number} axisTop */
function axis(scale, zeroMs, waveTop, axisTop) {
  const middle = waveTop + WAVE_HEIGHT / 2;
  /** @type {SVGElement[]} */
  const drawn = [svg("line", { class: "baseline", x1: 0, x2: scale.width, y1: middle, y2: middle })];
  const pxPerMs = scale.width / (scale.to - scale.from);
  const stepMs = [500, 1000, 2000, 5000].find((step) => step * pxPerMs >= 84) ?? 10_000;
  for (let ms = 0; zeroMs + ms <= scale.to; ms += stepMs) {
    const x = scale.x(zeroMs + ms);
    drawn.push(svg("line", { class: "gridline", x1: x, x2: x, y1: waveTop, y2: axisTop }));
    if (x < scale.width - 24) drawn.push(svg("text", { class: "tick", x, y: axisTop + 14 }, seconds(ms)));
  }
  return drawn;
}

/** @param {Sounding[]} levels @param {Scale} scale @param {number} middle */
function wavePath(levels, scale, middle) {
  /** @type {Map<number, number>} */
  const bars = new Map();
  for (const { ms, db } of levels) {
    if (ms < scale.from || ms > scale.to) continue;
    // A level covers the 20 ms before its time, which is several bars when the axis is wide.
    const last = Math.floor(scale.x(ms) / BAR_PITCH);
    for (let bar = Math.min(last, Math.ceil(scale.x(ms - LEVEL_MS) / BAR_PITCH)); bar <= last; bar++) {
      bars.set(bar, Math.max(bars.get(bar) ?? 0, loudness(db)));
    }
  }
  let path = "";
  for (const [bar, loud] of bars) {
    const half = loud * (WAVE_HEIGHT / 2 - 3);
    if (half < 0.8) continue;
    const x = bar * BAR_PITCH + BAR_PITCH / 2;
    path += `M${x} ${(middle - half).toFixed(1)}V${(middle + half).toFixed(1)}`;
  }
  return path;
}

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(ms % 1000 === 0 ? 0 : ms % 100 === 0 ? 1 : 2)} s`;
}

/** The axis in one sentence, for those who do not see it. @param {Turn} turn */
function describe(turn) {
  const parts = [`Time axis of turn ${turn.number}`, `${turn.notes.length} notes`, `${turn.thoughts.length} thoughts`];
  if (turn.committedMs !== null) parts.push(`turn ended after ${seconds(Math.round(turn.committedMs - turn.startMs))}`);
  if (turn.firstAudioMs !== null) parts.push(`first sound after ${seconds(Math.round(turn.firstAudioMs - turn.startMs))}`);
  return parts.join(", ");
}
