// @ts-check
/**
 * Server events in, turns out: what was heard, noted, thought, answered and measured, each with its place in time.
 * Knows no network, no audio API, no clock and no page: the session's audio position comes in with each event.
 *
 * Times are ms of the session's input audio stream unless a name says otherwise.
 */

/** @typedef {{ms: number, text: string, tokens: number}} Note */
/** @typedef {{ms: number, text: string, tokens: number, attempt: number, held: boolean, revoked: boolean}} Thought */
/** @typedef {{attempt: number, state: "tentative" | "committed" | "revoked", ms: number, endedMs: number | null,
 *             silenceMs: number | null, reason: string, votes: any}} Attempt */
/** @typedef {{stages_ms: Record<string, number>, total_ms?: number, speech_end_ms?: number, turn_end_ms?: number,
 *             ttfp_eot_ms?: number, thinking?: {note_tokens?: number, thought_tokens?: number, tokens_before_turn_end?: number}}} WireLedger */
/** @typedef {{eosMs: number, firstAudioMs: number, totalMs: number}} Measured by this page's own meters */

/** Deltas of one thought that come closer together than this are one line on the time axis. */
const SAME_PLACE_MS = 600;

export class Turn {
  /** @param {string} id @param {number} number @param {"voice" | "text"} kind @param {number} startMs */
  constructor(id, number, kind, startMs) {
    this.id = id;
    this.number = number;
    this.kind = kind;
    this.startMs = startMs;
    /** @type {"listening" | "tentative" | "committed" | "answering" | "speaking" | "done" | "interrupted" | "failed" | "discarded"} */
    this.status = kind === "voice" ? "listening" : "committed";
    /** The last sound of speech, as the server places it. @type {number | null} */
    this.speechEndMs = null;
    /** @type {number | null} */
    this.committedMs = kind === "text" ? startMs : null;
    /** @type {Attempt[]} */
    this.attempts = [];
    /** @type {Note[]} */
    this.notes = [];
    /** @type {Thought[]} */
    this.thoughts = [];
    this.transcript = "";
    this.transcriptIsFinal = false;
    this.responseId = "";
    this.answerItem = "";
    this.answer = "";
    this.heard = "";
    this.answerIsFinal = false;
    this.playing = false;
    this.playedOut = false;
    /** When the server said that the answer's audio began. @type {number | null} */
    this.startedMs = null;
    /** Where the answer's first packet came. @type {number | null} */
    this.firstAudioMs = null;
    /** @type {number | null} */
    this.endMs = null;
    /** @type {WireLedger | null} */
    this.ledger = null;
    /** @type {Measured | null} */
    this.measured = null;
    this.failure = "";
    this.bargeIn = false;
  }

  /** Nothing of this turn will change any more. */
  get isOver() {
    return ["done", "interrupted", "failed", "discarded"].includes(this.status) && !this.playing;
  }

  /** The user's words as far as known: the transcript once there is one, the notes before. */
  get words() {
    return this.transcript || this.notes.map((note) => note.text).join("").replace(/\s+/g, " ").trim();
  }

  /** Words noted before the turn had ended. */
  get wordsBeforeEnd() {
    const end = this.committedMs ?? Infinity;
    return countWords(this.notes.filter((note) => note.ms <= end).map((note) => note.text).join(""));
  }
}

/** @param {string} text */
export function countWords(text) {
  return text.split(/\s+/).filter(Boolean).length;
}

export class Conversation {
  constructor() {
    /** @type {Turn[]} */
    this.turns = [];
    /** The session object as the server last echoed it. @type {any} */
    this.session = null;
    /** @type {number | null} */
    this.interruptedAtMs = null;
  }

  /** @returns {Turn | null} */
  get current() {
    return this.turns.findLast((turn) => turn.status !== "discarded") ?? null;
  }

  /** The turn whose answer can be stopped now. @returns {Turn | null} */
  get answering() {
    return this.turns.findLast((turn) => turn.playing || ["answering", "speaking"].includes(turn.status)) ?? null;
  }

  /** A typed turn begins. @param {string} id @param {string} text @param {number} nowMs @returns {Turn} */
  typed(id, text, nowMs) {
    const turn = this.#open(id, "text", nowMs);
    turn.transcript = text;
    turn.transcriptIsFinal = true;
    return turn;
  }

  /**
   * @param {any} event a server event
   * @param {number} nowMs the session's audio position at its arrival
   * @returns {Turn | null} the turn that changed
   */
  push(event, nowMs) {
    const handler = HANDLERS[event.type];
    return handler ? handler(this, event, nowMs) : null;
  }

  /** The call is gone: what was in the air stays as far as it came. @param {number} nowMs */
  end(nowMs) {
    for (const turn of this.turns) {
      if (turn.isOver) continue;
      if (turn.status === "listening" && !turn.words) turn.status = "discarded";
      else turn.status = turn.answer ? "interrupted" : "failed";
      turn.playing = false;
      turn.endMs ??= nowMs;
    }
  }

