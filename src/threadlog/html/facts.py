"""Small facts as words: what a turn took, how a call ended, which model, how many tokens."""

from __future__ import annotations

from collections.abc import Iterator

from threadlog.core.calls import Outcome
from threadlog.core.items.values import TokenUsage
from threadlog.core.text import count_text, duration_text
from threadlog.core.turn import COMPLETED, FAILED, IN_PROGRESS, INTERRUPTED, ROLLED_BACK, Turn
from threadlog.html.looks import Look
from threadlog.html.markup import NOTHING, Html, joined, tag

LONGEST_MS = 10**12  # what took longer is a slip of whoever wrote the rollout
_SHORTEST_MS = 50
_STATUS = {
    IN_PROGRESS: "running",
    INTERRUPTED: "interrupted",
    FAILED: "failed",
    ROLLED_BACK: "rolled back",
}
_BAD = (FAILED, INTERRUPTED)


def of_turn(turn: Turn, look: Look) -> Html:
    """When a turn was, with which model, and what it took."""
    return joined(_of_turn(turn, look), " ")


def _of_turn(turn: Turn, look: Look) -> Iterator[Html]:
    if turn.began_at and (moment := look.moment(turn.began_at)):
        yield tag("time", moment, class_="fact", data_unix=turn.began_at)
    if turn.model:
        yield tag("span", turn.model, class_="fact model")
    if turn.took_ms is not None and abs(turn.took_ms) < LONGEST_MS:
        yield tag("span", duration_text(turn.took_ms), class_="fact duration")
    if turn.usage is not None:
        yield tag("span", *_tokens(turn.usage), class_="fact tokens")
    if turn.status != COMPLETED:
        bad = " bad" if turn.status in _BAD else ""
        said = _STATUS.get(turn.status, turn.status)
        yield tag("span", said, class_=f"fact status{bad}")


def _tokens(usage: TokenUsage) -> Iterator[str]:
    yield f"{count_text(usage.input_tokens)} in"
    if usage.cached_input_tokens:
        yield f" ({count_text(usage.cached_input_tokens)} cached)"
    yield f", {count_text(usage.output_tokens)} out"


def failed(outcome: Outcome) -> bool:
    """True if a call came to no good end."""
    return bool(outcome.exit_code) or outcome.status in ("failed", "declined")


def of_call(outcome: Outcome) -> Html:
    """Status, exit code and duration, as far as they tell something."""
    facts = [outcome.status.replace("_", " ")] if outcome.status else []
    facts += [f"exit {outcome.exit_code}"] if outcome.exit_code else []
    if outcome.ms is not None and _SHORTEST_MS <= outcome.ms < LONGEST_MS:
        facts.append(duration_text(outcome.ms))
    bad = " bad" if failed(outcome) else ""
    return tag("span", ", ".join(facts), class_=f"fact{bad}") if facts else NOTHING
