"""An agent whose conversation survives: record, stop, come back, go on.

python examples/agent.py FOLDER [WORK]
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


def turn(
    recorder: threadlog.RolloutRecorder, question: str, command: tuple[str, str], answer: str
) -> None:
    """One turn: a question, a command and what it printed, an answer."""
    name = "turn-1"
    recorder.record(TaskStarted(turn_id=name))
    recorder.record(said("user", question), UserMessage(message=question))
    recorder.persist()  # from here on the thread is on disk, for good
    recorder.record(
        FunctionCall(name="shell", arguments=f'{{"command": "{command[0]}"}}', call_id="call-1"),
        FunctionCallOutput(call_id="call-1", output=command[1]),
    )
    recorder.record(said("assistant", answer), AgentMessageEvent(message=answer))
    recorder.record(TaskComplete(turn_id=name, last_agent_message=answer))
    recorder.flush()


def main(folder: str, work: str = ".") -> None:
    home = threadlog.open(folder)
    options = threadlog.ThreadOptions(cwd=work, base_instructions="You help with builds.")
    with threadlog.RolloutRecorder.create(home, options) as recorder:
        output = "cc -c main.c\nmain.c:3:10: fatal error: foo.h: No such file or directory"
        answer = "A header is missing: foo.h is not in the include path."
        turn(recorder, "Why does the build fail?", ("make", output), answer)
    with threadlog.RolloutRecorder.create(home, options) as recorder:
        output = "src/parse.c:41:    /* TODO: trailing commas */"
        turn(recorder, "Are there TODOs left in src?", ("grep -rn TODO src", output), "One.")
    print(f"{len(home.threads())} threads in {home.path}")
    print(f"{len(home.model_input('last'))} items of the last one to send to a model next")


if __name__ == "__main__":
    main(*sys.argv[1:])
