// @ts-check
/**
 * What the two meters said, along the page's clock: enough to draw a waveform and to answer
 * "when was the last voiced moment before t" and "the first audible one after t".
 * Knows no audio API and no clock: time comes in with each level.
 */

/** @typedef {{atMs: number, db: number}} Level */

/** One level per 20 ms; 3 minutes are kept, the oldest are dropped. */
const KEPT_LEVELS = (3 * 60 * 1000) / 20;
/** Quieter than this never counts as sound, however quiet the room is. */
const QUIETEST_VOICE_DB = -50;
/** Speech stands at least this far above the room's own noise. */
const ABOVE_FLOOR_DB = 12;
/** The floor may rise this much per level (1 dB/s), so that a louder room is learnt and speech is not. */
const FLOOR_RISE_DB = 0.02;
export const SILENCE_DB = -100;

export class LevelTrack {
  constructor() {
    /** @type {Level[]} */
    this.levels = [];
    this.floorDb = SILENCE_DB;
    this.nowDb = SILENCE_DB;
  }

  /** @param {number} atMs @param {number} db */
  push(atMs, db) {
    const level = Math.max(SILENCE_DB, Math.min(0, db));
    this.floorDb = Math.min(level, this.floorDb + FLOOR_RISE_DB);
    this.nowDb = level;
    this.levels.push({ atMs, db: level });
    if (this.levels.length > KEPT_LEVELS * 1.1) this.levels.splice(0, this.levels.length - KEPT_LEVELS);
  }

  /** The level above which this track counts as voiced. */
  get thresholdDb() {
    return Math.max(QUIETEST_VOICE_DB, Math.min(-25, this.floorDb + ABOVE_FLOOR_DB));
  }

  /** @param {number} fromMs @param {number} toMs @returns {Level[]} */
  between(fromMs, toMs) {
    return this.levels.slice(this.#indexAt(fromMs), this.#indexAt(toMs));
  }

  /** The last voiced moment at or before `atMs`, looking back at most `withinMs`. @returns {number | null}
   * @param {number} atMs @param {number} withinMs */
  lastVoicedBefore(atMs, withinMs) {
    for (let i = this.#indexAt(atMs) - 1; i >= 0; i--) {
      const level = this.levels[i];
      if (level.atMs < atMs - withinMs) return null;
      if (level.db > this.thresholdDb) return level.atMs;
    }
    return null;
  }

  /** The first audible moment after `atMs`. @param {number} atMs @returns {number | null} */
  firstVoicedAfter(atMs) {
    for (let i = this.#indexAt(atMs); i < this.levels.length; i++) {
      if (this.levels[i].db > this.thresholdDb) return this.levels[i].atMs;
    }
    return null;
  }

  /** First index whose time is >= atMs. @param {number} atMs */
  #indexAt(atMs) {
    let low = 0;
    let high = this.levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.levels[middle].atMs < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How loud it looks, 0..1: -52 dBFS is nothing, -6 dBFS is full. @param {number} db */
export function loudness(db) {
  const share = Math.max(0, Math.min(1, (db + 52) / 46));
  return share ** 1.7;
}
