"""The errors of this package: one small tree, owned here because the package imports nothing else of the project.

    StreamingEncoderError
    ├── AudioInputError       PCM that cannot be used; the stream that refused it is unchanged
    ├── EncoderSettingError   a chunk size or right context that this checkpoint cannot run with
    └── CheckpointError       weights that cannot be used
        ├── CheckpointMissingError    a file that should be there is not
        ├── CheckpointDamagedError    a file is there but is not what the index promises
        └── CheckpointMismatchError   files are intact, but their tensors or configuration do not fit this code

Each message says what was wrong, where, and what to do. None contains anything that was heard.
"""

from __future__ import annotations


class StreamingEncoderError(Exception):
    """Base of every error this package raises on purpose."""


class AudioInputError(StreamingEncoderError):
    """PCM of the wrong type, shape or content."""


class EncoderSettingError(StreamingEncoderError):
    """A chunk size or right context outside what the checkpoint allows."""


class CheckpointError(StreamingEncoderError):
    """Weights that are missing, damaged or not what they claim to be."""


class CheckpointMissingError(CheckpointError):
    """A file of the checkpoint does not exist or cannot be read."""


class CheckpointDamagedError(CheckpointError):
    """A file's bytes are not those the index promises, or are not a well-formed file of their kind."""


class CheckpointMismatchError(CheckpointError):
    """Tensors or configuration values do not fit each other or this code."""
