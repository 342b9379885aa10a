"""Any server that answers POST …/audio/speech as OpenAI's does (OpenAI API reference, "Create speech").

The server is a stranger: only http and https, redirects are not followed, link-local addresses (cloud metadata) are
refused by name and by what the name resolves to, and the answer is read as a stream against a size limit. The key
travels in the Authorization header alone; no error and no repr holds it, nor the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from typing import Literal
from urllib.parse import urlsplit

import httpx
import numpy as np

from tts_bridge.errors import BadSpeech, VoiceMisconfigured, VoiceTimeout, VoiceUnavailable
from tts_bridge.levels import Samples
from tts_bridge.voice import MAX_CLAUSE_S, Pcm, clamp_speed, speech
from tts_bridge.wav import read_wav

_WAV_HEADER_BYTES = 4_096
_MAX_WAV_RATE_HZ = 48_000
# Where clouds answer with credentials to whoever asks from inside.
_METADATA_HOSTS = frozenset({"metadata.google.internal", "metadata"})
_METADATA_ADDRESSES = frozenset({"fd00:ec2::254", "100.100.100.200"})
_MAX_ADDRESSES = 3


class OpenAISpeechVoice:
    """`url` is the API's base, such as "http://localhost:8000/v1", or the whole address, ending in /audio/speech."""

    def __init__(
        self,
        url: str,
        *,
        model: str = "tts-1",
        speaker: str = "",
        response_format: Literal["pcm", "wav"] = "pcm",
        pcm_rate_hz: int = 24_000,
        api_key: str = "",
        timeout_s: float = 2.0,
    ) -> None:
        """Raises VoiceMisconfigured for a URL that must not be asked."""
        self.name = "openai"
        self.sample_rate_hz = pcm_rate_hz
        self._host, self._port, self._endpoint = _checked_url(url)
        self._model = model
        self._speaker = speaker or "alloy"
        self._format = response_format
        self._timeout_s = timeout_s
        self._max_bytes = _WAV_HEADER_BYTES + MAX_CLAUSE_S * 2 * (
            pcm_rate_hz if response_format == "pcm" else _MAX_WAV_RATE_HZ
        )
        # Not compressed, so that what is counted against the limit is what is held.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        # trust_env off: a proxy or netrc in the environment must not see the key, nor lead elsewhere.
        self._client = httpx.AsyncClient(
            headers=headers, timeout=timeout_s, follow_redirects=False, trust_env=False, max_redirects=0
        )

    def __repr__(self) -> str:
        return f"OpenAISpeechVoice(host={self._host!r}, model={self._model!r})"

    async def warm_up(self) -> None:
        await self.synthesise("Ready.")

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        body: dict[str, str | float] = {
            "model": self._model,
            "input": text,
            "voice": self._speaker,
            "response_format": self._format,
            "speed": clamp_speed(speed),
        }
        try:
            # httpx's own limit is for each read; a server that drips bytes must not pass it for ever.
            async with asyncio.timeout(self._timeout_s):
                blob, content_type = await self._ask_any(body)
        except (TimeoutError, httpx.TimeoutException):
            message = f"the speech server did not finish within {self._timeout_s:g} s"
            raise VoiceTimeout(message, voice=self.name) from None
        except httpx.HTTPError as error:
            # Not `from error`: it carries the request, with its headers and text.
            message = f"the speech server at {self._host} failed: {type(error).__name__}"
            raise VoiceUnavailable(message, voice=self.name) from None
        samples, rate_hz = self._decode(blob, content_type)
        return speech(samples, rate_hz, self.name)

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask_any(self, body: dict[str, str | float]) -> tuple[bytes, str]:
        """The answer of the first of the host's addresses that takes the connection."""
        addresses = await self._addresses()
        for address in addresses[:-1]:
            try:
                return await self._ask(body, address)
            except httpx.ConnectError:
                continue
        return await self._ask(body, addresses[-1])

    async def _ask(self, body: dict[str, str | float], address: str) -> tuple[bytes, str]:
        # Connects to the very address that was checked: a second look-up could give another one.
        request = self._client.build_request(
            "POST",
            self._endpoint.copy_with(host=address),
            json=body,
            headers={"Host": self._endpoint.netloc.decode("ascii")},
            extensions={"sni_hostname": self._host},
        )
        async with contextlib.aclosing(await self._client.send(request, stream=True)) as response:
            if response.is_redirect:
                raise VoiceUnavailable("the speech server redirects, which is not followed: set its final URL",
                                       voice=self.name)  # fmt: skip
            if response.status_code != httpx.codes.OK:
                message = f"the speech server answered with status {response.status_code}"
                raise VoiceUnavailable(message, voice=self.name)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise BadSpeech("the speech server compresses its answer, unasked", voice=self.name)
            blob = bytearray()
            async for piece in response.aiter_raw():
                blob += piece
                if len(blob) > self._max_bytes:
                    raise BadSpeech("the speech server sent more audio than a clause can be", voice=self.name)
            return bytes(blob), response.headers.get("content-type", "").partition(";")[0].strip().lower()

    def _decode(self, blob: bytes, content_type: str) -> tuple[Samples, int]:
        """int16 [n] and its rate. Some servers send a WAV whatever was asked for."""
        if content_type.startswith("text/") or content_type.endswith("json"):
            raise BadSpeech(f"the speech server answered with {content_type} in place of audio", voice=self.name)
        if self._format == "wav" or blob[:4] == b"RIFF":
            try:
                return read_wav(blob)
            except ValueError as error:
                raise BadSpeech(f"the speech server sent {error}", voice=self.name) from error
        if blob[:3] == b"ID3" or blob[:4] in (b"OggS", b"fLaC") or blob[:2] in (b"\xff\xfb", b"\xff\xf3"):
            raise BadSpeech("the speech server sent a compressed file in place of pcm", voice=self.name)
        if len(blob) % 2:
            raise BadSpeech("the speech server sent half a sample: its answer was cut off", voice=self.name)
        return np.frombuffer(blob, "<i2").astype(np.int16), self.sample_rate_hz

    async def _addresses(self) -> list[str]:
        """What the name means now: a name that passed at start may point to 169.254.169.254 later."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError:
            raise VoiceUnavailable(f"the speech server's name {self._host} is not known", voice=self.name) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if any(_is_forbidden(address) for address in addresses):
            raise VoiceUnavailable(f"{self._host} is a link-local address, which is refused", voice=self.name)
        return addresses[:_MAX_ADDRESSES]


def _is_forbidden(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip) in _METADATA_ADDRESSES or ip.is_link_local or ip.is_multicast or ip.is_unspecified


def _checked_url(url: str) -> tuple[str, int, httpx.URL]:
    """(host, port, endpoint). Raises VoiceMisconfigured."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise VoiceMisconfigured("the speech server's URL cannot be read", voice="openai") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VoiceMisconfigured("the speech server's URL must begin with http:// or https://", voice="openai")
    if parts.username or parts.password:
        raise VoiceMisconfigured("put the speech server's key in api_key, not in its URL", voice="openai")
    host = parts.hostname.rstrip(".")
    if _is_forbidden(_as_address(host)) or host in _METADATA_HOSTS:
        raise VoiceMisconfigured(f"{host} is a link-local or metadata address, which is refused", voice="openai")
    path = parts.path.rstrip("/")
    if not path.endswith("/audio/speech"):
        path += "/audio/speech" if path.endswith("/v1") else "/v1/audio/speech"
    return host, port, httpx.URL(parts._replace(path=path, query="", fragment="").geturl())


def _as_address(host: str) -> str:
    """The dotted form of 2852039166, 0xa9fea9fe and the like, which resolvers take for an IPv4 address too."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host
