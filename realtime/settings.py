"""Every setting of the server, typed, with its default and the reason for it. Knows nothing of what uses them.

Read, later wins: defaults, a TOML file (`--config`, else FORETHOUGHT_CONFIG), environment variables
(`FORETHOUGHT_SERVER__PORT=9000`), command-line flags. Unknown names are errors: a typo must not pass silently.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from realtime.errors import ConfigurationError

REPOSITORY = Path(__file__).resolve().parent.parent
EMBEDDED_MODEL = REPOSITORY / "models" / "embedded"

Effort = Literal["minimal", "low", "medium", "high", "xhigh"]
ThinkingOrder = Literal["speak_first", "think_first", "think_before"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Sockets, limits, trust."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    # Sessions that two cores carry without a late frame (docs/latency.md shows the figures).
    max_sessions: int = Field(default=4, ge=1)
    api_keys: list[SecretStr] = []
    """With none, anyone who may reach the socket may talk; `host` is loopback by default."""
    allowed_hosts: list[str] = []
    """Names besides localhost and the bound address that the Host header may carry."""
    allowed_origins: list[str] = []
    """Origins besides our own page that a browser may call from."""
    ice_servers: list[str] = []
    """stun: or turn: URLs; none on loopback and LAN, where asking them only costs seconds."""
    drain_s: float = Field(default=10.0, ge=0)
    """How long turns in flight may finish after SIGTERM."""
    session_minutes: float = Field(default=60.0, gt=0)
    realtime_priority: bool = True
    """Ask the kernel to run the event loop, and with it the 20 ms beat, before everything else here."""
    record_dir: Path | None = None
    """Where sessions are recorded for replay, with everything that is said in them; unset records nothing."""
    record_mb: int = Field(default=256, ge=1)
    """A tape's largest size: some three quarters of an hour of talk over a WebSocket, which sends base64."""


class EngineSettings(_Section):
    """The model and how it runs."""

    model: Path = EMBEDDED_MODEL
    threads: int | None = Field(default=None, ge=1)
    """None is all cores but one: the 20 ms beat, the voices and the detectors need that one, and two threads that
    wait for each other on a busy core are slower than one (docs/decoder.md)."""
    assisted: bool = True
    """Compiled products, the decoder's and the encoder's, take a second core into use while nobody else wants it
    (SCHED_IDLE)."""
    kv_tokens: int = Field(default=5120, ge=512)
    """KV cache shared by all sessions; 45 KiB a token for the embedded model, touched only as used."""
    exact: bool = False
    """Dequantised fp32 weights: for comparison, not for use."""
    chunk_frames: int = Field(default=32, ge=4)
    right_context_ms: int | None = None
    note_interval_ms: int = Field(default=640, ge=80)
    rehearsal_interval_ms: int = Field(default=240, ge=0)
    """A rehearsal takes some 100 ms of one core, and less new audio than this holds hardly a new word."""
    nice: int = Field(default=0, ge=0, le=19)
    """How far the engine yields to other processes. More steadies the 20 ms beat where four sessions talk without a
    stop (`benchmarks.playout`), and lets every reply wait behind whoever else computes."""


class TurnSettings(_Section):
    """Defaults of the end-of-turn decision; a session.update overrides them."""

    detection: Literal["semantic_vad", "server_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    voice_detector: Literal["silero", "webrtc"] = "silero"
    use_endpoint_model: bool | Literal["auto"] = "auto"
    """Ask the end-of-turn model in every pause. auto: only where the model itself cannot tell an end by how it sounded;
    beside one that can it was right no more often and took the second core just when the answer is made
    (docs/turns.md)."""


class ThinkingSettings(_Section):
    """Milliseconds of reasoning after the (tentative) end of the turn, by `reasoning.effort` (I5), and their order."""

    effort: Effort = "medium"
    minimal_ms: int = 0
    low_ms: int = 300
    medium_ms: int = 1000
    high_ms: int = 3000
    xhigh_ms: int = 10_000
    order: ThinkingOrder = "think_first"
    """What is thought before the answer begins: nothing, one segment, or all that the time allows. Without a thought
    the embedded model reasons aloud; with one segment it is as right as with all (docs/architecture.md)."""
    segment_tokens: int = Field(default=80, ge=1)
    max_tokens: int = Field(default=2048, ge=1)
    cover_ms: int = Field(default=1000, ge=0)
    """Speech that must be waiting to be heard before thinking goes on (see `realtime.mind.pace`)."""

    def budget_ms(self, effort: Effort | None) -> int:
        budget: int = getattr(self, f"{effort or self.effort}_ms")
        return budget


class SpeechSettings(_Section):
    """The voice that speaks, and the one that steps in."""

    voice: str = "hibari"
    fallback: Literal["espeak", "none"] = "espeak"
    speed: float = Field(default=1.0, ge=0.25, le=1.5)
    foresee: bool | Literal["auto"] = "auto"
    """Say ahead what rehearsals of the answer begin with; some of it is never heard. auto: where the voice is of this
    machine, and nobody counts what it says."""
    timeout_s: float = Field(default=2.0, gt=0)
    openai_url: str | None = None
    """Base URL of any server with POST /v1/audio/speech; used by `voice = "openai"`."""
    openai_key: SecretStr | None = None
    openai_model: str = "tts-1"
    openai_voice: str = "alloy"

    @property
    def foresees(self) -> bool:
        return self.voice != "openai" if self.foresee == "auto" else self.foresee


class LogSettings(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(BaseSettings):
    """All of it. Build with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="FORETHOUGHT_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    turns: TurnSettings = TurnSettings()
    thinking: ThinkingSettings = ThinkingSettings()
    speech: SpeechSettings = SpeechSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_path)
        return init_settings, env_settings, toml


_config_path: Path | None = None


def load_settings(config: Path | None = None, flags: dict[str, dict[str, Any]] | None = None) -> Settings:
    """Settings from file, environment and flags.

    Args:
        config: TOML file; None looks at FORETHOUGHT_CONFIG.
        flags: `{section: {name: value}}` from the command line; None values are ignored.

    Raises:
        ConfigurationError: naming every wrong setting.
    """
    global _config_path  # noqa: PLW0603 - pydantic-settings asks its sources by class, not by instance
    named = config or (Path(value) if (value := os.environ.get("FORETHOUGHT_CONFIG")) else None)
    if named is not None and not named.is_file():
        raise ConfigurationError(f"the configuration file {named} does not exist")
    given = {
        section: kept
        for section, values in (flags or {}).items()
        if (kept := {name: value for name, value in values.items() if value is not None})
    }
    _config_path = named
    try:
        return Settings(**given)  # type: ignore[arg-type]  # validated by pydantic, section by section
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{named} is not valid TOML: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"wrong settings: {wrong}") from error
    finally:
        _config_path = None
