// @ts-check
/** What the talk is doing right now, in one word, and how the page says it. Pure. */

/** @typedef {"idle" | "connecting" | "ready" | "muted" | "listening" | "holding" | "thinking" | "speaking" | "interrupted"} Phase */

/** How long "interrupted" stays before the page goes back to listening. */
const INTERRUPTED_MS = 1400;

/**
 * @param {{call: string, muted: boolean, holding: boolean, nowMs: number, conversation: import("./conversation.js").Conversation}} app
 * @returns {Phase}
 */
export function phaseOf({ call, muted, holding, nowMs, conversation }) {
  if (call === "idle") return "idle";
  if (call === "connecting") return "connecting";
  const { interruptedAtMs, current } = conversation;
  if (interruptedAtMs !== null && nowMs - interruptedAtMs < INTERRUPTED_MS) return "interrupted";
  if (holding || current?.status === "listening") return "listening";
  if (current?.status === "tentative") return "holding";
  if (conversation.turns.some((turn) => turn.playing)) return "speaking";
  if (current && ["committed", "answering", "speaking"].includes(current.status)) return "thinking";
  return muted ? "muted" : "ready";
}

/** @param {Phase} phase @param {"open" | "hold"} mode @param {boolean} hasMicrophone @returns {{title: string, hint: string}} */
export function wordsOf(phase, mode, hasMicrophone) {
  const hold = mode === "hold";
  switch (phase) {
    case "idle":
      return { title: "Ready when you are", hint: "Press the microphone to talk, or type below." };
    case "connecting":
      return { title: "Connecting", hint: "Asking for the microphone and making the call." };
    case "ready":
      if (!hasMicrophone) return { title: "Ready to type", hint: "No microphone in this call; the answers are still spoken." };
      return { title: "Ready", hint: hold ? "Hold the button or the space bar, and speak." : "Just speak." };
    case "muted":
      return { title: "Microphone off", hint: "Press the microphone to be heard again." };
    case "listening":
      return { title: "Listening", hint: "Notes are written while you speak." };
    case "holding":
      return { title: "Holding an answer", hint: "You paused. The answer is being made ready, in case you are done." };
    case "thinking":
      return { title: "Thinking", hint: "Your turn has ended." };
    case "speaking":
      return { title: "Speaking", hint: hold ? "Hold the button to cut in." : "Talk over it to cut in." };
    case "interrupted":
      return { title: "Interrupted", hint: "Only the words you heard are kept." };
  }
}
