"""Single keys from a terminal, without waiting for Enter. Knows nothing of what they mean.

Where stdin is a pipe, its bytes count as keys too; where it is neither, there are no keys and that is fine.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[bool]:
    """Call `pressed` with each key on the event loop while the body runs; yields whether there is a keyboard.

    The terminal's own line mode is put back however the body ends; Ctrl-C keeps its meaning.
    """
    loop = asyncio.get_running_loop()
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):
        yield False
        return
    with _single_keys(descriptor):

        def readable() -> None:
            text = os.read(descriptor, 64)
            if not text:
                loop.remove_reader(descriptor)
            for key in text.decode(errors="ignore"):
                pressed(key)

        try:
            loop.add_reader(descriptor, readable)
        except OSError:  # epoll refuses plain files and /dev/null
            yield False
            return
        try:
            yield True
        finally:
            loop.remove_reader(descriptor)


@contextmanager
def _single_keys(descriptor: int) -> Iterator[None]:
    if not os.isatty(descriptor):
        yield
        return
    import termios  # noqa: PLC0415  there is none on Windows, where stdin is read as a pipe
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
