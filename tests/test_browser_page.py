"""The page by itself, in a real Chromium, without an agent behind it: failures in plain words, events into turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser_harness import Chromium, RunningServer, chromium, page_server, write_microphone

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with page_server() as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    microphone = write_microphone(Path(tmp_path_factory.mktemp("page")) / "microphone.wav", [2.0])
    with chromium(microphone) as running:
        yield running


def reduce(browser: Chromium, server: RunningServer, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The first turn that the page's own reducer makes of these events, as the page exports it."""
    visit = browser.visit(server.url)
    turn: dict[str, Any] = visit.page.evaluate(
        """async (events) => {
            const { Conversation } = await import("/page/conversation.js");
            const { plainTurn } = await import("/page/export.js");
            const conversation = new Conversation();
            events.forEach((event, i) => conversation.push(event, 10_000 + i));
            return plainTurn(conversation.turns[0]);
        }""",
        events,
    )
    visit.page.context.close()
    return turn


def test_the_welcome_shows_an_example_and_is_quiet(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    assert visit.state == "idle"
    assert visit.page.locator("#example .chip-note").count() >= 5
    assert visit.page.locator("#example .chip-thought.revoked").count() == 1
    assert visit.page.locator("#talk").get_attribute("aria-label") == "Start talking"
    assert visit.complaints == []


def test_a_wait_in_vain_tells_what_the_page_saw(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    visit.page.evaluate("console.error('somebody complains')")
    with pytest.raises(
        AssertionError, match=r"(?s)not within 0.3 s: false.*states: .*'idle'.*somebody complains.*/healthz"
    ):
        visit.wait_for("false", 0.3)


def test_a_channel_that_opens_before_anybody_waits_for_it_is_open(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    is_open = visit.page.evaluate(
        """async () => {
            const { Wire } = await import("/page/wire.js");
            const channel = Object.assign(new EventTarget(), { readyState: "connecting", close() {} });
            window.RTCPeerConnection = class extends EventTarget {
                iceGatheringState = "complete";
                connectionState = "new";
                localDescription = { sdp: "" };
                addTransceiver() {}
                createDataChannel() { return channel; }
                async createOffer() { return {}; }
                async setLocalDescription() {}
                async setRemoteDescription() {
                    channel.readyState = "open";
                    channel.dispatchEvent(new Event("open"));
                }
                close() {}
            };
            window.fetch = async () => new Response("answer");
            const connected = new Wire({}).connect(null, "").then(() => true);
            return Promise.race([connected, new Promise((resolve) => setTimeout(() => resolve(false), 2000))]);
        }"""
    )
    visit.page.context.close()
    assert is_open


def test_nothing_is_loaded_from_elsewhere(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    names: list[str] = visit.page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert len(names) > 10
    assert [name for name in names if not name.startswith(server.url)] == []


def test_a_full_server_is_said_in_plain_words(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    visit.page.click("#talk")
    notice = visit.page.locator(".notice[data-kind=limit_reached]")
    notice.wait_for()
    assert "All lines are taken" in notice.inner_text()
    assert "4 of 4 sessions are taken." in notice.inner_text()
    assert visit.state == "idle"
    assert visit.complaints == []


def test_an_unreachable_server_is_said_and_its_return_too(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    visit.page.route("**/v1/realtime/calls*", lambda route: route.abort("connectionrefused"))
    visit.page.click("#talk")
    notice = visit.page.locator(".notice[data-kind=unreachable]")
    notice.wait_for()
    assert notice.get_by_role("button", name="Try again").is_visible()
    visit.page.route("**/healthz", lambda route: route.fulfill(status=200, body="{}"))
    visit.page.locator(".notice[data-kind=server_back]").wait_for(timeout=8000)
    assert notice.count() == 0


def test_the_refusal_of_the_server_is_text_and_never_markup(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    body = '{"error": {"message": "<img src=x onerror=\\"window.injected = true\\">"}}'
    visit.page.route("**/v1/realtime/calls*", lambda route: route.fulfill(status=500, body=body))
    visit.page.click("#talk")
    notice = visit.page.locator(".notice[data-kind=refused]")
    notice.wait_for()
    assert "<img src=x" in notice.inner_text()
    assert notice.locator("img").count() == 0
    assert visit.page.evaluate("window.injected") is None


def test_the_settings_are_kept_and_the_keyboard_reaches_them(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    visit.page.focus("#open-settings")
    visit.page.keyboard.press("Enter")
    visit.page.select_option("#effort", "low")
    visit.page.uncheck("#show-thoughts")
    visit.page.keyboard.press("Escape")
    assert not visit.page.locator("#settings").is_visible()
    assert visit.page.locator("#example .chip-thought").first.is_hidden()
    visit.page.reload()
    visit.wait_for("window.forethought !== undefined", 10)
    assert visit.page.input_value("#effort") == "low"
    assert not visit.page.is_checked("#show-thoughts")


ITEM = {"item_id": "item_1", "turn": 1}


def turn_event(attempt: int, state: str, audio_ms: int, **more: Any) -> dict[str, Any]:
    return {"type": "forethought.turn", **ITEM, "attempt": attempt, "state": state, "audio_ms": audio_ms, **more}


def test_a_revoked_attempt_voids_its_thoughts_and_keeps_the_notes(browser: Chromium, server: RunningServer) -> None:
    turn = reduce(
        browser,
        server,
        [
            turn_event(0, "started", 500),
            {"type": "forethought.note", **ITEM, "delta": " six apples", "tokens": 2, "audio_ms": 1140},
            turn_event(1, "tentative", 1400, silence_ms=160),
            {"type": "forethought.thought", **ITEM, "attempt": 1, "delta": "Six.", "audio_ms": 1400, "held": True},
            turn_event(1, "revoked", 1600),
            turn_event(2, "tentative", 2600, silence_ms=180),
            {"type": "forethought.thought", **ITEM, "attempt": 2, "delta": "6 + 8", "audio_ms": 2600, "held": True},
            {"type": "forethought.thought", **ITEM, "attempt": 2, "delta": " = 14.", "audio_ms": 2620, "held": True},
            turn_event(2, "committed", 2900, reason="votes"),
        ],
    )
    assert turn["status"] == "committed"
    assert turn["notes"] == [{"ms": 1140, "text": " six apples", "tokens": 2}]
    assert [(thought["text"], thought["revoked"], thought["held"]) for thought in turn["thoughts"]] == [
        ("Six.", True, True),
        ("6 + 8 = 14.", False, False),
    ]
    assert [attempt["state"] for attempt in turn["attempts"]] == ["revoked", "committed"]
    assert (turn["start_ms"], turn["turn_end_ms"]) == (500, 2900)


def test_an_interrupted_answer_keeps_what_was_heard(browser: Chromium, server: RunningServer) -> None:
    answer = {"response_id": "resp_1"}
    heard_item = {"type": "message", "content": [{"type": "output_audio", "transcript": "One, two,"}]}
    turn = reduce(
        browser,
        server,
        [
            turn_event(0, "started", 0),
            turn_event(1, "tentative", 900),
            turn_event(1, "committed", 1000),
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "output_audio_buffer.started", **answer},
            {"type": "response.output_audio_transcript.delta", **answer, "delta": "One, two, three, four."},
            {"type": "forethought.heard", **ITEM, **answer, "text": "One, two,", "audio_ms": 700},
            {"type": "output_audio_buffer.cleared", **answer},
            {"type": "response.done", "response": {"id": "resp_1", "status": "cancelled", "output": [heard_item]}},
        ],
    )
    assert turn["status"] == "interrupted"
    assert turn["heard"] == "One, two,"
    assert turn["answer"] == "One, two, three, four."


def test_the_ledger_sums_to_its_total_with_the_pages_own_measurement(browser: Chromium, server: RunningServer) -> None:
    visit = browser.visit(server.url)
    ledger = visit.page.evaluate(
        """async () => {
            const { ledgerOf } = await import("/page/ledger.js");
            const stages_ms = { endpoint_wait: 300, encode: 10, first_clause: 20.5, unknown_stage: 4 };
            return ledgerOf({ ledger: { stages_ms }, measured: { totalMs: 400 }, notes: [] });
        }"""
    )
    stages = {stage["name"]: stage["ms"] for stage in ledger["stages"]}
    assert stages["client"] == pytest.approx(400 - 334.5)
    assert sum(stages.values()) == pytest.approx(ledger["totalMs"]) == pytest.approx(400)
