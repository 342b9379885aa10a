// @ts-check
/**
 * Where the page's clock stands in the session's input audio: the server counts ms of audio since the first packet,
 * the page counts ms since it was opened. Knows no wire; both kinds of evidence are handed in.
 */

/** Of the last polls, the one with the least packet rounding in it counts (one packet is 20 ms). */
const KEPT_POLLS = 6;

export class SessionClock {
  /** @param {number} startedAtMs page time at which the call opened */
  constructor(startedAtMs) {
    this.startedAtMs = startedAtMs;
    /** @type {number[]} */
    this.polls = [];
    this.latest = Infinity;
  }

  /** Page time of the stream position 0. */
  get offsetMs() {
    const polled = this.polls.length > 0 ? Math.min(...this.polls) : this.startedAtMs;
    return Math.min(polled, this.latest);
  }

  /** This much audio had left the page at that time. @param {number} sentMs @param {number} atMs */
  sent(sentMs, atMs) {
    this.polls.push(atMs - sentMs);
    if (this.polls.length > KEPT_POLLS) this.polls.shift();
  }

  /** The server had heard up to `audioMs` when it wrote an event that came in at `atMs`: it cannot be ahead of us.
   * @param {number} audioMs @param {number} atMs */
  heard(audioMs, atMs) {
    this.latest = Math.min(this.latest, atMs - audioMs);
  }

  /** @param {number} pageMs */
  toAudio(pageMs) {
    return pageMs - this.offsetMs;
  }

  /** @param {number} audioMs */
  toPage(audioMs) {
    return audioMs + this.offsetMs;
  }
}
