"""Clients of the wire for a terminal: ask a file, measure a server, talk by microphone.

They speak OpenAI Realtime over WebSocket or WebRTC and know nothing of the server but that.
"""

from client_demo.ask import AskOptions, AskResult, ask
from client_demo.console import measure_progress, print_ask, print_measure
from client_demo.errors import ClientFailure, ExitCode
from client_demo.html_report import html_report
from client_demo.live_view import LiveView
from client_demo.measure import MeasureOptions, measure
from client_demo.microphone import MicrophoneOptions, microphone
from client_demo.report import MeasureResult

__all__ = [
    "AskOptions",
    "AskResult",
    "ClientFailure",
    "ExitCode",
    "LiveView",
    "MeasureOptions",
    "MeasureResult",
    "MicrophoneOptions",
    "ask",
    "html_report",
    "measure",
    "measure_progress",
    "microphone",
    "print_ask",
    "print_measure",
]
