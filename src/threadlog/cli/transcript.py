"""A thread as a person reads it: its head, its turns, and what happened in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadlog.cli import tools
from threadlog.cli.sheet import INDENT, PROSE_COLUMNS, Sheet
from threadlog.cli.terminal import (
    BOLD,
    CYAN,
    DIM,
    GREEN,
    RED,
    YELLOW,
    folder,
)
from threadlog.cli.wrapping import Span
from threadlog.core import calls, text
from threadlog.core.items import turn as ti
from threadlog.core.items.values import TokenUsage, UserInput
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import COMPLETED, IN_PROGRESS, ROLLED_BACK, Turn
from threadlog.telling import Joint, local_time

_LONGEST_MS = 10**12  # a longer turn is a slip of whoever wrote the rollout
_SHORT, _UUID_CHARS = 8, 36


class Transcript:
    """Writes a thread to a sheet, turn by turn or, as it happens, item by item."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self._model: str | None = None
        self._rolled_back = 0
        self._fresh = True  # nothing was written of the turn yet
        self._block = False  # what was written last is a block of words

    # -- the thread

    def thread(self, thread: ThreadSummary, kin: dict[str, str]) -> None:
        """The head: what thread this is; *kin* has the titles of those it comes from, by id."""
        self.sheet.line(self._title(thread.title) or "(no message yet)", BOLD)
        created = thread.created[:16].replace("T", " ")
        self.sheet.line(f"{thread.id or '(no id)'}  {created} UTC", DIM)
        facts = [folder(thread.cwd), thread.git_branch, thread.source, thread.cli_version]
        self.sheet.line("  ".join(fact for fact in facts if fact), DIM)
        if thread.forked_from_id:
            self._kin("forked from", thread.forked_from_id, kin)
        if thread.parent_thread_id and thread.parent_thread_id != thread.forked_from_id:
            names = [thread.agent_nickname, thread.agent_role]
            who = " ".join(["subagent", *(f"({name})" for name in names if name), "of"])
            self._kin(who, thread.parent_thread_id, kin)
        if thread.archived:
            self.sheet.line("archived", DIM)

    def _title(self, title: str, before: str = "") -> str:
        """A title behind something, together on no more than a line of a terminal."""
        columns = self.sheet.columns - len(INDENT) - text.width(before)
        return text.fit(text.one_line(title), max(columns, 1)) if self.sheet.columns else title

    def _kin(self, how: str, thread_id: str, kin: dict[str, str]) -> None:
        who = f"{how} {self._short(thread_id)}  "
        title = self._title(kin.get(thread_id, "it is not there any more"), who)
        self.sheet.line(who + title, DIM)

    def _short(self, name: str) -> str:
        """An id, or its end where the terminal is narrow; `show` takes both."""
        narrow = 0 < self.sheet.columns < PROSE_COLUMNS
        return name[-_SHORT:] if narrow and len(name) == _UUID_CHARS else name

    # -- turns

    def turn(self, turn: Turn) -> None:
        """One turn; of those that were rolled back no more than how many there were."""
        if turn.status == ROLLED_BACK:
            self._rolled_back += 1
            return
        self.whole_turn(turn)

    def whole_turn(self, turn: Turn) -> None:
        """One turn, whatever became of it."""
        self.begin(turn)
        for item in turn.items:
            self.item(item)
        self.error(turn)
        self.sheet.pass_on()

    def begin(self, turn: Turn) -> None:
        """The line that a turn begins with."""
        self.end_of_rolled_back()
        if turn.model and self._model and turn.model != self._model:
            self.note(f"model: {self._model} → {turn.model}")
        facts = _facts(turn, turn.model if turn.model and self._model is None else None)
        self._model = turn.model or self._model
        self.sheet.gap()
        self.sheet.rule("  ".join([self._short(turn.id), *facts]))
        self._fresh, self._block = True, False

    def goes_on(self, turn_id: str) -> None:
        """The line that a turn goes on with, where others came between."""
        self.sheet.gap()
        self.sheet.rule(f"{self._short(turn_id)}  goes on")
        self._fresh, self._block = True, False

    def end(self, turn: Turn) -> None:
        """The line that a turn ends with, where its beginning was told before it happened."""
        self.error(turn)
        model = turn.model if turn.model != self._model else None
        self._model = turn.model or self._model
        if facts := _facts(turn, model, began=False):
            self._apart()
            self.sheet.rule("  ".join(facts))

    def error(self, turn: Turn) -> None:
        """What a turn failed with."""
        error = turn.error if isinstance(turn.error, dict) else {}
        if error.get("message"):
            self._heading("error", RED)
            self.sheet.prose(str(error["message"]), RED)

    def end_of_rolled_back(self) -> None:
        """Say how many turns were rolled back here, if any were."""
        count, self._rolled_back = self._rolled_back, 0
        if count:
            self.note(f"{count} turn{'s were' if count > 1 else ' was'} rolled back here")

    def joint(self, joint: Joint) -> None:
        """Where the thread goes on in another rollout."""
        if joint.reverted:
            self.note("turns that came here were reverted")
        else:
            self.note(f"forked here from {self._short(joint.thread_id or 'another thread')}")

    def note(self, sentence: str) -> None:
        """A remark of ours."""
        self.sheet.note(sentence)
        self._fresh, self._block = False, True

    # -- items

    def item(self, item: ti.AnyTurnItem) -> None:
        """One item of a turn."""
        writer = _BLOCKS.get(type(item))
        if writer is not None:
            writer(self, item)
            return
        if self._block:
            self._apart()
        self._fresh = self._block = False
        if (tool := _TOOLS.get(type(item))) is not None:
            tool(self.sheet, item)
        else:
            name = item.payload.get("type") if isinstance(item, ti.UntypedTurnItem) else None
            self.sheet.line(f"[{name or type(item).__name__}]", DIM)

    def more_reasoning(self, item: ti.Reasoning) -> None:
        """Reasoning that goes on with what was written last."""
        self._prose_or_markdown(_reasoned(item), DIM)

    def _heading(self, who: str, colour: str) -> None:
        self._apart()
        self.sheet.heading(who, colour)
        self._fresh, self._block = False, True

    def _apart(self) -> None:
        """A blank line, but not right below the line of the turn."""
        if not self._fresh:
            self.sheet.gap()

    def _user(self, item: ti.UserMessage) -> None:
        self._words("user", "\n".join(map(_input_text, item.content)), CYAN)

    def _agent(self, item: ti.AgentMessage) -> None:
        self._markdown("agent", "".join(part.text for part in item.content))

    def _reasoning(self, item: ti.Reasoning) -> None:
        if words := _reasoned(item).strip():
            self._heading("reasoning", DIM)
            self._prose_or_markdown(words, DIM)

    def _plan(self, item: ti.Plan) -> None:
        self._markdown("plan", item.text)

    def _hook(self, item: ti.HookPrompt) -> None:
        fragments = item.fragments if isinstance(item.fragments, (list, tuple)) else []
        words = [str(each.get("text", "")) for each in fragments if isinstance(each, dict)]
        self._words("hook", "\n".join(words), CYAN)

    def _review_end(self, item: ti.ExitedReviewMode) -> None:
        review = item.review_output if isinstance(item.review_output, dict) else {}
        verdict = review.get("overall_correctness")
        self._heading("review ended" + (f": {verdict}" if verdict else ""), YELLOW)
        self._prose_or_markdown(str(review.get("overall_explanation") or ""))
        findings = review.get("findings")
        for finding in findings if isinstance(findings, list) else []:
            if isinstance(finding, dict):
                self._finding(finding)

    def _finding(self, finding: dict[str, Any]) -> None:
        spans: list[Span] = [(str(finding.get("title", "")), (BOLD,))]
        if place := calls.finding_place(finding.get("code_location")):
            spans.append((f"  {place}", (DIM,)))
        self.sheet.spans(spans, indent=INDENT, hang=INDENT)
        self._prose_or_markdown(str(finding.get("body") or ""))

    def _words(self, who: str, words: str, colour: str, *codes: str) -> None:
        if words.strip():
            self._heading(who, colour)
            self.sheet.prose(words, *codes)

    def _markdown(self, who: str, words: str) -> None:
        if words.strip():
            self._heading(who, GREEN)
            self._prose_or_markdown(words)

    def _prose_or_markdown(self, words: str, *codes: str) -> None:
        lines = None
        if self.sheet.columns:
            from threadlog.cli.markdown import Page, rendered

            room = self.sheet.columns - len(INDENT)
            prose = self.sheet.prose_columns - len(INDENT)
            lines = rendered(words, Page(self.sheet.style, room, prose, codes))
        if lines is None:
            if words.strip():
                self.sheet.prose(words, *codes)
            return
        for line in lines:
            self.sheet.write(INDENT + line if line else "")


