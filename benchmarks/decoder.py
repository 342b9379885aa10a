"""What decoding costs, how near it is to the memory's limit, and whether int8 says what float32 says.

    python -m benchmarks.decoder [--json OUT] [--skip-samples]

Times are medians, with the fastest decile beside them: on a machine that does other work the decile is
nearer to what the code costs, the median to what a user gets. The limit of decoding is reading every weight once per
step. "native" is the compiled step on one thread, "assisted" the same with what an idle core
gives, "torch" the same network by torch's operators.
Agreement: the seed samples, heard by the decoder alone, greedy: the words and key facts that are right, whether int8
answers as float32 does, and, position by position along float32's answers, whether both prefer the same token.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import njit

from client_demo.correctness import Expectation, Verdict, judge
from realtime.decoder import Decoder, Row, Symbol, greedy
from realtime.decoder.native.host import kind_of_host
from streaming_encoder import EncoderStream, load_audio_model

EMBEDDED = Path(__file__).parents[1] / "models" / "embedded"
SAMPLES = EMBEDDED / "samples"
MAX_ANSWER_TOKENS = 120
REPEATS = 40
KV_TOKENS = 12_288  # 64 lanes of 100 and their tokens


def machine() -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "kernels": kind.name if (kind := kind_of_host()) else None,
        "vnni": bool(getattr(torch.cpu, "_is_vnni_supported", bool)()),
        "torch": torch.__version__,
        "load_average_1_min": round(os.getloadavg()[0], 1),
    }


def summary(times: list[float]) -> dict[str, float]:
    """Median and fastest decile."""
    return {"median": float(np.median(times)), "p10": float(np.percentile(times, 10))}


@njit(nogil=True, fastmath=True)
def _sum(data: np.ndarray) -> int:
    total = 0
    for index in range(len(data)):
        total += data[index]
    return total


def read_bandwidth_gb_s(threads: int) -> float:
    """Reading 256 MiB, a size no cache holds, each thread its part; the fastest of twenty."""
    parts = np.array_split(np.ones(32 << 20, np.int64), threads)
    _sum(parts[0][:8])

    def once() -> float:
        begin = time.perf_counter()
        others = [threading.Thread(target=_sum, args=(part,)) for part in parts[1:]]
        for other in others:
            other.start()
        _sum(parts[0])
        for other in others:
            other.join()
        return time.perf_counter() - begin

    return float(sum(part.nbytes for part in parts) / min(once() for _ in range(20)) / 1e9)


def random_tokens(count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(count).integers(20, 40_000, count)]


class Lanes:
    """`lanes` decoding lanes of one decoder that each hold `context` positions of their own."""

    def __init__(self, decoder: Decoder, lanes: int, context: int) -> None:
        self.decoder = decoder
        self.seqs = [decoder.new(random_tokens(context + REPEATS + 3)) for _ in range(lanes)]
        for seq in self.seqs:
            while seq.computed < context:
                decoder.step([Row(seq, min(128, context - seq.computed))])

    def step_ms(self) -> float:
        """One step of one token a lane, with logits."""
        rows = [Row(seq, 1, want_logits=True) for seq in self.seqs]
        begin = time.perf_counter()
        self.decoder.step(rows)
        return (time.perf_counter() - begin) * 1e3

    def drop(self) -> None:
        for seq in self.seqs:
            self.decoder.drop(seq)


def decoding(decoders: dict[str, Decoder], lanes: int, context: int) -> dict[str, dict[str, float]]:
    """Cost of a step of `lanes` lanes at `context`, for all decoders in turn, so that a busy minute hits all alike."""
    held = {name: Lanes(decoder, lanes, context) for name, decoder in decoders.items()}
    times: dict[str, list[float]] = {name: [] for name in held}
    for count in range(max(10, REPEATS // lanes) + 3):
        for name, lane in held.items():
            took = lane.step_ms()
            if count >= 3:
                times[name].append(took)
    for lane in held.values():
        lane.drop()
    return {name: summary(took) for name, took in times.items()}


def prefill(decoder: Decoder, rows: int) -> dict[str, float]:
    """One step of `rows` new positions on a context of 100."""
    seq = decoder.new(random_tokens(100))
    decoder.step([Row(seq, 100)])
    times = []
    for _ in range(10):
        decoder.extend(seq, random_tokens(rows))
        begin = time.perf_counter()
        decoder.step([Row(seq, rows, want_logits=True)])
        times.append((time.perf_counter() - begin) * 1e3)
        decoder.truncate(seq, 100)
    decoder.drop(seq)
    return summary(times)


def print_cost(label: str, cost: dict[str, dict[str, float]], lanes: int, read_bytes: int, bandwidth: float) -> None:
    """One line: each decoder's time, and for the first one what it makes of the memory."""
    ours = next(iter(cost.values()))["p10"]
    each = "   ".join(f"{name} {took['median']:6.1f} ({took['p10']:6.1f})" for name, took in cost.items())
    gb_s = read_bytes / ours / 1e6
    print(f"{label:28} {each}   {lanes / ours * 1e3:5.0f} tokens/s {gb_s:5.1f} GB/s {gb_s / bandwidth:4.0%}")


