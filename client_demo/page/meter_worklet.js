// @ts-check
/**
 * Audio thread: the RMS level of what passes by, once per 20 ms, with the audio clock's time of its last sample.
 * A worklet and not a polled analyser, because a busy or hidden tab must not leave holes in the waveform.
 */

const LEVEL_SECONDS = 0.02;

// @ts-ignore: AudioWorkletGlobalScope
class MeterProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sum = 0;
    this.count = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const channel = inputs[0] && inputs[0][0];
    const length = channel ? channel.length : 128;
    if (channel) for (let i = 0; i < length; i++) this.sum += channel[i] * channel[i];
    this.count += length;
    // @ts-ignore
    if (this.count >= LEVEL_SECONDS * sampleRate) {
      const db = 10 * Math.log10(this.sum / this.count + 1e-10);
      // @ts-ignore
      this.port.postMessage({ endMs: (currentTime + length / sampleRate) * 1000, db });
      this.sum = 0;
      this.count = 0;
    }
    return true;
  }
}

// @ts-ignore
registerProcessor("forethought-meter", MeterProcessor);
