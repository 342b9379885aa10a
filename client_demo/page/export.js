// @ts-check
/** A turn as JSON: what was heard, noted, thought, answered and measured, with its levels. Nothing leaves the browser. */

import { ledgerOf } from "./ledger.js";

/** @typedef {import("./conversation.js").Turn} Turn */
/** @typedef {import("./timeline.js").Sounds} Sounds */

/** @param {Turn} turn */
export function plainTurn(turn) {
  const ledger = ledgerOf(turn);
  return structuredClone({
    id: turn.id,
    number: turn.number,
    kind: turn.kind,
    status: turn.status,
    barge_in: turn.bargeIn,
    start_ms: turn.startMs,
    speech_end_ms: turn.ledger?.speech_end_ms ?? turn.speechEndMs,
    turn_end_ms: turn.ledger?.turn_end_ms ?? turn.committedMs,
    first_audio_ms: turn.firstAudioMs,
    end_ms: turn.endMs,
    transcript: turn.transcript,
    notes: turn.notes,
    thoughts: turn.thoughts,
    attempts: turn.attempts,
    answer: turn.answer,
    heard: turn.heard,
    ledger: turn.ledger && ledger && {
      ...turn.ledger,
      stages_ms: Object.fromEntries(ledger.stages.map((stage) => [stage.name, stage.ms])),
      total_ms: ledger.totalMs,
    },
    client: turn.measured && {
      eos_ms: turn.measured.eosMs, first_audio_ms: turn.measured.firstAudioMs, ttfp_eos_ms: turn.measured.totalMs,
    },
  });
}

/** Offer the turn as a file. @param {Turn} turn @param {Sounds} sounds @param {unknown} session */
export function download(turn, sounds, session) {
  const body = JSON.stringify({ turn: plainTurn(turn), levels_dbfs: sounds, session }, null, 1);
  const url = URL.createObjectURL(new Blob([body], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `forethought-turn-${turn.number}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
