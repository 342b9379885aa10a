// @ts-check
/**
 * The wire: one WebRTC call to `/v1/realtime/calls` with the data channel `oai-events`.
 * Carries JSON events both ways and the remote audio track; knows nothing of what the events mean.
 */

const CALLS_URL = "/v1/realtime/calls?model=forethought&forethought=events";
/** Loopback and LAN candidates are there at once; waiting longer than this only delays the first word. */
const GATHERING_LIMIT_MS = 1000;
const ANSWER_LIMIT_MS = 10_000;
const CHANNEL_LIMIT_MS = 12_000;
const OPUS_PACKET_MS = 20;

/** Why a call could not be made, or ended. `kind` is a key of messages.js. */
export class WireFailure extends Error {
  /** @param {string} kind @param {string} [detail] what the server said, shown as plain text */
  constructor(kind, detail = "") {
    super(detail || kind);
    this.kind = kind;
    this.detail = detail;
  }
}

/**
 * @typedef {object} WireHandlers
 * @property {(event: any) => void} onEvent a server event
 * @property {(stream: MediaStream) => void} onAudio the answer's audio
 * @property {(failure: WireFailure) => void} onLost the call ended and it was not us
 */

export class Wire {
  /** @param {WireHandlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {RTCPeerConnection | null} */
    this.peer = null;
    /** @type {RTCDataChannel | null} */
    this.channel = null;
    /** Where the call lives on the server. @type {string | null} */
    this.location = null;
    this.closing = false;
  }

  get isOpen() {
    return this.channel?.readyState === "open";
  }

  /**
   * @param {MediaStream | null} microphone null makes a call that only receives audio
   * @param {string} key access key, may be empty
   * @throws {WireFailure}
   */
  async connect(microphone, key) {
    const peer = new RTCPeerConnection({ iceServers: [] });
    this.peer = peer;
    this.closing = false;
    const track = microphone?.getAudioTracks()[0];
    if (microphone && track) peer.addTrack(track, microphone);
    else peer.addTransceiver("audio", { direction: "recvonly" });
    peer.ontrack = ({ receiver, streams, track: remote }) => {
      preferLowDelay(receiver);
      this.handlers.onAudio(streams[0] ?? new MediaStream([remote]));
    };
    const channel = peer.createDataChannel("oai-events");
    this.channel = channel;
    channel.onmessage = ({ data }) => this.#receive(data);
    try {
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      await peer.setRemoteDescription({ type: "answer", sdp: await this.#post(peer.localDescription?.sdp ?? "", key) });
      await opened(peer, channel);
    } catch (error) {
      this.close();
      throw error instanceof WireFailure ? error : new WireFailure("call_failed", String(error));
    }
    this.#watch(peer, channel);
  }

  /** @param {object} event @returns {boolean} false when the call is not open */
  send(event) {
    if (!this.isOpen) return false;
    this.channel?.send(JSON.stringify(event));
    return true;
  }

  /** How much audio has left this page: the server counts its stream positions from the first packet.
   * @returns {Promise<{sentMs: number, atMs: number} | null>} */
  async audioSent() {
    const report = await this.peer?.getStats().catch(() => null);
    for (const stat of report?.values() ?? []) {
      if (stat.type === "outbound-rtp" && stat.kind === "audio" && stat.packetsSent > 0) {
        return { sentMs: stat.packetsSent * OPUS_PACKET_MS, atMs: stat.timestamp - performance.timeOrigin };
      }
    }
    return null;
  }

  /** Hang up. Safe at any time; also on `pagehide`, where only a beacon still gets through. */
  close() {
    this.closing = true;
    if (this.location) navigator.sendBeacon(`${this.location}/hangup`);
    this.location = null;
    this.channel?.close();
    this.peer?.close();
    this.channel = null;
    this.peer = null;
  }

  /** @param {string} sdp @param {string} key @returns {Promise<string>} the answer's SDP */
  async #post(sdp, key) {
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/sdp" };
    if (key) headers.Authorization = `Bearer ${key}`;
    let reply;
    try {
      reply = await fetch(CALLS_URL, { method: "POST", headers, body: sdp, signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    } catch (error) {
      throw new WireFailure(error instanceof DOMException && error.name === "TimeoutError" ? "timeout" : "unreachable");
    }
    const text = await reply.text();
    if (!reply.ok) throw refusal(reply.status, text);
    this.location = reply.headers.get("Location");
    return text;
  }

  /** @param {string} data */
  #receive(data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      console.warn("an event that is not JSON was dropped");
      return;
    }
    if (event && typeof event.type === "string") this.handlers.onEvent(event);
  }

  /** @param {RTCPeerConnection} peer @param {RTCDataChannel} channel */
  #watch(peer, channel) {
    const lost = (/** @type {string} */ kind) => {
      if (this.closing || this.peer !== peer) return;
      this.close();
      this.handlers.onLost(new WireFailure(kind));
    };
    channel.onclose = () => lost("session_closed");
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed") lost("connection_lost");
      if (peer.connectionState === "closed") lost("session_closed");
    };
  }
}

/** The answer should be heard at once; a LAN needs no deep jitter buffer. @param {RTCRtpReceiver} receiver */
function preferLowDelay(receiver) {
  const target = /** @type {any} */ (receiver);
  if ("jitterBufferTarget" in target) target.jitterBufferTarget = 0;
  if ("playoutDelayHint" in target) target.playoutDelayHint = 0;
}

/** @param {number} status @param {string} body @returns {WireFailure} */
function refusal(status, body) {
  let detail = "";
  try {
    detail = String(JSON.parse(body).error?.message ?? "");
  } catch {
    detail = "";
  }
  if (status === 401 || status === 403) return new WireFailure("unauthorised", detail);
  if (status === 503 || status === 429) return new WireFailure("limit_reached", detail);
  return new WireFailure("refused", detail || `HTTP ${status}`);
}

/** @param {RTCPeerConnection} peer @returns {Promise<void>} */
function gathered(peer) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, GATHERING_LIMIT_MS);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });
}

/** @param {RTCPeerConnection} peer @param {RTCDataChannel} channel @returns {Promise<void>} */
function opened(peer, channel) {
  // It may have opened while the answer was still being applied, and says so only once.
  if (channel.readyState === "open") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new WireFailure("no_media_path")), CHANNEL_LIMIT_MS);
    channel.addEventListener("open", () => {
      clearTimeout(timer);
      resolve();
    });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState !== "failed") return;
      clearTimeout(timer);
      reject(new WireFailure("no_media_path"));
    });
  });
}