def sample_prompts(decoder: Decoder) -> list[tuple[dict[str, Any], list[Symbol]]]:
    """Every seed sample with its prompt in the final mode of models/embedded/README.md."""
    audio_model = load_audio_model(EMBEDDED)
    instructions = json.loads((EMBEDDED / "config.json").read_text())["system_prompt"]
    tokenizer, special = decoder.tokenizer, decoder.tokenizer.special
    newline = tokenizer.encode("\n")
    prompts = []
    for expected in json.loads((SAMPLES / "expected.json").read_text()):
        with wave.open(str(SAMPLES / expected["file"])) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        stream = EncoderStream(audio_model, chunk_frames=32)
        frames = torch.cat([stream.push(pcm), stream.finish()])
        prompts.append((expected, [
            special.im_start, *tokenizer.encode(f"system\n{instructions}"), special.im_end, *newline,
            special.im_start, *tokenizer.encode("user\n"),
            special.audio_start, *decoder.frames.put(frames), special.audio_end, special.im_end, *newline,
            special.im_start, *tokenizer.encode("assistant\n"),
        ]))  # fmt: skip
    return prompts


def answer(decoder: Decoder, prompt: list[Symbol]) -> list[int]:
    """Greedy continuation, its end token included."""
    seq = decoder.new(prompt)
    tokens: list[int] = []
    while len(tokens) < MAX_ANSWER_TOKENS and (not tokens or tokens[-1] != decoder.tokenizer.special.eos):
        logits = decoder.step([Row(seq, seq.pending, want_logits=True)])[0]
        assert logits is not None
        tokens.append(greedy(logits[0]))
        decoder.extend(seq, tokens[-1:])
    decoder.drop(seq)
    return tokens


def preferences(decoder: Decoder, prompt: list[Symbol], tokens: list[int]) -> list[int]:
    """The most likely next token at every position of a given answer."""
    seq = decoder.new([*prompt, *tokens])
    decoder.step([Row(seq, len(prompt) - 1)])
    found = []
    for _ in tokens:
        logits = decoder.step([Row(seq, 1, want_logits=True)])[0]
        assert logits is not None
        found.append(greedy(logits[0]))
    decoder.drop(seq)
    return found


def verdict(text: str, expected: dict[str, Any]) -> Verdict:
    """Of a written turn: its line against the words that were said, its answer against the key fact."""
    line, _, said = text.partition("</think>")
    heard = line.removeprefix("<think>\nheard: ").partition("\n")[0]
    return judge(Expectation(expected["transcript"], None, expected["key"]), heard, said.removesuffix("<|im_end|>"))


def agreement(int8: Decoder, exact: Decoder) -> dict[str, Any]:
    """What each makes of the samples, and how often both prefer the same token along float32's answers."""
    right: dict[str, dict[str, int]] = {name: {"words": 0, "key": 0} for name in ("int8", "exact")}
    differing: list[str] = []
    same = total = 0
    samples = sample_prompts(int8)
    for (expected, int8_prompt), (_, exact_prompt) in zip(samples, sample_prompts(exact), strict=True):
        answers = {"int8": answer(int8, int8_prompt), "exact": answer(exact, exact_prompt)}
        for name, tokens in answers.items():
            found = verdict(exact.tokenizer.decode(tokens), expected)
            right[name]["words"] += found.errors == 0
            right[name]["key"] += bool(found.key)
        if answers["int8"] != answers["exact"]:
            differing.append(expected["file"])
        prefers = preferences(int8, int8_prompt, answers["exact"])
        same += sum(a == b for a, b in zip(prefers, answers["exact"], strict=True))
        total += len(prefers)
    return {
        "samples": len(samples),
        "samples_with_a_key": sum(expected["key"] is not None for expected, _ in samples),
        "right": right,
        "int8_differs_from_float32": differing,
        "top1_positions": total,
        "top1_agreement": same / total,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--skip-samples", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    report: dict[str, Any] = {"machine": machine()}
    print(report["machine"])
    bandwidth = report["read_bandwidth_gb_s"] = {threads: read_bandwidth_gb_s(threads) for threads in (1, 2)}
    print("memory read bandwidth:", {n: f"{found:.1f} GB/s" for n, found in bandwidth.items()})
    decoders = {
        "assisted": Decoder.load(EMBEDDED, threads=1, kv_tokens=KV_TOKENS),
        "native": Decoder.load(EMBEDDED, threads=1, kv_tokens=KV_TOKENS, assisted=False),
        "torch": Decoder.load(EMBEDDED, threads=1, kv_tokens=KV_TOKENS, native=False),
    }
    native = decoders["native"]
    print("ms a step, median (fastest decile); then what the first one's decile makes of the bandwidth of two threads")
    report["context_ms"], report["rows_ms"], report["prefill_ms"] = {}, {}, {}

    def show(label: str, cost: dict[str, dict[str, float]], rows: int, cached: int) -> None:
        for threads, found in list(bandwidth.items()):  # the first measurement may have had a busy minute
            bandwidth[threads] = max(found, read_bandwidth_gb_s(threads))
        read_bytes = native.parameters + cached * native.shape.kv_bytes_per_token_fp32
        print_cost(label, cost, rows, read_bytes, max(bandwidth.values()))

    for context in (100, 300, 500, 2000):
        cost = report["context_ms"][context] = decoding(decoders, 1, context)
        show(f"1 lane, context {context}", cost, 1, context)
    for lanes in (2, 4, 8, 16, 32, 64):
        cost = report["rows_ms"][lanes] = decoding(decoders, lanes, 100)
        show(f"{lanes} lanes, context 100", cost, lanes, lanes * 100)
    for rows in (8, 32, 64, 128):
        cost = report["prefill_ms"][rows] = {name: prefill(decoder, rows) for name, decoder in decoders.items()}
        show(f"prefill of {rows} rows at 100", cost, rows, 100)
    if not arguments.skip_samples:
        exact = Decoder.load(EMBEDDED, threads=1, exact=True)
        report["agreement"] = {name: agreement(decoders[name], exact) for name in ("native", "torch")}
        print(json.dumps(report["agreement"], indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
