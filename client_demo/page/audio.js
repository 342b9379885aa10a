// @ts-check
/**
 * The browser's audio: the microphone with its processing, the element that plays the answer (the browser's echo
 * canceller only knows what the page itself plays), and a level meter on each side.
 * Knows nothing of the wire or the conversation.
 */

import { LevelTrack } from "./levels.js";

/** What getUserMedia's error names mean to us. Others are `mic_failed`. */
const MICROPHONE_FAILURES = {
  NotAllowedError: "mic_denied",
  SecurityError: "mic_denied",
  NotFoundError: "mic_missing",
  OverconstrainedError: "mic_missing",
  NotReadableError: "mic_busy",
  AbortError: "mic_busy",
};

export class MicrophoneFailure extends Error {
  /** @param {string} kind @param {unknown} cause */
  constructor(kind, cause) {
    super(`microphone: ${kind}`, { cause });
    this.kind = kind;
  }
}

/** Ask for the microphone. @returns {Promise<MediaStream>} @throws {MicrophoneFailure} */
export async function openMicrophone() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new MicrophoneFailure("insecure", null);
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    throw new MicrophoneFailure(MICROPHONE_FAILURES[/** @type {keyof MICROPHONE_FAILURES} */ (name)] ?? "mic_failed", error);
  }
}

export class Sound {
  /** @param {HTMLAudioElement} player */
  constructor(player) {
    this.player = player;
    this.input = new LevelTrack();
    this.output = new LevelTrack();
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Promise<void> | null} */
    this.ready = null;
    /** @type {MediaStream | null} */
    this.microphone = null;
    /** @type {AudioNode[]} */
    this.nodes = [];
    /** Page clock minus audio clock; the smallest seen is the one with the least delay in it. */
    this.clockOffsetMs = Infinity;
  }

  /**
   * Call from a click: browsers start audio only then. Nothing waits for it and nothing fails with it: without meters
   * (no sound hardware, no worklets in an insecure page) the talk still works.
   */
  start() {
    try {
      this.context ??= new AudioContext({ latencyHint: "interactive" });
      this.ready ??= this.context.audioWorklet.addModule("/page/meter_worklet.js");
      this.ready.catch((error) => this.#withoutMeters(error));
      this.context.resume().catch((error) => this.#withoutMeters(error));
    } catch (error) {
      this.#withoutMeters(error);
    }
  }

  /** @param {unknown} error */
  #withoutMeters(error) {
    console.warn("no level meters:", error);
    this.ready = null;
  }

  /** @param {MediaStream} stream */
  useMicrophone(stream) {
    this.microphone = stream;
    this.#meter(stream, this.input);
  }

  /**
   * Play what the other side sends. @param {MediaStream} stream
   * @returns {Promise<boolean>} false when the browser wants a click before it plays sound
   */
  async play(stream) {
    this.player.srcObject = stream;
    this.#meter(stream, this.output);
    try {
      await this.player.play();
      return true;
    } catch {
      return false;
    }
  }

  /** @param {boolean} open */
  setMicrophoneOpen(open) {
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = open;
  }

  stop() {
    for (const node of this.nodes) node.disconnect();
    this.nodes = [];
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.microphone = null;
    this.player.srcObject = null;
    this.input.push(performance.now(), -100);
    this.output.push(performance.now(), -100);
    // A context that waits keeps the sound hardware awake.
    void this.context?.suspend();
  }

  /** @param {MediaStream} stream @param {LevelTrack} track */
  #meter(stream, track) {
    const context = this.context;
    if (context === null || stream.getAudioTracks().length === 0) return;
    void this.ready?.then(() => {
      const source = context.createMediaStreamSource(stream);
      const meter = new AudioWorkletNode(context, "forethought-meter", { numberOfOutputs: 0, channelCount: 1 });
      meter.port.onmessage = ({ data }) => track.push(this.#pageTimeMs(data.endMs), data.db);
      source.connect(meter);
      this.nodes.push(source, meter);
    }, () => undefined);
  }

  /** @param {number} audioClockMs */
  #pageTimeMs(audioClockMs) {
    // The clocks drift apart by some parts per million; the small rise lets the minimum follow.
    this.clockOffsetMs = Math.min(this.clockOffsetMs + 0.0005, performance.now() - audioClockMs);
    return audioClockMs + this.clockOffsetMs;
  }
}
