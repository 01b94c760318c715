"""One turn as its agent works on it: what it yields is recorded, then told.

However the turn ends, as the agent means it, by failing, or because it is interrupted, its end is
recorded and brought to stable storage before it is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from threadlog.agents.context import COMPACT, REVIEW, Said, Settings, TurnContext
from threadlog.agents.guarding import closing, failure_of, retrieve, stream_of, to_its_end
from threadlog.agents.happenings import (
    Happening,
    ItemBegan,
    ItemEnded,
    Troubled,
    TurnBegan,
    TurnEnded,
)
from threadlog.agents.taking import Taker
from threadlog.core import replay
from threadlog.core.items import event as ev
from threadlog.core.items import turn as ti
from threadlog.core.items.session import Compacted
from threadlog.core.items.values import UserInput
from threadlog.core.lines import BadLine, parse_json
from threadlog.core.turn import COMPLETED, FAILED, INTERRUPTED, Turn
from threadlog.errors import AgentFailed, BacklogFull, ThreadlogError
from threadlog.fresh import new_id, now_ms
from threadlog.turn_writer import Asked, TurnWriter

if TYPE_CHECKING:
    from threadlog.agents.conversation import Conversation

# So long an agent has to tidy up once it is interrupted; then its turn ends without it.
STOP_S = 5.0
# After so many events at once everybody else has a turn.
_TURN_OF_OTHERS = 32
# What a review's end says if nothing was found worth saying.
_NOTHING_SAID = "The review said nothing."


class Run:
    """One turn of a conversation, from what the user said to its end."""

    def __init__(
        self, conversation: Conversation, kind: str, said: list[Said], settings: Settings
    ) -> None:
        self.id = new_id(now_ms())
        self.kind = kind
        self._conversation = conversation
        self._input = said
        self._first = [(each, _user_item(each)) for each in said]
        self._steered: list[Said] = []
        self._hearing = 0  # what the user says that is on its way to the disk
        self._heard = asyncio.Event()
        self._heard.set()
        self._deaf = False  # whatever is said now is for the next turn
        self._stop = asyncio.Event()
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._began_ms, self._began = now_ms(), time.monotonic()
        # A review is entered before anything is said in it.
        self._spoken = int(bool(said) and kind != REVIEW)
        asked = _asked(*self._first[0]) if self._spoken else Asked(silent=True)
        self._settings = settings
        asked = asked._replace(turn_id=self.id, model=settings.model)
        self.writer = TurnWriter(conversation.thread.sync.book, asked)
        self._taker = Taker(self.writer, self.tell, summing=kind == COMPACT)
        self._review: ti.EnteredReviewMode | None = None
        self._compaction = ti.ContextCompaction(id=new_id(now_ms()))

    # -- beginning

    async def begin(self, review: Any = None) -> None:
        """Record what the user said, and bring it to stable storage; nothing is told yet.

        Raises Unreadable for an image, WriteFailed, InUse.
        """
        thread = self._conversation.thread
        try:
            await to_its_end(asyncio.to_thread(self.writer.begin))
            if self.kind == REVIEW:
                self._enter_review(review)
            for said, item in self._first[self._spoken :]:
                await self._hear(said, item)
            await thread.recorder.persist()
        except BaseException:
            self.writer.abort()
            raise

    def launch(self) -> None:
        """Tell what was recorded, and let the agent work; once, unless it was interrupted."""
        if self.launched or self._over.is_set():
            return
        self.tell(TurnBegan(self.id, self._began_ms // 1000))
        if self.kind == COMPACT:
            self.tell(ItemBegan(self.id, self._compaction, self._began_ms))
        if self._review is not None:
            self._tell_whole(self._review)
        for _said, item in self._first:
            self._tell_whole(item)
        self._task = asyncio.create_task(self._work())

    def _enter_review(self, target: Any) -> None:
        hint = self._input[0].text if self._input else None
        item_id = new_id(now_ms())
        self._review = ti.EnteredReviewMode(id=item_id, target=target, user_facing_hint=hint)
        self.writer.item(
            ev.EnteredReviewMode(
                turn_id=self.id, item_id=item_id, target=target, user_facing_hint=hint
            )
        )

    # -- what the user does meanwhile

    async def steer(self, said: list[Said]) -> bool:
        """Take in what the user says in the middle of the turn; on stable storage at once.

        False, and nothing is taken in, if the turn is at its end.
        """
        if self._deaf:
            return False
        self._hearing += 1
        self._heard.clear()
        try:
            for each in said:
                item = _user_item(each)
                await self._hear(each, item)
                self._steered.append(each)
                if self.launched:
                    self._tell_whole(item)
                else:
                    self._first.append((each, item))
            await self._conversation.thread.flush()
        finally:
            self._hearing -= 1
            if not self._hearing:
                self._heard.set()
        return True

    async def interrupt(self) -> None:
        """End the turn before its time; returns once its end is recorded."""
        self._stop.set()
        if not self.launched:
            self._deaf = True
            await self._end(INTERRUPTED, None)
        await self._over.wait()

    async def wait(self) -> None:
        """Return once the turn has ended, however."""
        await self._over.wait()

    @property
    def launched(self) -> bool:
        """True once the agent was asked."""
        return self._task is not None

    async def _hear(self, said: Said, item: ti.UserMessage) -> None:
        asked = _asked(said, item)
        if said.images:  # files are read
            await to_its_end(asyncio.to_thread(self.writer.hear, asked))
        else:  # at once: what is told after it stands after it
            self.writer.hear(asked)

    # -- the agent at work

    async def _work(self) -> None:
        try:
            status, error = await self._outcome()
            self._deaf = True
            await self._heard.wait()
            self._taker.over = True
            await self._end(status, error)
        finally:
            if not self._over.is_set():  # a fault of ours: nobody is to wait for ever
                self._finish(FAILED, AgentFailed("the turn's end could not be recorded"))

    async def _outcome(self) -> tuple[str, AgentFailed | None]:
        """Have the agent work until it is done, or interrupted."""
        pump = asyncio.create_task(self._ask_agent())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({pump, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if pump.done():
            return _outcome(pump)
        self._deaf = True
        pump.cancel()
        await asyncio.wait({pump}, timeout=STOP_S)
        pump.add_done_callback(retrieve)
        return INTERRUPTED, None

    async def _ask_agent(self) -> None:
        said = self._input
        while True:
            try:
                await self._take_all(stream_of(self._conversation.agent(self._context(said))))
            except (SystemExit, KeyboardInterrupt) as error:  # asyncio would end the process
                raise AgentFailed(f"the agent raised {type(error).__name__}") from None
            await self._heard.wait()
            said = self._take_steered()
            if not said or self._stop.is_set():
                self._deaf = True
                return

    async def _take_all(self, stream: AsyncIterator[Any]) -> None:
        taken = 0
        async with closing(stream):
            async for event in stream:
                await self._take(event)
                taken += 1
                if taken % _TURN_OF_OTHERS == 0:  # an agent may never wait for anything
                    await asyncio.sleep(0)
        await self._take(None)

    def _context(self, said: list[Said]) -> TurnContext:
        conversation = self._conversation
        thread = conversation.thread
        return TurnContext(
            thread_id=thread.id,
            turn_id=self.id,
            cwd=conversation.cwd,
            kind=self.kind,
            input=said,
            settings=self._settings,
            history=thread.model_input,
            steered=self._take_steered,
        )

    def _take_steered(self) -> list[Said]:
        taken, self._steered = self._steered, []
        return taken

    async def _take(self, event: Any) -> None:
        try:
            self._taker.take(event)
        except BacklogFull:
            await self._conversation.thread.drain()
            self._taker.take(event)

    # -- the end

    async def _end(self, status: str, error: AgentFailed | None) -> None:
        try:
            self._taker.finish(broken=status != COMPLETED)
            if status == COMPLETED:
                await self._conclude()
        except Exception as trouble:  # whatever it is, the turn has an end
            status, error = FAILED, failure_of(trouble)
        try:
            await self._recorded_end(status, error)
            await self._conversation.thread.flush()
        except ThreadlogError as trouble:  # it is kept in memory, and tried again
            status, error = FAILED, failure_of(trouble)
        self._finish(status, error)

    async def _recorded_end(self, status: str, error: AgentFailed | None) -> None:
        try:
            self._record_end(status, error)
        except BacklogFull:
            await self._conversation.thread.drain()
            self._record_end(status, error)

    def _finish(self, status: str, error: AgentFailed | None) -> None:
        self._deaf = True
        self._over.set()
        self._conversation.ended(self)
        if error is not None:
            self.tell(Troubled(self.id, str(error), error.kind, again=False))
        self.tell(TurnEnded(self._turn(status, error)))

    def _record_end(self, status: str, error: AgentFailed | None) -> None:
        if error is not None:
            self.writer.fail(str(error), error.kind)
        elif status == INTERRUPTED:
            self.writer.interrupt()
        else:
            self.writer.complete()

    async def _conclude(self) -> None:
        if self.kind == REVIEW:
            self._leave_review()
        elif self.kind == COMPACT:
            text = f"{replay.SUMMARY_PREFIX} of it:\n{self._taker.said or replay.NO_SUMMARY}"
            history = await self._conversation.thread.model_input()
            replacement = tuple(replay.compacted(history, text))
            self.writer.item(Compacted(message=text, replacement_history=replacement))
            self.writer.item(ev.ContextCompacted())
            self.tell(ItemEnded(self.id, self._compaction, self._began_ms, now_ms()))

    def _leave_review(self) -> None:
        output = _review_output(self._taker.said)
        item = ti.ExitedReviewMode(id=new_id(now_ms()), review_output=output)
        self.writer.item(
            ev.ExitedReviewMode(turn_id=self.id, item_id=item.id, review_output=output)
        )
        self._tell_whole(item)

    def _turn(self, status: str, error: AgentFailed | None) -> Turn:
        last = self._taker.last_message if status == COMPLETED else None
        told = None
        if error is not None:
            told = {"message": str(error), "codex_error_info": error.kind}
        return Turn(
            self.id,
            status,
            () if last is None else (last,),
            self._began_ms // 1000,
            max(now_ms(), self._began_ms) // 1000,
            int((time.monotonic() - self._began) * 1000),
            told,
            {} if last is None else {last.id: self._taker.last_times},
        )

    def tell(self, happening: Happening) -> None:
        """Tell it to whoever listens."""
        self._conversation.tell(happening)

    def _tell_whole(self, item: ti.TurnItem) -> None:
        at_ms = now_ms()
        self.tell(ItemBegan(self.id, item, at_ms))
        self.tell(ItemEnded(self.id, item, at_ms, at_ms))


def _review_output(said: str) -> dict[str, Any]:
    """What a reviewer found: an object as Codex asks its reviewers for it, or what it said."""
    output = {
        "findings": [],
        "overall_correctness": "",
        "overall_explanation": said or _NOTHING_SAID,
        "overall_confidence_score": 0.0,
    }
    try:
        found = parse_json(said.encode(errors="replace"))
    except BadLine:
        found = None
    explained = isinstance(found, dict) and isinstance(found.get("overall_explanation"), str)
    return {**output, **found} if explained and isinstance(found, dict) else output


def _user_item(said: Said) -> ti.UserMessage:
    if said.parts:
        return ti.UserMessage(id=new_id(now_ms()), client_id=said.client_id, content=said.parts)
    content = [UserInput(type="text", text=said.text)] if said.text else []
    for image in said.images:
        if image.startswith(("https:", "http:", "data:")):
            content.append(UserInput(type="image", image_url=image))
        else:
            content.append(UserInput(type="local_image", path=image))
    return ti.UserMessage(id=new_id(now_ms()), client_id=said.client_id, content=tuple(content))


def _asked(said: Said, item: ti.UserMessage) -> Asked:
    return Asked(said.text, said.images, item=item, client_id=said.client_id)


def _outcome(pump: asyncio.Task[None]) -> tuple[str, AgentFailed | None]:
    if pump.cancelled():  # by the agent itself
        return FAILED, AgentFailed("the agent cancelled itself")
    error = pump.exception()
    return (COMPLETED, None) if error is None else (FAILED, failure_of(error))
