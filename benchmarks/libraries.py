"""The products of one decoding step by the libraries one might use instead: `python -m benchmarks.libraries`.

The same shapes and int8 weights (embedded model: the four matrices of 30 layers, one after another, and the head), one
thread, rows of float32 in and out. No norm, no attention: what is compared is reading and multiplying the weights.
  native       the compiled step's products (realtime/decoder/native)
  torch        int8 through fbgemm, as the decoder uses it where it cannot compile (realtime/decoder/linear.py)
  ort dynamic  onnxruntime, DynamicQuantizeMatMul: int8 weights and activations
  ort nbits    onnxruntime, MatMulNBits with 8 bits, blocks of 64, accuracy level 4 (int8 activations)
  ctranslate2  a whole decoding step of the seed decoder in CTranslate2, int8, 1 row, at context 100; the line
               "native step" is ours, whole
Needs `pip install onnx ctranslate2` beside the product; a library that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.decoder import EMBEDDED, machine, random_tokens, read_bandwidth_gb_s, summary
from realtime.decoder import Decoder, Row
from realtime.decoder.linear import Int8Linear, Matrix
from realtime.decoder.native import step
from realtime.decoder.native.multiply import KIND, multiply
from realtime.decoder.native.products import pack

ROWS = (1, 4, 8, 32)
REPEATS = 20
LAYERS, WIDTH, MLP, VOCAB = 30, 576, 1536, 49_152
CHAIN = [(960, WIDTH), (WIDTH, WIDTH), (2 * MLP, WIDTH), (WIDTH, MLP)] * LAYERS + [(VOCAB, WIDTH)]
CONTEXT = 100

Run = Callable[[np.ndarray], object]


def matrices() -> list[Matrix]:
    """Random int8 matrices of the seed decoder's shapes, scaled so that a chain of them neither grows nor dies."""
    generator = np.random.default_rng(0)
    return [
        Matrix(
            torch.from_numpy(generator.integers(-127, 128, (rows, columns), dtype=np.int8)),
            torch.full((rows,), 1 / (73 * columns**0.5)),
        )
        for rows, columns in CHAIN
    ]


def native(chain: list[Matrix]) -> Run:
    packed = [pack(m.weight.numpy(), m.scale.numpy(), KIND) for m in chain if m.scale is not None]
    most = max(ROWS)
    levels = np.empty((most, MLP), KIND.activation)
    scales, sums = np.empty(most, np.float32), np.empty(most, np.int32)
    outputs = [np.empty((most, rows), np.float32) for rows, _ in CHAIN]

    def run(x: np.ndarray) -> object:
        at = levels.ctypes.data, scales.ctypes.data, sums.ctypes.data
        for blocks, (rows, columns), y in zip(packed, CHAIN, outputs, strict=True):
            step.quantise_rows(x.ctypes.data, x.strides[0], len(x), columns, *at)
            multiply(blocks.ctypes.data, rows, columns, len(x), *at, y.ctypes.data, y.strides[0], 0)
            x = y[: len(x)]
        return x

    return run


def torch_int8(chain: list[Matrix]) -> Run:
    linears = [Int8Linear(matrix) for matrix in chain]

    def run(x: np.ndarray) -> object:
        y = torch.from_numpy(x)
        with torch.inference_mode():
            for linear, (_, columns) in zip(linears, CHAIN, strict=True):
                y = linear(y[:, :columns])
        return y

    return run


