"""The one command: `forethought serve | mic | ask | measure | doctor | replay`. It parses, calls and prints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.console import Console

from realtime.errors import ForethoughtError
from realtime.settings import Effort, Settings, load_settings

app = typer.Typer(
    name="forethought",
    help="A self-hosted speech agent that thinks while you are still talking.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_errors = Console(stderr=True)

Transport = Literal["webrtc", "websocket"]
Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Url = Annotated[str, typer.Option("--url", help="The server to talk to.")]
Key = Annotated[
    str | None, typer.Option("--key", help="API key, where the server asks for one.", envvar="FORETHOUGHT_KEY")
]
DEFAULT_URL = "http://localhost:8080"


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (loopback by default).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    model: Annotated[Path | None, typer.Option(help="Model directory.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of the engine.")] = None,
    max_sessions: Annotated[int | None, typer.Option(help="Conversations at a time.")] = None,
    effort: Annotated[Effort | None, typer.Option(help="How long to think by default.")] = None,
    voice: Annotated[str | None, typer.Option(help="hibari, espeak or openai.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write every session, and all that is said in it, to this directory.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
) -> None:
    """Serve the voice chat and the Realtime protocol."""
    from realtime.logs import configure_logs  # noqa: PLC0415 - the clients start without the server's imports
    from realtime.server import Server  # noqa: PLC0415

    flags: dict[str, dict[str, object]] = {
        "server": {"host": host, "port": port, "max_sessions": max_sessions, "record_dir": record},
        "engine": {"model": model, "threads": threads},
        "thinking": {"effort": effort},
        "speech": {"voice": voice},
        "log": {"level": log_level, "format": log_format},
    }
    settings = _settings(config, flags)
    configure_logs(settings.log)
    if settings.server.record_dir is not None:
        _errors.print(
            f"[bold yellow]recording:[/] everything that is said, thought and answered is written to "
            f"{settings.server.record_dir}. Tell those who talk.",
            highlight=False,
            soft_wrap=True,
        )
    try:
        asyncio.run(Server(settings).serve())
    except ForethoughtError as error:
        _fail(error.message)


@app.command()
def ask(
    file: Annotated[Path, typer.Argument(help="A recording of the question.")],
    transport: Annotated[Transport, typer.Option(help="How to carry it.")] = "webrtc",
    out: Annotated[Path | None, typer.Option(help="Write the reply's audio to this WAV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    url: Url = DEFAULT_URL,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an answer.")] = 30.0,
    key: Key = None,
) -> None:
    """Stream a recording at real-time pace and print transcript, notes, thought, answer and ledger."""
    import client_demo as client  # noqa: PLC0415

    options = client.AskOptions(file, url=url, transport=transport, out=out, timeout_s=timeout, key=key)
    try:
        result = asyncio.run(client.ask(options))
    except client.ClientFailure as failure:
        _fail(str(failure), failure.exit_code)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    else:
        client.print_ask(result)
    raise typer.Exit(int(result.exit_code))


@app.command()
def measure(
    files: Annotated[list[Path], typer.Argument(help="Recordings of questions.")],
    transport: Annotated[Transport, typer.Option(help="How to carry them.")] = "webrtc",
    turns: Annotated[int | None, typer.Option(help="Turns per session; each file once by default.")] = None,
    sessions: Annotated[int, typer.Option(help="Sessions at the same time.")] = 1,
    fresh: Annotated[bool, typer.Option(help="A new conversation for each turn.")] = False,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    html_out: Annotated[Path | None, typer.Option("--html", help="Write a report with plots to this file.")] = None,
    expect: Annotated[
        Path | None, typer.Option(help="JSON with transcript and expected answer per file: also report correctness.")
    ] = None,
    compare: Annotated[
        Literal["cascade"] | None, typer.Option(help="Run the same files through the usual cascade, too.")
    ] = None,
    effort: Annotated[Effort | None, typer.Option(help="How long to think (session.reasoning.effort).")] = None,
    compare_effort: Annotated[Effort | None, typer.Option(help="Ask with this effort, too, turn by turn.")] = None,
    barge_in: Annotated[
        float | None, typer.Option(help="Ask the next question so many ms after the answer's first sound.")
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Measure the first packet and every stage over many turns."""
    import client_demo as client  # noqa: PLC0415

    options = client.MeasureOptions(
        tuple(files), url=url, transport=transport, turns=turns, sessions=sessions, fresh=fresh,
        json_out=json_out, html_out=html_out, key=key, expect=expect, cascade=compare == "cascade",
        effort=effort, compare_effort=compare_effort, barge_in_ms=barge_in,
    )  # fmt: skip
    try:
        with client.measure_progress() as progress:
            result = asyncio.run(client.measure(options, progress))
    except client.ClientFailure as failure:
        _fail(str(failure), failure.exit_code)
    if json_out is not None:
        json_out.write_text(json.dumps(result.to_json(), indent=2) + "\n")
    if html_out is not None:
        html_out.write_text(client.html_report(result))
    client.print_measure(result)
    raise typer.Exit(int(result.exit_code))


