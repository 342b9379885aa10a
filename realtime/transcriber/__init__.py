"""Words from a pretrained decoder over the streaming encoder's frames, while somebody is still speaking."""

from realtime.transcriber.stream import Line, TranscriberStream
from realtime.transcriber.transcriber import Transcriber, load_transcriber

__all__ = ["Line", "Transcriber", "TranscriberStream", "load_transcriber"]
