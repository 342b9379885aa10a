"""Structured logs: short constant event names with fields, and never a word of what was said or heard."""

from __future__ import annotations

import logging
import sys

import structlog

from realtime.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Log lines on stderr, for people (`console`) or machines (`json`)."""
    level = getattr(logging, settings.level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=20)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.dict_tracebacks if settings.format == "json" else structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # What libraries say about a peer that went away is our own `link_closed` already.
    for noisy in ("aioice", "aiortc", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
