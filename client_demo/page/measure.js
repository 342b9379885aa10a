// @ts-check
/**
 * What this page's own meters say of a turn: its sound on both sides along the session's time, and how long it took
 * from the visitor's last sound to the first audible sound of the answer. Knows no wire and no page.
 */

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {import("./clock.js").SessionClock} SessionClock */
/** @typedef {import("./timeline.js").Sounds} Sounds */

const LEAD_MS = 300;
const TAIL_MS = 400;
/** No turn is so quiet for so long before its end. */
const LONGEST_SILENCE_MS = 12_000;
/** Events and audio travel apart; an event may come in this much later than the sound it tells of. */
const EVENT_DELAY_MS = 120;

export class Measure {
  /** @param {{input: import("./levels.js").LevelTrack, output: import("./levels.js").LevelTrack}} tracks */
  constructor(tracks) {
    this.tracks = tracks;
    /** Sounds of turns that are over, by item id: the tracks forget. @type {Map<string, Sounds>} */
    this.frozen = new Map();
  }

  forget() {
    this.frozen.clear();
  }

  /** @param {Turn} turn @param {SessionClock} clock @returns {Sounds} */
  soundsOf(turn, clock) {
    const kept = this.frozen.get(turn.id);
    if (kept) return kept;
    const from = clock.toPage(turn.startMs - LEAD_MS);
    const to = turn.endMs === null ? Infinity : clock.toPage(turn.endMs + TAIL_MS);
    const placed = (/** @type {import("./levels.js").LevelTrack} */ track) =>
      track.between(from, to).map(({ atMs, db }) => ({ ms: Math.round(clock.toAudio(atMs)), db: Math.round(db) }));
    return { input: turn.kind === "text" ? [] : placed(this.tracks.input), output: placed(this.tracks.output) };
  }

  /** Keep the sounds of turns that are over. @param {{turns: Turn[]}} conversation @param {SessionClock} clock */
  freeze(conversation, clock) {
    for (const turn of conversation.turns) {
      if (turn.isOver && !this.frozen.has(turn.id)) this.frozen.set(turn.id, this.soundsOf(turn, clock));
    }
  }

  /** Fill in the turn's own measurement as soon as its answer is audible. @param {Turn} turn @param {SessionClock} clock */
  listenFor(turn, clock) {
    if (turn.measured !== null || turn.committedMs === null || turn.startedMs === null) return;
    const committedAt = clock.toPage(turn.committedMs);
    const eos = turn.kind === "text" ? committedAt : this.tracks.input.lastVoicedBefore(committedAt, LONGEST_SILENCE_MS);
    if (eos === null) return;
    // Not before the answer's own audio began: the tail of an earlier, interrupted one may still be in the air.
    const from = Math.max(eos + 1, clock.toPage(turn.startedMs) - EVENT_DELAY_MS);
    const first = this.tracks.output.firstVoicedAfter(from);
    if (first === null || (turn.endMs !== null && first > clock.toPage(turn.endMs) + TAIL_MS)) return;
    turn.measured = { eosMs: clock.toAudio(eos), firstAudioMs: clock.toAudio(first), totalMs: first - eos };
    turn.firstAudioMs = turn.measured.firstAudioMs;
  }
}
