"""Published benchmarks, read from the files that a user has: sound, question, choices, answer, a score for a reply."""

from training.published.benchmarks import BENCHMARKS, Benchmark, Question
from training.published.files import PublishedFileError

__all__ = ["BENCHMARKS", "Benchmark", "PublishedFileError", "Question"]
