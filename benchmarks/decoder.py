"""What decoding costs, how near it is to the memory's limit, and whether int8 says what float32 says.

    python -m benchmarks.decoder [--threads 2] [--json OUT] [--skip-samples]

Times are medians, with the fastest decile beside them: on a machine that does other work the decile is nearer to what
the code costs, the median to what a user gets. The limit of decoding is reading every weight once per step.
Agreement: greedy answers to the seed samples against those recorded with the checkpoint, and, position by position
along the recorded answers, whether int8 and float32 prefer the same token.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realtime.decoder import Decoder, Row, Symbol, greedy
from streaming_encoder import EncoderStream, load_audio_model

SEED = Path(__file__).parents[1] / "models" / "seed"
SAMPLES = SEED / "samples"
MAX_ANSWER_TOKENS = 120
REPEATS = 40


def machine(threads: int) -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "vnni": bool(getattr(torch.cpu, "_is_vnni_supported", bool)()),
        "torch": torch.__version__,
        "load_average_1_min": round(os.getloadavg()[0], 1),
    }


def timed_ms(action: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """Median and fastest decile of `repeats` calls, after three calls that do not count."""
    times = []
    for count in range(repeats + 3):
        begin = time.perf_counter()
        action()
        if count >= 3:
            times.append((time.perf_counter() - begin) * 1e3)
    return {"median": float(np.median(times)), "p10": float(np.percentile(times, 10))}


def read_bandwidth_gb_s() -> float:
    """Reading 256 MiB of float32, a size no cache holds; the fastest of ten."""
    data = torch.ones(64 << 20)
    data.sum()
    best = min(_seconds(data.sum) for _ in range(10))
    return data.numel() * 4 / best / 1e9


def _seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def random_tokens(count: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(count).integers(20, 40_000, count)]


def decoding(decoder: Decoder, lanes: int, context: int) -> dict[str, float]:
    """One step of `lanes` decoding lanes that each hold `context` positions."""
    seqs = [decoder.new(random_tokens(context + REPEATS + 3)) for _ in range(lanes)]
    for seq in seqs:
        while seq.computed < context:
            decoder.step([Row(seq, min(128, context - seq.computed))])
    found = timed_ms(lambda: decoder.step([Row(seq, 1, want_logits=True) for seq in seqs]))
    for seq in seqs:
        decoder.drop(seq)
    return found


def prefill(decoder: Decoder, rows: int) -> dict[str, float]:
    """One step of `rows` new positions on a context of 100."""
    seq = decoder.new(random_tokens(100 + rows))
    decoder.step([Row(seq, 100)])

    def once() -> None:
        decoder.truncate(seq, 100)
        decoder.extend(seq, random_tokens(rows))
        decoder.step([Row(seq, rows, want_logits=True)])

    found = timed_ms(once, repeats=10)
    decoder.drop(seq)
    return found


def sample_prompts(decoder: Decoder) -> list[tuple[dict[str, Any], list[Symbol]]]:
    """Every seed sample with its prompt in the final mode of models/seed/README.md, at the recorded chunk size."""
    audio_model = load_audio_model(SEED)
    instructions = json.loads((SEED / "config.json").read_text())["system_prompt"]
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


def agreement(int8: Decoder, exact: Decoder) -> dict[str, Any]:
    """Recorded answers matched by each, and how often both prefer the same token along float32's answers."""
    same_text = {"int8": 0, "exact": 0}
    differing: dict[str, list[str]] = {"int8": [], "exact": []}
    same = total = 0
    recorded = sample_prompts(int8)
    for (expected, int8_prompt), (_, exact_prompt) in zip(recorded, sample_prompts(exact), strict=True):
        answers = {"int8": answer(int8, int8_prompt), "exact": answer(exact, exact_prompt)}
        for name, tokens in answers.items():
            if exact.tokenizer.decode(tokens) == expected["measured_output_chunk32"]:
                same_text[name] += 1
            else:
                differing[name].append(expected["file"])
        prefers = preferences(int8, int8_prompt, answers["exact"])
        same += sum(a == b for a, b in zip(prefers, answers["exact"], strict=True))
        total += len(prefers)
    return {
        "recorded_answers": len(recorded),
        "equal_to_recorded": same_text,
        "differing": differing,
        "top1_positions": total,
        "top1_agreement": same / total,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--skip-samples", action="store_true")
    arguments = parser.parse_args()

    report: dict[str, Any] = {"machine": machine(arguments.threads)}
    print(report["machine"])
    decoder = Decoder.load(SEED, threads=arguments.threads)
    bandwidth = report["read_bandwidth_gb_s"] = read_bandwidth_gb_s()
    print(f"memory read bandwidth          {bandwidth:7.1f} GB/s")
    weight_bytes = decoder.parameters  # int8; the tied table is read whole by the head
    report["decoding_ms"] = {}
    for lanes in (1, 2, 4):
        cost = report["decoding_ms"][lanes] = decoding(decoder, lanes, 200)
        print(
            f"decode {lanes} lane(s), context 200   {cost['median']:7.2f} ms (p10 {cost['p10']:.2f}); "
            f"{lanes / cost['p10'] * 1e3:.0f} tokens/s, {weight_bytes / cost['p10'] / 1e6 / bandwidth:.0%} of bandwidth"
        )
    report["prefill_ms"] = {}
    for rows in (8, 32, 64, 128):
        cost = report["prefill_ms"][rows] = prefill(decoder, rows)
        print(f"prefill {rows:4} rows              {cost['median']:7.2f} ms (p10 {cost['p10']:.2f})")
    report["context_ms"] = {}
    for context in (100, 500, 1000, 2000):
        cost = report["context_ms"][context] = decoding(decoder, 1, context)
        print(f"decode at context {context:5}        {cost['median']:7.2f} ms (p10 {cost['p10']:.2f})")
    if not arguments.skip_samples:
        report["agreement"] = agreement(decoder, Decoder.load(SEED, threads=arguments.threads, exact=True))
        print(json.dumps(report["agreement"], indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
