// @ts-check
/**
 * What the page says when something is wrong: what happened, and what to do about it, in plain words.
 * One entry per failure kind. Knows nothing of where a failure comes from.
 */

/** @typedef {"retry" | "text" | "sound" | "key"} Action */
/** @typedef {{title: string, text: string, steps?: string[], actions: Action[]}} Message */

const isFirefox = navigator.userAgent.includes("Firefox");

const ALLOW_MICROPHONE = isFirefox
  ? [
      "Click the microphone symbol with a line through it, left of the address bar.",
      "Remove the block beside “Use the microphone”.",
      "Come back and try again.",
    ]
  : [
      "Click the symbol left of the address (it opens the site's settings).",
      "Set “Microphone” to “Allow”.",
      "Come back and try again.",
    ];

/** @type {Record<string, Message>} */
const MESSAGES = {
  mic_denied: {
    title: "The microphone is blocked for this page",
    text: "Your browser refused the microphone, so nothing can be heard. If you want to talk:",
    steps: [...ALLOW_MICROPHONE, "Still blocked? Look in your system's privacy settings whether this browser may use the microphone."],
    actions: ["retry", "text"],
  },
  mic_missing: {
    title: "No microphone was found",
    text: "Plug one in or switch it on, then try again. You can also type; the answers are still spoken.",
    actions: ["retry", "text"],
  },
  mic_busy: {
    title: "The microphone is in use elsewhere",
    text: "Another program holds the microphone, or the system could not start it. Close that program and try again.",
    actions: ["retry", "text"],
  },
  mic_failed: {
    title: "The microphone could not be opened",
    text: "The browser gave no usable reason. Try another microphone, or type for now.",
    actions: ["retry", "text"],
  },
  insecure: {
    title: "This address may not use a microphone",
    text: "Browsers give the microphone only to secure pages: https://… or http://localhost. Open this page that way to talk. Typing works here too.",
    actions: ["text"],
  },
  unreachable: {
    title: "The server does not answer",
    text: "Is “forethought serve” running, on this address and port? This page keeps looking and will tell you when it is back.",
    actions: ["retry"],
  },
  server_back: {
    title: "The server is back",
    text: "Calls can be made again.",
    actions: ["retry"],
  },
  timeout: {
    title: "The server took too long",
    text: "It is there, but did not take the call within 10 seconds. It may still be loading its model, or be very busy.",
    actions: ["retry"],
  },
  limit_reached: {
    title: "All lines are taken",
    text: "The server talks to as many people as it allows. Try again in a moment.",
    actions: ["retry"],
  },
  unauthorised: {
    title: "This server asks for a key",
    text: "Put the access key into the settings, then connect again.",
    actions: ["key", "retry"],
  },
  refused: {
    title: "The server refused the call",
    text: "It gave this reason:",
    actions: ["retry"],
  },
  no_media_path: {
    title: "No way for the audio",
    text: "The server answered, but no direct path for audio came up. A firewall or VPN may block UDP between this browser and the server.",
    actions: ["retry"],
  },
  call_failed: {
    title: "The call could not be made",
    text: "The browser could not set up the connection:",
    actions: ["retry"],
  },
  connection_lost: {
    title: "The connection broke",
    text: "No more packets came through. What was said so far stays here; a new call starts a new conversation.",
    actions: ["retry"],
  },
  session_closed: {
    title: "The server ended the session",
    text: "It closed the call: it was stopped, or the session reached its time limit. What was said so far stays here.",
    actions: ["retry"],
  },
  engine_lost: {
    title: "The engine stopped and is being started again",
    text: "Your call is still up, but this answer is lost. Ask again in a few seconds.",
    actions: [],
  },
  engine_overloaded: {
    title: "The engine has too much to do",
    text: "There was no room left for this answer. Ask again in a moment.",
    actions: [],
  },
  voice_error: {
    title: "The voice gave no sound",
    text: "The answer is there to read, but could not be spoken.",
    actions: [],
  },
  sound_blocked: {
    title: "The browser holds back the sound",
    text: "It wants a click before a page may play audio.",
    actions: ["sound"],
  },
  server_error: {
    title: "The server reports a problem",
    text: "It said:",
    actions: [],
  },
};

/** Errors that are part of a normal talk: stopping what has just stopped, a button let go too soon. */
export const QUIET_CODES = new Set([
  "response_cancel_not_active",
  "conversation_already_has_active_response",
  "input_audio_buffer_commit_empty",
]);

/** @param {string} kind @param {string} [detail] @returns {Message & {detail: string}} */
export function messageFor(kind, detail = "") {
  const known = MESSAGES[kind];
  return { ...(known ?? MESSAGES.server_error), detail };
}

/** A server error event's code, as a kind of message. @param {string | undefined} code */
export function kindOfCode(code) {
  if (code === "engine_error") return "engine_lost";
  return code && code in MESSAGES ? code : "server_error";
}
