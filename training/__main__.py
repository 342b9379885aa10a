"""`python -m training STAGE --config FILE`: the recipe, stage by stage. Each goes on where it was interrupted."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from training.recipe import Recipe, RecipeError

# A stage is a module with `stage(recipe) -> bool`: whether it is done, or its sitting is over and it wants another.
STAGES = {
    "data": "training.data.stage",
    "encoder": "training.encoder_study",
    "cold-start": "training.cold_start",
    "mgrd": "training.mgrd",
    "rlvr": "training.rlvr",
    "preference": "training.preference",
    "evaluate": "training.evaluate",
    "export": "training.export",
}
UNFINISHED = 75  # sysexits' EX_TEMPFAIL: the same command goes on

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def main(
    stage: Annotated[str, typer.Argument(help=f"one of {', '.join(STAGES)}; or all")],
    config: Annotated[Path, typer.Option(help="the recipe, a TOML file; see training/configs")],
) -> None:
    chosen = list(STAGES) if stage == "all" else [stage]
    if unknown := [name for name in chosen if name not in STAGES]:
        raise typer.BadParameter(f"{unknown[0]} is no stage; use one of {', '.join(STAGES)}, all")
    try:
        recipe = Recipe.load(config)
        for name in chosen:
            typer.echo(f"== {name}")
            if not importlib.import_module(STAGES[name]).stage(recipe):
                typer.echo(f"{name} is not done: run the same command again to go on")
                raise typer.Exit(UNFINISHED)
    except RecipeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