def _reasoned(item: ti.Reasoning) -> str:
    return "\n\n".join(item.summary_text or item.raw_content)


def _facts(turn: Turn, model: str | None, *, began: bool = True) -> list[str]:
    """What the line of a turn says of it besides its name."""
    facts = [model] if model else []
    if began and turn.began_at and (moment := local_time(turn.began_at)):
        facts.append(moment)
    if turn.took_ms is not None and abs(turn.took_ms) < _LONGEST_MS:
        facts.append(text.duration_text(turn.took_ms))
    if turn.usage is not None:
        facts.append(_tokens(turn.usage))
    if turn.status == ROLLED_BACK:
        facts.append("rolled back")
    elif turn.status not in (COMPLETED, IN_PROGRESS):
        facts.append(turn.status)
    return facts


def _tokens(usage: TokenUsage) -> str:
    said, came = text.count_text(usage.input_tokens), text.count_text(usage.output_tokens)
    cached = text.count_text(usage.cached_input_tokens) if usage.cached_input_tokens else ""
    return f"{said} in" + (f" ({cached} cached)" if cached else "") + f", {came} out"


def _input_text(part: UserInput) -> str:
    if part.text:
        return part.text
    where = part.path or part.name or _short_url(part.image_url or part.audio_url or part.url or "")
    return f"[{part.type} {where}]" if where else f"[{part.type}]"


