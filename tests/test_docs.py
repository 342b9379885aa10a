"""The documents say what is there: links, commands, files, tests, settings, metrics, contracts, licences."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from realtime.cli import app
from realtime.metrics import Metrics
from realtime.settings import REPOSITORY, Settings
from tests.live_server import LiveServer

PAGES = sorted(
    path
    for pattern in ("*.md", "NOTICE", "docs/**/*.md", "models/**/*.md")
    for path in REPOSITORY.glob(pattern)
    if path.is_file()
)
README = REPOSITORY / "README.md"
DEPLOYMENT = REPOSITORY / "docs" / "deployment.md"
ARCHITECTURE = REPOSITORY / "docs" / "architecture.md"
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> Iterator[str]:
    """What the page sets as code: inline spans, and the lines of fenced blocks without their comments."""
    text = text_of(page)
    for _, block in FENCE.findall(text):
        yield from (line.partition("  #")[0].strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made for Markdown on the web."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if re.match(r"\w+://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target}: nothing there"
        assert there.is_relative_to(REPOSITORY), f"{target} leads out of the repository"
        assert not anchor or anchor in anchors(there), f"{target}: no such heading"


@each_page
def test_commands_exist(page: Path) -> None:
    commands = typer.main.get_group(app).commands
    targets = set(re.findall(r"^([\w-]+):", text_of(REPOSITORY / "Makefile"), re.MULTILINE))
    for code in code_of(page):
        for line in re.findall(r"(?:^|/)forethought ([^|;&]+)", code):
            name, *words = line.split()
            if name == "--help":
                continue
            assert name in commands, code
            options = {option for param in commands[name].params for option in param.opts}
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, code
        for name in re.findall(r"(?:^|&& )make ([\w-]+)", code):
            assert name in targets, code
        for name in re.findall(r"python -m ([\w.]+)", code):
            path = REPOSITORY / name.replace(".", "/")
            is_ours = (REPOSITORY / name.partition(".")[0]).is_dir()
            assert not is_ours or path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), code


@each_page
def test_files_and_tests_that_are_named_exist(page: Path) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").glob("test_*.py"))
    rooms = "realtime|streaming_encoder|tts_bridge|client_demo|training|tests|benchmarks|scripts|docs|models"
    for code in code_of(page):
        for name in re.findall(rf"(?<![\w/.])(?:{rooms})/[\w./*-]*\w", code):
            assert any(REPOSITORY.glob(name)), f"{name}: nothing there"
        if re.fullmatch(r"test_\w+", code):
            assert f"def {code}(" in tests, f"{code}: no such test"


@each_page
def test_the_project_speaks_of_itself_alone(page: Path) -> None:
    found = re.search(r"/work\b|\bshared/|/tmp/|\blocalhost:(?!8080)\d+|\.internal\b", text_of(page))
    assert found is None, found


def test_every_page_is_in_the_index() -> None:
    index = text_of(REPOSITORY / "docs" / "README.md")
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


def settings_rows() -> dict[str, tuple[str, str]]:
    """{setting: (environment variable, default)} as the page has them."""
    rows = re.findall(r"^\| `(\w+\.\w+)` \| `(\w+)` \| (\S+) \|", text_of(DEPLOYMENT), re.MULTILINE)
    return {setting: (variable, default.strip("`")) for setting, variable, default in rows}


def expected_rows() -> dict[str, tuple[str, str]]:
    rows = {}
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        for name, entry in model.model_fields.items():
            default = entry.default
            if isinstance(default, Path):
                shown = str(default.relative_to(REPOSITORY))
            elif isinstance(default, str):
                shown = default
            else:
                shown = "unset" if default is None else json.dumps(to_jsonable_python(default))
            rows[f"{section}.{name}"] = (f"FORETHOUGHT_{section}__{name}".upper(), shown)
    return rows


def test_every_setting_is_documented_with_its_variable_and_default() -> None:
    assert settings_rows() == expected_rows()


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    examples = [block for language, block in FENCE.findall(text_of(DEPLOYMENT)) if language == "toml"]
    assert examples
    for example in examples:
        Settings.model_validate(tomllib.loads(example))


def test_every_metric_is_documented() -> None:
    page = text_of(DEPLOYMENT)
    for family in Metrics().registry.collect():
        shown = f"{family.name}_total" if family.type == "counter" else family.name
        assert re.search(rf"`{shown}[`{{]", page), shown


def test_every_import_contract_is_documented() -> None:
    contracts = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]
    rows = re.findall(r"^\| ([^|]+) \|", text_of(ARCHITECTURE), re.MULTILINE)
    assert contracts and set(contracts) <= set(rows)


def test_every_dependency_is_in_the_notice() -> None:
    notice = text_of(REPOSITORY / "NOTICE").lower()
    for requirement in PYPROJECT["project"]["dependencies"]:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        spellings = {name[0], name[0].replace("-", "_")}
        assert any(re.search(rf"(?<![\w-]){spelling}(?![\w-])", notice) for spelling in spellings), name[0]


def test_every_model_file_that_ships_has_its_licence_beside_it() -> None:
    for directory in (REPOSITORY / "models").iterdir():
        licences = [directory / "LICENSE", *directory.glob("LICENSES/*.txt")]
        assert any(path.is_file() for path in licences), directory.name
        assert f"models/{directory.name}" in text_of(REPOSITORY / "NOTICE")


def test_versions_in_the_changelog_fall_and_begin_with_ours() -> None:
    versions = re.findall(r"^## (\d+)\.(\d+)\.(\d+)", text_of(REPOSITORY / "CHANGELOG.md"), re.MULTILINE)
    numbers = [tuple(int(part) for part in version) for version in versions]
    assert numbers[0] == tuple(int(part) for part in PYPROJECT["project"]["version"].split("."))
    assert all(newer > older for newer, older in pairwise(numbers))


@pytest.mark.engine
def test_the_example_of_the_front_page_runs(server: LiveServer, tmp_path: Path) -> None:
    (example,) = [block for language, block in FENCE.findall(text_of(README)) if language == "python"]
    assert "http://localhost:8080/v1" in example
    (tmp_path / "example.py").write_text(example.replace("http://localhost:8080/v1", server.realtime))
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "seventy" in done.stdout.lower(), done.stdout
    assert (tmp_path / "answer.wav").stat().st_size > 24_000, "half a second of sound at least"
