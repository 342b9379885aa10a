"""What the terminal clients print, with rich. Knows results and events; asks no server anything.

Text goes to the console given (stdout by default). Words that were said are markup-escaped: a transcript with square
brackets must not become a style.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from client_demo.ask import AskResult
from client_demo.ledger import TurnLedger
from client_demo.measure import Progress as ProgressCallback
from client_demo.report import MeasureResult, balance_line, machine, machine_line, summary
from client_demo.report_lines import comparison_rows, findings
from client_demo.turn_record import TurnReport

BAR_WIDTH = 40


def print_ask(result: AskResult, console: Console | None = None) -> None:
    """All turns of an asked file: transcript, notes with their ms, thought, answer, ledger."""
    console = console or Console()
    for turn in result.turns:
        if len(result.turns) > 1:
            console.rule(f"turn {turn.index}", align="left")
        _print_turn(turn, console)
    for problem in dict.fromkeys(result.order_problems):
        console.print(f"[yellow]event order:[/] {escape(problem)}")
    for error in result.errors:
        console.print(f"[red]server error:[/] {escape(error)}")
    if result.message:
        console.print(f"[bold red]{escape(result.message)}[/]")


def _print_turn(turn: TurnReport, console: Console) -> None:
    console.print(f"[bold]you[/]      {escape(turn.transcript) or '[dim](no transcript)[/]'}")
    for note in turn.notes:
        console.print(f"[cyan]note[/]     [dim]{note.ms:7.0f} ms[/]  {escape(note.text.strip())}")
    if turn.thought:
        console.print(f"[magenta]thought[/]  [dim]{escape(turn.thought)}[/]")
    console.print(f"[bold green]answer[/]   {escape(turn.answer) or '[dim](none)[/]'}")
    if turn.status != "completed":
        console.print(f"[red]status[/]   {turn.status} {escape(turn.error or '')}")
    console.print(
        f"[bold]TTFP[/]     {_ms(turn.ttfp_eos_ms)} from the end of speech ({_ms(turn.speech_end_ms)}), "
        f"{_ms(turn.ttfp_eot_ms)} from the end of the turn ({_ms(turn.turn_end_ms)})",
        soft_wrap=True,
    )
    if turn.ledger is not None:
        console.print(ledger_table(turn.ledger))


def ledger_table(ledger: TurnLedger) -> Table:
    """One turn's stages as bars, with the total and the residual below."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="left", style="dim")
    table.add_column(justify="right")
    table.add_column()
    longest = max((abs(value) for value in ledger.stages_ms.values()), default=0.0) or 1.0
    for name, value in ledger.stages_ms.items():
        table.add_row(name, f"{value:.1f} ms", "█" * round(BAR_WIDTH * max(0.0, value) / longest))
    note = "" if ledger.balanced else "  [red]the stages do not sum to the stopwatch[/]"
    clock = {"shared": "one clock", "split": "no shared clock: both legs halved", "server": "server's half only"}
    table.add_row(
        "[bold]total[/]",
        f"[bold]{ledger.total_ms:.1f} ms[/]",
        f"[dim]residual {ledger.residual_ms:+.1f} ms, {clock[ledger.clock]}[/]{note}",
    )
    return table


def print_measure(result: MeasureResult, console: Console | None = None) -> None:
    """The percentiles of a measurement as a table."""
    console = console or Console()
    table = Table(title=f"{len(result.reports)} turns, {result.sessions} session(s), {result.transport}")
    table.add_column("")
    for rank in ("p50", "p90", "p95", "p99"):
        table.add_column(rank, justify="right")
    for name, ranks in summary(result.timed).items():
        style = "bold" if name.startswith("ttfp") else None
        cells = ("–" if value is None else f"{value:.1f}" for value in ranks.values())
        table.add_row(name, *cells, style=style)
    console.print(table)
    if result.cascade is not None:
        console.print(_comparison(result))
    for line in findings(result):
        console.print(escape(line), highlight=False)
    console.print(balance_line(result.reports), highlight=False)
    console.print(f"[dim]{escape(machine_line(machine()))}; sent at most {result.max_send_lag_ms:.1f} ms late[/]")
    if result.failures:
        console.print(f"[red]{result.failures} without a completed answer[/]")
    for problem in dict.fromkeys(result.order_problems):
        console.print(f"[yellow]event order:[/] {escape(problem)}")
    for error in dict.fromkeys(result.errors):
        console.print(f"[red]error:[/] {escape(error)}")


def _comparison(result: MeasureResult) -> Table:
    table = Table(title="the same recordings, on this machine, in this run")
    table.add_column("")
    table.add_column("ours", justify="right")
    table.add_column("cascade", justify="right")
    for row in comparison_rows(result):
        table.add_row(*row)
    return table


@contextmanager
def measure_progress(console: Console | None = None) -> Iterator[ProgressCallback]:
    """A progress bar for `measure`, on stderr so that stdout stays for the result; silent where it is no terminal."""
    console = console or Console(stderr=True)
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("asking", total=None)
        yield lambda done, wanted: progress.update(task, completed=done, total=wanted)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
