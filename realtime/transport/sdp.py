"""What an offer must look like before a peer connection is made for it. It parses only what it refuses.

Each m-line makes aiortc open a set of sockets and each candidate a connectivity check, so both are bounded here.
"""

from __future__ import annotations

import re

from realtime.errors import ClientError, LimitError

MAX_SDP_BYTES = 64 << 10
# One audio line and one data channel are used; browsers may add a video line.
MAX_MEDIA_SECTIONS = 4
MAX_CANDIDATES = 64

_MEDIA = re.compile(r"^m=[a-z]+ \d{1,5} [A-Za-z/]+( \S+)+$")
_HIDDEN = re.compile(r"^a=candidate:\S+ \d+ \S+ \d+ \S+\.local ")
_OPUS = re.compile(r"^a=rtpmap:\d+ opus/48000", re.IGNORECASE | re.MULTILINE)


def check_offer(sdp: str) -> None:
    """Raise ClientError (or LimitError) for an offer that could not become a call with audio; RFC 8866, RFC 8839."""
    if len(sdp.encode("utf-8", "replace")) > MAX_SDP_BYTES:
        raise LimitError(f"the offer is longer than {MAX_SDP_BYTES} bytes", param="sdp", code="sdp_too_large")
    if not sdp.startswith("v=0"):
        raise _invalid("the offer is not a session description: it does not begin with v=0")
    lines = sdp.splitlines()
    media = [line for line in lines if line.startswith("m=")]
    if len(media) > MAX_MEDIA_SECTIONS:
        raise _invalid(f"the offer has {len(media)} media sections, at most {MAX_MEDIA_SECTIONS} are taken")
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_CANDIDATES:
        raise _invalid(f"the offer has more than {MAX_CANDIDATES} candidates")
    if not all(_MEDIA.match(line) for line in media):
        raise _invalid("the offer has a media section whose first line cannot be read")
    if not any(line.startswith("m=audio ") for line in media):
        raise _invalid("the offer has no audio section: add a microphone track or an audio transceiver")
    if not _OPUS.search(sdp):
        raise _invalid("the offer does not have Opus among its audio codecs")
    if not any(line.startswith("a=fingerprint:") for line in lines):
        raise _invalid("the offer has no DTLS fingerprint")


def without_hidden_candidates(sdp: str) -> str:
    """The offer without mDNS candidates and without its claim that there will be no others.

    Browsers hide their addresses behind names in `.local` until the microphone is allowed. aioice asks the network for
    each, waits a second for an answer that seldom comes, and gives up where no other candidate is left. The browser's
    own checks tell its address at once (a peer-reflexive candidate, RFC 8445 section 7.3.1.3).
    """
    lines = sdp.splitlines()
    return "".join(f"{line}\r\n" for line in lines if not _HIDDEN.match(line) and line != "a=end-of-candidates")


def _invalid(message: str) -> ClientError:
    return ClientError(message, param="sdp", code="invalid_offer")
