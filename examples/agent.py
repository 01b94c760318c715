"""An agent whose conversation survives: record, stop, come back, go on.

python examples/agent.py FOLDER
"""

from __future__ import annotations

import sys

import threadlog
from threadlog.core.items.event import AgentMessageEvent, TaskComplete, TaskStarted
from threadlog.core.items.event import UserMessageEvent as UserMessage
from threadlog.core.items.response import FunctionCall, FunctionCallOutput, Message
from threadlog.core.items.values import Content


def said(role: str, text: str) -> Message:
    kind = "output_text" if role == "assistant" else "input_text"
    return Message(role=role, content=(Content(type=kind, text=text),))


def main(folder: str) -> None:
    home = threadlog.open(folder)
    options = threadlog.ThreadOptions(cwd=".", base_instructions="You help with builds.")
    with threadlog.RolloutRecorder.create(home, options) as recorder:
        question = "Why does the build fail?"
        recorder.record(TaskStarted(turn_id="turn-1"))
        recorder.record(said("user", question), UserMessage(message=question))
        recorder.persist()  # now the thread is on disk, for good
        recorder.record(
            FunctionCall(name="shell", arguments='{"command": "make"}', call_id="call-1"),
            FunctionCallOutput(call_id="call-1", output="error: foo.h: no such file"),
        )
        answer = "A header is missing: foo.h."
        recorder.record(said("assistant", answer), AgentMessageEvent(message=answer))
        recorder.record(TaskComplete(turn_id="turn-1", last_agent_message=answer))
        recorder.flush()
    print(f"recorded {recorder.path}")
    print(f"{len(home.model_input(recorder.thread_id))} items to send to a model next")


if __name__ == "__main__":
    main(sys.argv[1])