def _short_url(url: str) -> str:
    """Where something lies; of what is written out in the address itself its kind and size."""
    if not url.startswith("data:"):
        return url
    kind, _comma, data = url[len("data:") :].partition(",")
    return f"{kind.partition(';')[0]} {text.count_text(len(data) * 3 // 4)}B"


def _review(sheet: Sheet, item: ti.EnteredReviewMode) -> None:
    sheet.line(f"review began: {item.user_facing_hint or ''}", YELLOW)


def _compaction(sheet: Sheet, _item: ti.ContextCompaction) -> None:
    sheet.line("[the history was compacted here]", DIM)


def _image(sheet: Sheet, item: ti.ImageView) -> None:
    sheet.line(f"[image {item.path}]", YELLOW)


def _made_image(sheet: Sheet, item: ti.ImageGeneration) -> None:
    facts = ["image made", item.saved_path, item.status if item.status == "failed" else None]
    sheet.line("[" + " ".join(fact for fact in facts if fact) + "]", YELLOW)
    sheet.output(item.revised_prompt or "")


def _activity(sheet: Sheet, item: ti.SubAgentActivity) -> None:
    facts = [item.kind, item.agent_path, item.agent_thread_id]
    sheet.line("agent " + "  ".join(fact for fact in facts if fact), YELLOW)


def _sleep(sheet: Sheet, item: ti.Sleep) -> None:
    sheet.line(f"[waited {text.duration_text(item.duration_ms)}]", DIM)


def _extension(sheet: Sheet, item: ti.Extension) -> None:
    sheet.line(f"[{item.kind}]", YELLOW)


_BLOCKS: dict[type[Any], Callable[[Transcript, Any], None]] = {
    ti.UserMessage: Transcript._user,
    ti.AgentMessage: Transcript._agent,
    ti.Reasoning: Transcript._reasoning,
    ti.Plan: Transcript._plan,
    ti.HookPrompt: Transcript._hook,
    ti.ExitedReviewMode: Transcript._review_end,
}
_TOOLS: dict[type[Any], Callable[[Sheet, Any], None]] = {
    ti.CommandExecution: tools.write_command,
    ti.FileChange: tools.write_files,
    ti.ToolCall: tools.write_tool,
    ti.McpToolCall: tools.write_mcp,
    ti.DynamicToolCall: tools.write_dynamic,
    ti.CollabAgentToolCall: tools.write_agents,
    ti.WebSearch: tools.write_search,
    ti.EnteredReviewMode: _review,
    ti.ContextCompaction: _compaction,
    ti.ImageView: _image,
    ti.ImageGeneration: _made_image,
    ti.SubAgentActivity: _activity,
    ti.Sleep: _sleep,
    ti.Extension: _extension,
}
