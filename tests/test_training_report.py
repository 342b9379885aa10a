"""The page of a run: everything that the stages left is on it, and nothing is fetched."""

from __future__ import annotations

import json
import re
from pathlib import Path

from matplotlib.figure import Figure

from training.report import compared, curves, png, tables, write


def _leave(folder: Path, name: str, rows: list[dict[str, object]], metrics: object, *, done: bool = True) -> None:
    stage = folder / name
    stage.mkdir(parents=True)
    (stage / "state.json").write_text(json.dumps({"done": done, "spent_s": 12.0, "round": 1}))
    (stage / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (stage / "metrics.json").write_text(json.dumps(metrics))


def test_the_page_has_the_stages_in_order_with_curves_and_figures(tmp_path: Path) -> None:
    run = tmp_path / "run <one>"
    rows: list[dict[str, object]] = [{"step": k, "spent_s": k * 2.0, "loss": 1 / k, "kind": "x"} for k in range(1, 6)]
    _leave(run, "rlvr", rows, {"before": {"right": 0.25}, "passes": {"0": 3}}, done=False)
    _leave(run, "cold-start", rows, {"loss": 0.123456})
    _leave(run, "ablations/mgrd", [], {"rounds": [{"number": 0, "right": 0.5}, {"number": 1, "kept": 7}]})
    text = write(run).read_text()
    assert re.findall("<h2>(.*?)</h2>", text) == ["cold-start", "rlvr", "ablations/mgrd"]
    assert "0.1235" in text and "before · right" in text and "<th>kept</th>" in text
    assert text.count("Not done") == 1
    assert "run &lt;one&gt;" in text and "<one>" not in text
    assert text.count("data:image/png;base64,") == 2
    assert not re.search(r"(src|href)=\"?(http|//|/)", text)
    assert (run / "rlvr" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_stage_that_only_began_is_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "rlvr").mkdir()
    (tmp_path / "rlvr" / "state.json").write_text("{}")
    assert "<h2>rlvr</h2>" in write(tmp_path).read_text()


def test_every_number_gets_a_chart_and_a_missing_one_leaves_a_gap() -> None:
    figure = curves([{"step": 1, "loss": 2.0, "name": "a"}, {"step": 2, "norm": 1.0, "done": True}])
    assert [chart.get_title("left") for chart in figure.axes] == ["loss", "norm"]
    assert list(figure.axes[1].lines[0].get_xdata()) == [2]


def test_arms_are_drawn_together() -> None:
    arms = {"with": [{"step": 1, "right": 0.5}, {"step": 2, "right": 0.75}], "without": [{"step": 1, "right": 0.25}]}
    figure = compared(arms, ("right",), "step")
    assert [line.get_label() for line in figure.axes[0].lines] == ["with", "without"]


def test_no_figures_are_no_tables() -> None:
    assert tables({}) == ""
    assert png(Figure()).startswith(b"\x89PNG")
    assert "<td>none</td><td>null</td>" in tables({"none": None})