  /** @param {string} id @param {"voice" | "text"} kind @param {number} startMs @returns {Turn} */
  #open(id, kind, startMs) {
    const turn = new Turn(id, this.turns.filter((each) => each.status !== "discarded").length + 1, kind, startMs);
    this.turns.push(turn);
    return turn;
  }

  /** @param {string} id */
  byItem(id) {
    return this.turns.find((turn) => turn.id === id) ?? null;
  }

  /** The user's turn of this item; the first word of it opens it. @param {string} id @param {number} startMs @returns {Turn} */
  heardTurn(id, startMs) {
    return this.byItem(id) ?? this.#open(id, "voice", startMs);
  }

  /** @param {any} event */
  ofResponse(event) {
    const id = event.response_id ?? event.response?.id;
    return this.turns.findLast((turn) => turn.responseId === id && id) ?? null;
  }

  /** A response names no user item: it answers the last turn that ended and has none. @param {string} id @param {number} nowMs */
  openResponse(id, nowMs) {
    const waiting = this.turns.findLast((turn) => turn.responseId === "" && !["discarded", "failed"].includes(turn.status));
    const turn = waiting ?? this.#open(`response:${id}`, "text", nowMs);
    turn.responseId = id;
    turn.committedMs ??= nowMs;
    turn.status = "answering";
    return turn;
  }
}

/** @typedef {(conversation: Conversation, event: any, nowMs: number) => Turn | null} Handler */

/** @type {Record<string, Handler>} */
const HANDLERS = {
  "session.created": keepSession,
  "session.updated": keepSession,
  "input_audio_buffer.speech_started": (c, e) => c.heardTurn(e.item_id, e.audio_start_ms),
  "input_audio_buffer.speech_stopped": (c, e) => {
    const turn = c.heardTurn(e.item_id, e.audio_end_ms);
    turn.speechEndMs = e.audio_end_ms;
    return turn;
  },
  "input_audio_buffer.committed": (c, e, nowMs) => {
    const turn = c.heardTurn(e.item_id, nowMs);
    if (turn.kind === "voice" && ["listening", "tentative"].includes(turn.status)) commit(turn, nowMs);
    return turn;
  },
  "conversation.item.input_audio_transcription.delta": (c, e, nowMs) => {
    const turn = c.heardTurn(e.item_id, nowMs);
    if (!turn.transcriptIsFinal) turn.transcript += e.delta ?? "";
    return turn;
  },
  "conversation.item.input_audio_transcription.completed": (c, e, nowMs) => {
    const turn = c.heardTurn(e.item_id, nowMs);
    turn.transcript = (e.transcript ?? "").trim();
    turn.transcriptIsFinal = true;
    return turn;
  },
  "forethought.turn": onTurn,
  "forethought.note": onNote,
  "forethought.thought": onThought,
  "forethought.heard": (c, e) => {
    const turn = c.ofResponse(e) ?? c.byItem(e.item_id);
    if (turn && typeof e.text === "string") turn.heard = e.text;
    return turn;
  },
  "forethought.ledger": (c, e) => {
    const turn = c.ofResponse(e) ?? c.byItem(e.item_id);
    if (turn && e.ledger?.stages_ms) turn.ledger = e.ledger;
    return turn;
  },
  "response.created": (c, e, nowMs) => c.openResponse(e.response.id, nowMs),
  "response.output_item.added": (c, e) => {
    const turn = c.ofResponse(e);
    if (turn && e.item?.type === "message") turn.answerItem = e.item.id;
    return turn;
  },
  "response.output_audio_transcript.delta": addAnswer,
  "response.output_text.delta": addAnswer,
  "response.done": onResponseDone,
  "output_audio_buffer.started": (c, e, nowMs) => {
    const turn = c.ofResponse(e);
    if (turn === null) return null;
    turn.playing = true;
    turn.startedMs ??= nowMs;
    turn.firstAudioMs ??= nowMs;
    if (!turn.answerIsFinal) turn.status = "speaking";
    return turn;
  },
  "output_audio_buffer.stopped": (c, e, nowMs) => {
    const turn = c.ofResponse(e);
    if (turn === null) return null;
    turn.playing = false;
    turn.playedOut = true;
    turn.endMs = nowMs;
    if (turn.status === "done") turn.heard = turn.answer;
    return turn;
  },
  "output_audio_buffer.cleared": (c, e, nowMs) => {
    const turn = c.ofResponse(e);
    if (turn === null) return null;
    if (turn.playing) interrupt(c, turn, nowMs);
    turn.playing = false;
    return turn;
  },
  "conversation.item.truncated": (c, e, nowMs) => {
    const turn = c.turns.findLast((each) => each.answerItem === e.item_id && e.item_id) ?? null;
    if (turn && turn.status !== "failed") interrupt(c, turn, nowMs);
    return turn;
  },
};

/** @type {Handler} */
function keepSession(conversation, event) {
  conversation.session = event.session ?? null;
  return null;
}

