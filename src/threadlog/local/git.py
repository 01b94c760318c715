"""What git says of a thread's working directory: commit, branch and the address of `origin`.

The only code that runs git, and it asks Codex's four questions.  Never writes into a repository,
never outlasts its time limit, leaves no process behind, and gives no password away.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence

from threadlog.core.items.session import GitInfo

GIT_TIMEOUT_S = 5.0
OUTPUT_LIMIT_BYTES = 64 << 10
# How long a killed process is waited for; only one that hangs in the kernel takes so long.
_REAP_S = 1.0

# They would make git answer for another place than the working directory.
_POINTERS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
)
# No locks, no questions to the user, no fetching of what a partial clone lacks.
_SETTINGS = ("GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1")
# `env` takes them from the child: our own environment, which is every thread's, is not touched.
_ENV = ("/usr/bin/env", *(word for name in _POINTERS for word in ("-u", name)), *_SETTINGS)

_IS_REPOSITORY = ("rev-parse", "--git-dir")
_COMMIT = ("rev-parse", "HEAD")
_BRANCH = ("rev-parse", "--abbrev-ref", "HEAD")
_ORIGIN = ("remote", "get-url", "origin")

# `helper::` is a program that git hands the address to.
_ADDRESS = re.compile(
    r"((?:[\w-]+::)?)(https?|ftps?|git|ssh|git\+ssh|ssh\+git|file)://([^/?#]*)(.*)",
    re.IGNORECASE | re.DOTALL,
)
# Here a user name is part of the address; elsewhere it may be a token.
_NEEDS_USER = {"ssh", "git+ssh", "ssh+git"}


def read_git_info(cwd: str, *, timeout_s: float = GIT_TIMEOUT_S) -> GitInfo | None:
    """What git says of the folder (or file) *cwd*; None outside a repository, or without git.

    Each of two rounds takes at most *timeout_s*, and what fails or is late is left out: a
    repository without commits gives an empty GitInfo.  Never raises; safe on any thread.
    """
    try:
        folder = _folder_in_repository(cwd)
        git = shutil.which("git")
        # A relative entry of PATH could lead to a `git` that the repository brings along.
        if folder is None or git is None or not os.path.isabs(git):
            return None
        if not _ask(git, folder, [_IS_REPOSITORY], timeout_s)[0]:
            return None
        commit, branch, origin = _ask(git, folder, [_COMMIT, _BRANCH, _ORIGIN], timeout_s)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return GitInfo(
        commit_hash=_name(commit),
        branch=_name(branch),
        repository_url=without_credentials(_text(origin)) or None,
    )


def without_credentials(url: str) -> str:
    """The address without password, token, query and fragment; "" if it may hide one still.

    The name in `ssh://git@host/x` and `git@host:x` is no secret.  Where an @ stands behind the
    place for it, a password with a / : ? or # in it may be what is before: nothing is given then.
    """
    address = _ADDRESS.fullmatch(url)
    if address is None:
        return "" if _is_doubtful(url) else url
    before, scheme, authority, path = address.groups()
    local = scheme.lower() == "file" and not authority
    if "@" in (path.partition(":")[2] if local else path):
        return ""
    if local:
        return url
    userinfo, _, host = authority.rpartition("@")
    user = re.split(":|%3a", userinfo, maxsplit=1, flags=re.IGNORECASE)[0]
    kept = f"{user}@" if user and scheme.lower() in _NEEDS_USER else ""
    return f"{before}{scheme}://{kept}{host}{re.split('[?#]', path, maxsplit=1)[0]}"


def _is_doubtful(text: str) -> bool:
    """True where something that is no address we know may hold a password."""
    # What follows `ext::` is a command with arguments, which may be anything.
    if text.startswith("ext::") or "@" in text.partition(":")[2]:
        return True
    return re.search("[?#]", text.partition("://")[2]) is not None


def _folder_in_repository(cwd: str) -> str | None:
    """The folder to ask about; None unless it or one above it has a `.git`, file or folder."""
    if not os.path.exists(cwd):
        return None
    folder = os.path.realpath(cwd if os.path.isdir(cwd) else os.path.dirname(cwd))
    above = folder
    while not os.path.exists(os.path.join(above, ".git")):
        below, above = above, os.path.dirname(above)
        if above == below:
            return None
    return folder


def _text(answer: bytes | None) -> str:
    """An answer as text; "" if there is none, or none that is UTF-8."""
    try:
        return (answer or b"").decode().strip()
    except UnicodeDecodeError:
        return ""


def _name(answer: bytes | None) -> str | None:
    """A commit or branch; git repeats `HEAD` where there is none to name."""
    text = _text(answer)
    return text if text not in ("", "HEAD") else None


def _ask(
    git: str, folder: str, questions: Sequence[Sequence[str]], timeout_s: float
) -> list[bytes | None]:
    """The answers to several questions asked at once; None for one that fails or is late.

    Raises OSError if a process cannot be started.  None of them is left on any way out.
    """
    deadline = time.monotonic() + timeout_s
    children: list[subprocess.Popen[bytes]] = []
    try:
        for question in questions:
            children.append(_start([*_ENV, git, "-c", "core.fsmonitor=false", *question], folder))
        outputs = _outputs(children, deadline)
        return [
            output if output is not None and _succeeds(child, deadline) else None
            for child, output in zip(children, outputs, strict=True)
        ]
    finally:
        _end(children)


def _start(command: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- git as the user's PATH has it, and fixed arguments
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        start_new_session=True,
    )


def _outputs(children: Sequence[subprocess.Popen[bytes]], deadline: float) -> list[bytes | None]:
    """All that each child prints; None if it is not done at the deadline, or prints too much."""
    read = [bytearray() for _ in children]
    complete = [False for _ in children]
    with selectors.DefaultSelector() as selector:
        for index, child in enumerate(children):
            assert child.stdout is not None
            selector.register(child.stdout, selectors.EVENT_READ, index)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                piece = os.read(key.fd, OUTPUT_LIMIT_BYTES)
                read[key.data] += piece
                complete[key.data] = not piece
                if not piece or len(read[key.data]) > OUTPUT_LIMIT_BYTES:
                    selector.unregister(key.fileobj)
    return [bytes(each) if done else None for each, done in zip(read, complete, strict=True)]


def _succeeds(child: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        return child.wait(max(0.0, deadline - time.monotonic())) == 0
    except subprocess.TimeoutExpired:
        return False


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Kill what still runs, with all that it started, and reap it."""
    # A process keeps its number until it is reaped, so no other group can be hit.
    running = [child for child in children if child.returncode is None]
    for child in running:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + _REAP_S
    for child in running:
        _succeeds(child, deadline)
    for child in children:
        assert child.stdout is not None
        child.stdout.close()
