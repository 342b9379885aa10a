// @ts-check
/**
 * The turn that the welcome shows: it goes through the same reducer and the same drawing as a real one, so it also
 * explains the picture. The words are those of a seed sample; times and sound are made up, and the card says so.
 */

import { Conversation } from "./conversation.js";

const ITEM = "example";
const RESPONSE = "example_response";

/** @type {[number, any][]} */
const SCRIPT = [
  [300, { type: "input_audio_buffer.speech_started", audio_start_ms: 200 }],
  [1280, { type: "forethought.note", delta: " listen if", audio_ms: 1280 }],
  [1920, { type: "forethought.note", delta: " i have six", audio_ms: 1920 }],
  [2560, { type: "forethought.note", delta: " apples and", audio_ms: 2560 }],
  [2660, { type: "forethought.turn", attempt: 1, state: "tentative", audio_ms: 2660, silence_ms: 160 }],
  [2700, { type: "forethought.thought", attempt: 1, delta: "Six apples, and then?", audio_ms: 2700, held: true }],
  [2900, { type: "forethought.turn", attempt: 1, state: "revoked", audio_ms: 2900 }],
  [3520, { type: "forethought.note", delta: " get eight more", audio_ms: 3520 }],
  [4160, { type: "forethought.note", delta: " how many", audio_ms: 4160 }],
  [4800, { type: "forethought.note", delta: " apples do", audio_ms: 4800 }],
  [5060, { type: "forethought.turn", attempt: 2, state: "tentative", audio_ms: 5060, silence_ms: 160 }],
  [5100, { type: "forethought.thought", attempt: 2, delta: "6 + 8 = 14.", audio_ms: 5120, held: true }],
  [5330, { type: "forethought.turn", attempt: 2, state: "committed", audio_ms: 5330 }],
  [5340, { type: "conversation.item.input_audio_transcription.completed", transcript: "listen if i have six apples and get eight more how many apples do i have" }],
  [5340, { type: "response.created", response: { id: RESPONSE } }],
  [5380, { type: "output_audio_buffer.started", response_id: RESPONSE }],
  [5390, { type: "response.output_audio_transcript.delta", response_id: RESPONSE, delta: "Six plus eight is fourteen." }],
  [7000, { type: "output_audio_buffer.stopped", response_id: RESPONSE }],
  [7000, { type: "response.done", response: { id: RESPONSE, status: "completed" } }],
];

/** @returns {{turn: import("./conversation.js").Turn, sounds: import("./timeline.js").Sounds}} */
export function exampleTurn() {
  const conversation = new Conversation();
  for (const [atMs, event] of SCRIPT) conversation.push({ item_id: ITEM, ...event }, atMs);
  const turn = conversation.turns[0];
  turn.heard = turn.answer;
  return { turn, sounds: { input: [...murmur(200, 2500, 1), ...murmur(2880, 4900, 2)], output: murmur(5390, 6960, 3) } };
}

/** Levels that look like syllables: two slow waves beating, the same ones each time.
 * @param {number} fromMs @param {number} toMs @param {number} seed */
function murmur(fromMs, toMs, seed) {
  const levels = [];
  for (let ms = fromMs; ms < toMs; ms += 20) {
    const syllable = Math.abs(Math.sin(ms / 97 + seed)) * 0.65 + Math.abs(Math.sin(ms / 41 + seed * 2)) * 0.35;
    const phrase = 0.8 + 0.2 * Math.sin(ms / 330 + seed);
    const edge = Math.min(1, (ms - fromMs) / 60, (toMs - ms) / 140);
    levels.push({ ms, db: -50 + 44 * (0.3 + 0.7 * syllable) * phrase * Math.max(0, edge) });
  }
  return levels;
}
