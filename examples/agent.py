"""An agent whose conversation survives: record, stop, come back, go on.

python examples/agent.py FOLDER [WORK]
"""

from __future__ import annotations

import sys

import threadlog

ANSWER = "A header is missing: foo.h is not in the include path."
MAKE = "cc -c main.c\nmain.c:3:10: fatal error: foo.h: No such file or directory"
GREP = "src/parse.c:41:    /* TODO: trailing commas */"


def main(folder: str, work: str = ".") -> None:
    home = threadlog.open(folder)
    with home.start(cwd=work, base_instructions="You help with builds.") as thread:
        with thread.turn("Why does the build fail?") as turn:
            turn.tool("shell", {"command": "make"}, output=MAKE)
            turn.say(ANSWER)
            turn.usage(input_tokens=1200, output_tokens=40)
    # Another day, another process: what was said is there, and the thread goes on.
    with home.resume("last", cwd=work) as thread:
        print(f"{len(thread.model_input())} items to send to a model next")
        with thread.turn("Are there TODOs left in src?") as turn:
            turn.tool("shell", {"command": "grep -rn TODO src"}, output=GREP)
            turn.say("One.")
            turn.usage(input_tokens=1400, output_tokens=5)
    print(f"{len(home.threads())} thread in {home.path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
