"""What a client may say about a session, as strict pydantic models. It knows nothing of the session's present state.

A patch carries only what was sent: `model_fields_set` tells an absent field (keep) from a null one (clear).
Fields nobody knows are ignored, so that a newer client still connects; known fields are checked strictly.
Page: "Session object" of the OpenAI Realtime GA reference.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_INSTRUCTIONS_CHARS = 64 * 1024
MAX_TOOLS = 128
MAX_TOOL_CHARS = 32 * 1024
MAX_OUTPUT_TOKENS = 4096  # of the hosted API; "inf" stands for whatever the model can do
MAX_NAME_CHARS = 256

Effort = Literal["minimal", "low", "medium", "high", "xhigh"]
Modality = Literal["audio", "text"]
Eagerness = Literal["low", "medium", "high", "auto"]
OutputTokens = Annotated[int, Field(ge=1, le=MAX_OUTPUT_TOKENS)] | Literal["inf"]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]


def _small_json(value: dict[str, Any]) -> dict[str, Any]:
    """Free-form JSON that is echoed: refuse what could not be written out again (1e999) or is far too large."""
    if len(json.dumps(value, allow_nan=False)) > MAX_TOOL_CHARS:
        raise ValueError(f"must be at most {MAX_TOOL_CHARS} characters of JSON")
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_small_json)]


class Wire(BaseModel):
    """Base of everything a client sends."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)

    def present(self) -> dict[str, Any]:
        """The fields that were sent, by name, nulls included."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class PcmFormat(Wire):
    type: Literal["audio/pcm"]
    rate: Literal[24000] = 24000


class MulawFormat(Wire):
    type: Literal["audio/pcmu"]


class AlawFormat(Wire):
    type: Literal["audio/pcma"]


FormatPatch = Annotated[PcmFormat | MulawFormat | AlawFormat, Field(discriminator="type")]


class ServerVadPatch(Wire):
    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=5_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5_000, le=30_000)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVadPatch(Wire):
    type: Literal["semantic_vad"]
    eagerness: Eagerness | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


TurnDetectionPatch = Annotated[ServerVadPatch | SemanticVadPatch, Field(discriminator="type")]


class TranscriptionPatch(Wire):
    model: Name | None = None
    language: Name | None = None
    languages: Annotated[list[Name], Field(max_length=64)] | None = None
    prompt: Annotated[str, Field(max_length=4_096)] | None = None
    keywords: Annotated[list[Name], Field(max_length=256)] | None = None
    delay: Effort | None = None


class NoiseReductionPatch(Wire):
    type: Literal["near_field", "far_field"] | None = None
    strength: Annotated[float, Field(ge=0, le=1)] | None = None


class VoiceId(Wire):
    id: Name


class InputPatch(Wire):
    format: FormatPatch | None = None
    noise_reduction: NoiseReductionPatch | None = None
    transcription: TranscriptionPatch | None = None
    turn_detection: TurnDetectionPatch | None = None


class OutputPatch(Wire):
    format: FormatPatch | None = None
    voice: Name | VoiceId | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None


class AudioPatch(Wire):
    input: InputPatch | None = None
    output: OutputPatch | None = None


class FunctionTool(Wire):
    type: Literal["function"]
    name: Name
    description: Annotated[str, Field(max_length=MAX_TOOL_CHARS)] | None = None
    parameters: JsonObject | None = None


class FunctionChoice(Wire):
    type: Literal["function"]
    name: Name


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice


class TokenLimits(Wire):
    post_instructions: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class RetentionRatio(Wire):
    type: Literal["retention_ratio"]
    retention_ratio: Annotated[float, Field(ge=0, le=1)]
    token_limits: TokenLimits | None = None


class TracingPatch(Wire):
    workflow_name: Name | None = None
    group_id: Name | None = None
    metadata: JsonObject | None = None


class ReasoningPatch(Wire):
    effort: Effort | None = None


class PromptReference(Wire):
    """A prompt kept by the hosted service. There is no such store here; it is named only to be refused clearly."""

    id: str


class ExtensionsPatch(Wire):
    """`forethought.events`: whether the client wants the `forethought.*` events."""

    events: bool = False


class SessionPatch(Wire):
    """The `session` of `session.update`, of `client_secrets` and of a WebRTC call. `model` is frozen, hence absent."""

    type: Literal["realtime"]
    instructions: Annotated[str, Field(max_length=MAX_INSTRUCTIONS_CHARS)] | None = None
    output_modalities: Annotated[list[Modality], Field(max_length=1)] | None = None
    audio: AudioPatch | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: OutputTokens | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio | None = None
    reasoning: ReasoningPatch | None = None
    prompt: PromptReference | None = None
    tracing: Literal["auto"] | TracingPatch | None = None
    include: Annotated[list[Literal["item.input_audio_transcription.logprobs"]], Field(max_length=1)] | None = None
    forethought: ExtensionsPatch | None = None


class TranscriptionSession(Wire):
    """A transcription-only session; known so that it can be refused by name."""

    type: Literal["transcription"]


class ResponsePatch(Wire):
    """The `response` of `response.create`: settings that hold for one response."""

    conversation: Annotated[str, Field(max_length=64)] | None = None
    input: list[Any] | None = None
    instructions: Annotated[str, Field(max_length=MAX_INSTRUCTIONS_CHARS)] | None = None
    metadata: Metadata | None = None
    output_modalities: Annotated[list[Modality], Field(max_length=1)] | None = None
    audio: AudioPatch | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: OutputTokens | None = None
    reasoning: ReasoningPatch | None = None
    prompt: PromptReference | None = None
