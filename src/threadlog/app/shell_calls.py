"""Calls of shells, which rollouts tell as calls of a tool, as the commands they are."""

from __future__ import annotations

from threadlog.core.items import turn as ti
from threadlog.core.lines import BadLine, parse_json

# The tools that run commands, as Codex's versions call them, and ours.
_SHELLS = ("shell", "shell_command", "exec_command", "local_shell", "container.exec")


def command_of(item: ti.ToolCall) -> ti.CommandExecution | None:
    """A call of a shell as the command it is; None for others, and arguments that tell none."""
    if item.name not in _SHELLS:
        return None
    try:
        arguments = parse_json(item.arguments.encode(errors="replace"))
    except BadLine:
        return None
    given = arguments if isinstance(arguments, dict) else {}
    command = given.get("command", given.get("cmd"))
    words = [command] if isinstance(command, str) else command
    if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
        return None
    output, cwd = item.output, given.get("workdir")
    return ti.CommandExecution(
        id=item.id,
        command=tuple(words[2:] if words[:2] == ["sh", "-c"] else words),
        cwd=cwd if isinstance(cwd, str) else None,
        status="completed" if output is not None else "failed",
        aggregated_output=output if isinstance(output, str) else None,
    )