/** @type {Handler} */
function onTurn(conversation, event, nowMs) {
  const turn = conversation.heardTurn(event.item_id, event.audio_ms);
  const atMs = turn.kind === "voice" ? event.audio_ms : nowMs;
  if (event.state === "started") {
    turn.startMs = atMs;
    // The events of the cut may come before or after this one; the speech that made it began before it.
    turn.bargeIn = conversation.turns.some((each) =>
      each !== turn && (each.playing || (each.status === "interrupted" && each.startedMs !== null && atMs < (each.endMs ?? 0))));
  } else if (event.state === "tentative") {
    turn.attempts.push({
      attempt: event.attempt, state: "tentative", ms: atMs, endedMs: null,
      silenceMs: event.silence_ms ?? null, reason: event.reason ?? "", votes: event.votes ?? null,
    });
    turn.speechEndMs = event.silence_ms === undefined ? turn.speechEndMs : atMs - event.silence_ms;
    if (turn.status === "listening") turn.status = "tentative";
  } else if (event.state === "revoked") {
    revoke(turn, event.attempt, atMs);
  } else if (event.state === "committed") {
    const attempt = turn.attempts.find((each) => each.attempt === event.attempt);
    if (attempt) Object.assign(attempt, { state: "committed", endedMs: atMs, reason: event.reason ?? "", votes: event.votes ?? attempt.votes });
    commit(turn, atMs);
  } else if (event.state === "discarded") {
    turn.status = "discarded";
    turn.endMs = atMs;
  }
  return turn;
}

/** @param {Turn} turn @param {number} attempt @param {number} atMs */
function revoke(turn, attempt, atMs) {
  for (const each of turn.attempts) {
    if (each.attempt === attempt) Object.assign(each, { state: "revoked", endedMs: atMs });
  }
  for (const thought of turn.thoughts) if (thought.attempt === attempt) thought.revoked = true;
  turn.status = "listening";
}

/** @param {Turn} turn @param {number} atMs */
function commit(turn, atMs) {
  turn.committedMs = atMs;
  if (["listening", "tentative"].includes(turn.status)) turn.status = "committed";
  for (const thought of turn.thoughts) thought.held = thought.held && thought.revoked;
}

/** @type {Handler} */
function onNote(conversation, event, nowMs) {
  const turn = conversation.heardTurn(event.item_id, event.audio_ms);
  const ms = turn.kind === "voice" ? event.audio_ms : nowMs;
  const last = turn.notes.at(-1);
  if (last && last.ms === ms) {
    last.text += event.delta;
    last.tokens += event.tokens ?? 0;
  } else {
    turn.notes.push({ ms, text: event.delta, tokens: event.tokens ?? 0 });
  }
  return turn;
}

/** @type {Handler} */
function onThought(conversation, event, nowMs) {
  const turn = conversation.byItem(event.item_id) ?? conversation.heardTurn(event.item_id, event.audio_ms);
  const ms = turn.kind === "voice" ? event.audio_ms : nowMs;
  const last = turn.thoughts.at(-1);
  if (last && last.attempt === event.attempt && ms - last.ms < SAME_PLACE_MS && !last.text.endsWith("\n")) {
    last.text += event.delta;
    last.tokens += event.tokens ?? 0;
  } else {
    turn.thoughts.push({
      ms, text: event.delta, tokens: event.tokens ?? 0, attempt: event.attempt, held: Boolean(event.held),
      // The last words of a void attempt may come after its end.
      revoked: turn.attempts.some((each) => each.attempt === event.attempt && each.state === "revoked"),
    });
  }
  return turn;
}

/** @type {Handler} */
function addAnswer(conversation, event) {
  const turn = conversation.ofResponse(event);
  if (turn) turn.answer += event.delta ?? "";
  return turn;
}

/** @param {Conversation} conversation @param {Turn} turn @param {number} nowMs */
function interrupt(conversation, turn, nowMs) {
  turn.status = "interrupted";
  turn.endMs ??= nowMs;
  // An answer that was never heard was not interrupted for the ear: the user had only paused.
  if (turn.startedMs !== null) conversation.interruptedAtMs = nowMs;
}

/** @type {Handler} */
function onResponseDone(conversation, event, nowMs) {
  const turn = conversation.ofResponse(event);
  if (turn === null) return null;
  const { status, status_details: details, forethought: extra, output } = event.response;
  const said = output?.find((/** @type {any} */ item) => item.type === "message")?.content?.[0];
  const final = said?.transcript ?? said?.text ?? "";
  // An interrupted item is cut to the words that were heard; the page also shows those that were not.
  if (final.length > turn.answer.length || status !== "cancelled") turn.answer = final || turn.answer;
  turn.answerIsFinal = true;
  if (extra?.ledger?.stages_ms) turn.ledger ??= extra.ledger;
  if (extra?.transcript && !turn.transcriptIsFinal) turn.transcript = extra.transcript;
  if (status === "cancelled") {
    turn.playing = false;
    interrupt(conversation, turn, nowMs);
  } else if (status === "failed") {
    turn.status = "failed";
    turn.failure = details?.error?.message ?? "";
    turn.endMs = nowMs;
  } else if (turn.status !== "interrupted") {
    turn.status = "done";
    if (!turn.playing) turn.endMs ??= nowMs;
    // Text answers are read, not heard.
    if (turn.playedOut || said?.text !== undefined) turn.heard = turn.answer;
  }
  return turn;
}