@app.command()
def mic(
    device: Annotated[str | None, typer.Option(help="Sound device: a number or part of its name.")] = None,
    loudspeaker: Annotated[str | None, typer.Option(help="Another device for the answer.")] = None,
    push_to_talk: Annotated[
        bool, typer.Option("--push-to-talk", help="Space or Enter begins and ends a turn.")
    ] = False,
    half_duplex: Annotated[
        bool, typer.Option("--half-duplex", help="Mute the microphone while the answer plays.")
    ] = False,
    headphones: Annotated[bool, typer.Option("--headphones", help="No echo: barge-in just by talking.")] = False,
    list_devices: Annotated[bool, typer.Option("--list-devices", help="Print the sound devices and stop.")] = False,
    transport: Annotated[Transport, typer.Option(help="How to carry the audio.")] = "websocket",
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Talk with the microphone of this terminal's machine."""
    import client_demo as client  # noqa: PLC0415

    options = client.MicrophoneOptions(
        url=url, transport=transport, device=device, loudspeaker=loudspeaker, push_to_talk=push_to_talk,
        half_duplex=half_duplex, headphones=headphones, list_devices=list_devices, key=key,
    )  # fmt: skip
    try:
        code = asyncio.run(client.microphone(options))
    except client.ClientFailure as failure:
        _fail(str(failure), failure.exit_code)
    raise typer.Exit(int(code))


@app.command()
def doctor(
    config: Config = None,
    port: Annotated[int | None, typer.Option(help="The port to check.")] = None,
) -> None:
    """Check this machine, in plain words."""
    from realtime.doctor import Verdict, examine  # noqa: PLC0415

    console = Console()
    marks = {Verdict.OK: "[green]✓[/]", Verdict.NOTE: "[yellow]•[/]", Verdict.BAD: "[red]✗[/]"}
    worst = Verdict.OK
    for finding in examine(_settings(config, {"server": {"port": port}})):
        console.print(f" {marks[finding.verdict]} [bold]{finding.about:<12}[/] {finding.words}", highlight=False)
        if finding.verdict is Verdict.BAD:
            worst = Verdict.BAD
    raise typer.Exit(1 if worst is Verdict.BAD else 0)


@app.command()
def replay(
    tapes: Annotated[list[Path], typer.Argument(help="Tapes that `serve --record` wrote, or turn tapes.")],
    turns: Annotated[
        Path | None, typer.Option(help="Also write each session's turn-taking, without sound, to this directory.")
    ] = None,
) -> None:
    """Play recorded sessions again. Exit codes: 0 identical, 1 different, 2 a tape that cannot be played."""
    from realtime.logs import configure_logs  # noqa: PLC0415
    from realtime.replay.check import check  # noqa: PLC0415
    from realtime.settings import LogSettings  # noqa: PLC0415

    configure_logs(LogSettings(level="error"))
    worst = 0
    for tape in tapes:
        try:
            outcome = check(tape, turns)
        except ForethoughtError as error:
            _errors.print(f"[bold red]{tape.name}:[/] {error.message}", highlight=False, soft_wrap=True)
            worst = 2
            continue
        typer.echo(f"{tape.name}: {outcome.words}")
        worst = max(worst, 0 if outcome.is_identical else 1)
    raise typer.Exit(worst)


def _settings(config: Path | None, flags: dict[str, dict[str, object]]) -> Settings:
    try:
        return load_settings(config, flags)
    except ForethoughtError as error:
        _fail(error.message)


def _fail(message: str, code: int = 1) -> NoReturn:
    _errors.print(f"[bold red]forethought:[/] {message}", highlight=False, soft_wrap=True)
    raise typer.Exit(int(code))


def main() -> None:
    """Entry point of the `forethought` command."""
    app()


if __name__ == "__main__":
    main()