def onnxruntime_chain(chain: list[Matrix], kind: str) -> Run:
    import onnxruntime  # noqa: PLC0415
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    nodes, constants, name = [], [], "x"

    def constant(label: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(array, label))
        return label

    for index, (matrix, (rows, columns)) in enumerate(zip(chain, CHAIN, strict=True)):
        assert matrix.scale is not None
        weight, scale = matrix.weight.numpy(), matrix.scale.numpy()
        if index and CHAIN[index - 1][0] != columns:
            ends = [
                constant(f"{part}{index}", np.array([n], np.int64)) for part, n in (("a", 0), ("b", columns), ("c", 1))
            ]
            nodes.append(helper.make_node("Slice", [name, *ends], [f"s{index}"]))
            name = f"s{index}"
        if kind == "nbits":
            stored = (weight.astype(np.int16) + 128).astype(np.uint8).reshape(rows, columns // 64, 64)
            blocks = np.repeat(scale[:, None], columns // 64, 1).reshape(-1)
            inputs = [name, constant(f"w{index}", stored), constant(f"s_{index}", blocks)]
            options: dict[str, Any] = {"K": columns, "N": rows, "bits": 8, "block_size": 64, "accuracy_level": 4}
            nodes.append(helper.make_node("MatMulNBits", inputs, [f"y{index}"], domain="com.microsoft", **options))
        else:
            inputs = [name, constant(f"w{index}", np.ascontiguousarray(weight.T)), constant(f"s_{index}", scale)]
            nodes.append(helper.make_node("DynamicQuantizeMatMul", inputs, [f"y{index}"], domain="com.microsoft"))
        name = f"y{index}"
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", VOCAB])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=9
    )
    options_ = onnxruntime.SessionOptions()
    options_.intra_op_num_threads = options_.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options_, ["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})


def ctranslate2_ms() -> dict[str, float]:
    """A decoding step of the seed decoder's shape in CTranslate2: the time from token to token behind a prompt."""
    import ctranslate2  # noqa: PLC0415
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: PLC0415

    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=MLP, rms_norm_eps=1e-5, max_position_embeddings=8192, tie_word_embeddings=True, head_dim=64,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0}, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "source", Path(directory) / "target"
        LlamaForCausalLM(config).half().save_pretrained(source)
        PreTrainedTokenizerFast(
            tokenizer_file=str(EMBEDDED / "tokenizer.json"), bos_token="<|im_start|>", eos_token="<|im_end|>"
        ).save_pretrained(source)
        ctranslate2.converters.TransformersConverter(str(source)).convert(str(target), quantization="int8")
        generator = ctranslate2.Generator(str(target), device="cpu", compute_type="int8", intra_threads=1)
        vocabulary = json.loads((EMBEDDED / "tokenizer.json").read_text())["model"]["vocab"]
        words = {number: word for word, number in vocabulary.items()}
        prompt = [words[token] for token in random_tokens(CONTEXT)]
        times: list[float] = []
        for _ in range(3):
            stamps = [
                time.perf_counter()
                for _ in generator.generate_tokens(prompt, max_length=REPEATS, min_length=REPEATS, sampling_topk=1)
            ]
            times += list(np.diff(stamps) * 1e3)
    return summary(times)


def native_step_ms() -> dict[str, float]:
    decoder = Decoder.load(EMBEDDED, threads=1)
    seq = decoder.new(random_tokens(CONTEXT + REPEATS))
    decoder.step([Row(seq, CONTEXT)])
    return summary([timed(lambda: decoder.step([Row(seq, 1, want_logits=True)])) for _ in range(REPEATS)])


def timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    report: dict[str, Any] = {"machine": machine(), "read_bandwidth_gb_s": read_bandwidth_gb_s(1)}
    print(report["machine"], f"read bandwidth of one thread {report['read_bandwidth_gb_s']:.1f} GB/s")
    chain = matrices()
    runs: dict[str, Run] = {"native": native(chain), "torch": torch_int8(chain)}
    if find_spec("onnx"):
        runs |= {f"ort {kind}": onnxruntime_chain(chain, kind) for kind in ("dynamic", "nbits")}
    else:
        print("left out: onnxruntime, whose graphs need the package onnx")
    report["products_ms"] = {}
    for rows in ROWS:
        x = np.random.default_rng(rows).standard_normal((rows, WIDTH)).astype(np.float32)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for count in range(REPEATS + 2):
            for name, run in runs.items():
                took = timed(lambda run=run, x=x: run(x))  # type: ignore[misc]
                if count >= 2:
                    times[name].append(took)
        found = report["products_ms"][rows] = {name: summary(took) for name, took in times.items()}
        each = "   ".join(f"{name} {took['median']:6.1f} ({took['p10']:6.1f})" for name, took in found.items())
        print(f"{rows:3} rows, ms: median (fastest decile)   {each}")
    report["step_ms"] = {"native step": native_step_ms()}
    if find_spec("ctranslate2"):
        report["step_ms"]["ctranslate2"] = ctranslate2_ms()
    else:
        print("left out: ctranslate2")
    for name, took in report["step_ms"].items():
        print(f"{name:12} 1 row at context {CONTEXT}: {took['median']:.1f} ms ({took['p10']:.1f})")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
