"""What git says of a working directory: real repositories, real processes, and gits that lie."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.core.items.session import GitInfo
from threadlog.local.git import OUTPUT_LIMIT_BYTES, read_git_info, without_credentials

URL = "https://example.com/desk/project.git"
# For what is to hang; and for what is not, on a machine that is busy.
QUICK_S = 0.8
PATIENT_S = 20.0


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A git that knows nothing of this machine; and no child of ours outlives a test."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.setenv(name, "Somebody")
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "somebody@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    others = has_children()  # of tests before this one, in a run of all in one process
    yield
    # Running or dead and not reaped, it would be found here.
    assert others or not has_children()


def has_children() -> bool:
    """True if a process of ours runs, or is dead and not reaped."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def empty_repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def repository(folder: Path, url: str = URL) -> Path:
    empty_repository(folder)
    git(folder, "commit", "--quiet", "--allow-empty", "-m", f"first of {folder.name}")
    git(folder, "remote", "add", "origin", url)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return repository(tmp_path / "desk" / "project")


FakeGit = Callable[[str], Path]


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGit:
    """Put a `git` before the real one that runs a script in sh; gives a folder that it may use."""

    def make(script: str) -> Path:
        folder = tmp_path / "fake"
        (folder / "bin").mkdir(parents=True)
        program = folder / "bin" / "git"
        program.write_text(f'#!/bin/sh\nshift 2\nNOTES="{folder}"\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return folder

    return make


class Pulse:
    """A pipe that every process of a fake git holds open: when it ends, they are all dead."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pulse"
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def beats(self) -> bytes:
        """What the processes wrote, once they are all dead; fails if they live on."""
        wrote, patience = b"", time.monotonic() + 5
        while time.monotonic() < patience:
            try:
                piece = os.read(self._fd, 1024)
            except BlockingIOError:
                time.sleep(0.01)
                continue
            if not piece:
                return wrote
            wrote += piece
        pytest.fail(f"still alive after {wrote!r}")

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    made = Pulse(tmp_path)
    yield made
    made.close()


# --- real repositories ---


def test_a_repository_gives_commit_branch_and_origin(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    assert read_git_info(str(project)) == GitInfo(
        commit_hash=head, branch="main", repository_url=URL
    )


def in_subdirectory(project: Path) -> Path:
    folder = project / "src" / "deep"
    folder.mkdir(parents=True)
    return folder


def in_file(project: Path) -> Path:
    file = project / "file.txt"
    file.write_text("x")
    return file


def in_worktree(project: Path) -> Path:
    tree = project.parent / "tree"
    git(project, "worktree", "add", "--quiet", "-b", "side", str(tree))
    assert (tree / ".git").is_file()
    return tree


def in_submodule(project: Path) -> Path:
    outer = empty_repository(project.parent / "outer")
    allowed = ("-c", "protocol.file.allow=always")
    git(outer, *allowed, "submodule", "--quiet", "add", str(project), "inner")
    git(outer / "inner", "remote", "set-url", "origin", URL)
    assert (outer / "inner" / ".git").is_file()
    return outer / "inner"


def behind_a_link(project: Path) -> Path:
    link = project.parent / "link"
    link.symlink_to(in_subdirectory(project))
    return link


def with_odd_bytes(project: Path) -> Path:
    folder = project / os.fsdecode(b"odd \xff\n'$x'")
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("place", "branch"),
    [
        (in_subdirectory, "main"),
        (in_file, "main"),
        (in_worktree, "side"),
        (in_submodule, "main"),
        (behind_a_link, "main"),
        (with_odd_bytes, "main"),
    ],
)
def test_every_place_in_a_repository_is_in_it(
    project: Path, place: Callable[[Path], Path], branch: str
) -> None:
    head = git(project, "rev-parse", "HEAD")
    assert read_git_info(str(place(project))) == GitInfo(
        commit_hash=head, branch=branch, repository_url=URL
    )


def test_a_relative_cwd_is_taken_from_the_processs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file(project)
    monkeypatch.chdir(project)
    expected = read_git_info(str(project))
    assert expected is not None
    assert [read_git_info(each) for each in (".", "file.txt")] == [expected, expected]


def test_a_detached_head_has_no_branch(project: Path) -> None:
    git(project, "checkout", "--quiet", "--detach")
    head = git(project, "rev-parse", "HEAD")
    assert read_git_info(str(project)) == GitInfo(commit_hash=head, repository_url=URL)


def test_a_repository_without_remote_has_no_url(project: Path) -> None:
    git(project, "remote", "rename", "origin", "elsewhere")
    head = git(project, "rev-parse", "HEAD")
    assert read_git_info(str(project)) == GitInfo(commit_hash=head, branch="main")


def test_an_empty_repository_is_one_all_the_same(tmp_path: Path) -> None:
    empty = empty_repository(tmp_path / "empty")
    assert read_git_info(str(empty)) == GitInfo()
    git(empty, "remote", "add", "origin", URL)
    assert read_git_info(str(empty)) == GitInfo(repository_url=URL)


def test_who_ignores_dying_children_gets_no_false_commit(tmp_path: Path) -> None:
    """With SIGCHLD ignored the system tells no exit status: failure looks like success."""
    empty = empty_repository(tmp_path / "empty")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / ".git").write_text("gitdir: /desk/nowhere")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert read_git_info(str(empty)) == GitInfo()
        assert read_git_info(str(broken)) is None
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_url_loses_its_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = repository(tmp_path / "project", "https://user:hunter2@example.com/desk/project.git")
    info = read_git_info(str(project))
    assert info is not None
    assert info.repository_url == URL
    # So do those that the user's own settings put into every address, as is usual in CI.
    git(project, "remote", "set-url", "origin", URL)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url.https://x:hunter2@example.com/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://example.com/")
    assert "hunter2" in git(project, "remote", "get-url", "origin")
    assert read_git_info(str(project)) == info


def test_a_url_that_may_hide_a_password_is_left_out(tmp_path: Path) -> None:
    project = repository(tmp_path / "project", "https://user:hunt/er2@example.com/project.git")
    info = read_git_info(str(project))
    assert info is not None
    assert info.commit_hash is not None
    assert info.repository_url is None


@pytest.mark.parametrize(
    "name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"]
)
def test_the_environment_does_not_lead_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = repository(tmp_path / "other", "https://example.com/other.git")
    expected = read_git_info(str(project))
    assert expected is not None
    monkeypatch.setenv(name, str(other / ".git"))
    assert read_git_info(str(project)) == expected


def test_a_repository_that_git_does_not_trust_stays_untrusted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert read_git_info(str(project)) is None
    # The user's word counts, wherever it is given.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(project))
    assert read_git_info(str(project)) is not None


def test_many_threads_ask_at_once(tmp_path: Path) -> None:
    projects = [repository(tmp_path / f"project{n}") for n in range(4)]
    expected = [git(project, "rev-parse", "HEAD") for project in projects]
    assert len(set(expected)) == len(projects)
    cwd, threads = Path.cwd(), threading.active_count()
    seen: list[tuple[Path, int]] = []

    def ask(project: Path) -> str | None:
        info = read_git_info(str(project), timeout_s=PATIENT_S)
        seen.append((Path.cwd(), threading.active_count()))
        return info.commit_hash if info else None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, projects * 5)) == expected * 5
    assert {each for each, _ in seen} == {cwd}
    assert max(count for _, count in seen) <= threads + 4


# --- no repository, no git ---


RECORDING = 'echo "$*" >> "$NOTES/calls"\ncase "$1 $2" in "rev-parse --git-dir") echo .git;; esac'


@pytest.mark.parametrize("name", ["", "file.txt", "missing", "missing/deeper", "nul\0", "\ud800"])
def test_where_there_is_no_repository_no_process_is_started(
    tmp_path: Path, fake_git: FakeGit, name: str
) -> None:
    notes = fake_git(RECORDING)
    folder = tmp_path / "alone"
    folder.mkdir()
    (folder / "file.txt").write_text("x")
    assert read_git_info(f"{folder}/{name}") is None
    assert not (notes / "calls").exists()


def test_no_cwd_is_not_the_processs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert read_git_info("") is None


def test_a_missing_folder_in_a_repository_is_missing(project: Path) -> None:
    assert read_git_info(str(project / "missing")) is None


def test_a_process_in_a_folder_that_is_gone_learns_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    before = Path.cwd()
    os.chdir(gone)
    try:
        gone.rmdir()
        assert read_git_info(".") is None
        assert read_git_info("x") is None
    finally:
        os.chdir(before)


def test_without_git_there_is_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert read_git_info(str(project)) is None


@pytest.mark.parametrize("content", ["", "#!/desk/no/such/interpreter\n", "\0\1\2"])
def test_a_git_that_cannot_run_gives_nothing(
    project: Path, fake_git: FakeGit, content: str
) -> None:
    program = fake_git("") / "bin" / "git"
    program.write_text(content)
    assert read_git_info(str(project)) is None


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_a_git_that_the_repository_brings_along_is_not_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    program = project / entry / "git"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\ntouch "{project}/ran"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(project)
    read_git_info(str(project))
    assert not (project / "ran").exists()


def test_a_process_that_cannot_be_started_is_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is reached in the second round, with one process already there."""
    genuine, started = subprocess.Popen, 0

    def refuse(*args: object, **options: object) -> object:
        nonlocal started
        started += 1
        if started == 3:
            raise BlockingIOError("no more processes")
        return genuine(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert read_git_info(str(project)) is None
    assert started == 3


# --- what git is asked, and how ---


def test_git_is_asked_what_codex_asks(project: Path, fake_git: FakeGit) -> None:
    notes = fake_git(RECORDING)
    assert read_git_info(str(project), timeout_s=PATIENT_S) == GitInfo()
    first, *others = (notes / "calls").read_text().splitlines()
    assert first == "rev-parse --git-dir"
    assert sorted(others) == [
        "remote get-url origin",
        "rev-parse --abbrev-ref HEAD",
        "rev-parse HEAD",
    ]


def test_where_git_knows_no_repository_nothing_more_is_asked(
    project: Path, fake_git: FakeGit
) -> None:
    notes = fake_git(f"{RECORDING}\nexit 128")
    assert read_git_info(str(project), timeout_s=PATIENT_S) is None
    assert (notes / "calls").read_text() == "rev-parse --git-dir\n"


def test_git_runs_without_monitor_locks_and_questions(
    project: Path, fake_git: FakeGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = fake_git('env > "$NOTES/env.$$"; echo x')
    program = notes / "bin" / "git"
    text = program.read_text().replace(
        "shift 2", 'echo "$1 $2" >> "${0%/bin/git}/options"; shift 2'
    )
    program.write_text(text)
    pointers = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE"]
    pointers += ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX"]
    pointers += ["GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE"]
    for name in [*pointers, "GIT_OPTIONAL_LOCKS", "GIT_TERMINAL_PROMPT"]:
        monkeypatch.setenv(name, "/desk/elsewhere")
    assert read_git_info(str(project), timeout_s=PATIENT_S) is not None
    assert (notes / "options").read_text() == "-c core.fsmonitor=false\n" * 4
    environments = [path.read_text().splitlines() for path in notes.glob("env.*")]
    assert len(environments) == 4
    for environment in environments:
        assert {
            "GIT_OPTIONAL_LOCKS=0",
            "GIT_TERMINAL_PROMPT=0",
            "GIT_NO_LAZY_FETCH=1",
            "GIT_CONFIG_NOSYSTEM=1",
            f"HOME={os.environ['HOME']}",
        } <= set(environment)
        assert not {line.partition("=")[0] for line in environment} & set(pointers)


def test_git_has_no_input_no_voice_and_no_files_of_ours(
    project: Path, fake_git: FakeGit, capfd: pytest.CaptureFixture[str]
) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"typed by the user")
    os.set_inheritable(write_end, True)
    notes = fake_git(
        f'[ -e /dev/fd/{write_end} ] && echo open >> "$NOTES/leak"\n'
        'echo complaint >&2; echo "read:$(cat)"'
    )
    stdin = os.dup(0)
    os.dup2(read_end, 0)
    try:
        info = read_git_info(str(project), timeout_s=PATIENT_S)
    finally:
        os.dup2(stdin, 0)
        for fd in (stdin, read_end, write_end):
            os.close(fd)
    assert info == GitInfo(commit_hash="read:", branch="read:", repository_url="read:")
    assert not (notes / "leak").exists()
    assert capfd.readouterr() == ("", "")


# --- a git that answers badly ---


def answering(commit: str, branch: str, origin: str) -> str:
    """A script that does one thing for each question of the second round."""
    return (
        'case "$*" in\n"rev-parse --git-dir") echo .git;;\n'
        f'"rev-parse HEAD") {commit};;\n"rev-parse --abbrev-ref HEAD") {branch};;\n'
        f'"remote get-url origin") {origin};;\nesac'
    )


ENDLESS = "yes 0123456789"
FULL = f"head -c {OUTPUT_LIMIT_BYTES} /dev/zero | tr '\\0' x"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo '  abc  '", "abc"),
        ("printf '\\n\\tabc'", "abc"),
        ("printf 'd\\303\\251j\\303\\240'", "déjà"),
        ("echo abc; exit 1", None),
        ("echo abc; kill -9 $$", None),
        ("printf 'abc\\377'", None),
        ("printf '\\355\\240\\200'", None),
        ("echo", None),
        (":", None),
        (FULL, "x" * OUTPUT_LIMIT_BYTES),
        (f"{FULL}; echo x", None),
        (ENDLESS, None),
        ("exec >&-; exit 1", None),
        ("echo abc; exec >&-; sleep 0.1", "abc"),
    ],
)
def test_each_answer_stands_for_itself(
    project: Path, fake_git: FakeGit, script: str, expected: str | None
) -> None:
    fake_git(answering(script, script, script))
    assert read_git_info(str(project), timeout_s=PATIENT_S) == GitInfo(
        commit_hash=expected, branch=expected, repository_url=expected
    )


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        (("exit 1", "echo b", "echo c"), GitInfo(branch="b", repository_url="c")),
        (("echo a", "exit 1", "echo c"), GitInfo(commit_hash="a", repository_url="c")),
        (("echo a", "echo b", "exit 1"), GitInfo(commit_hash="a", branch="b")),
        (("echo a", ENDLESS, "echo c"), GitInfo(commit_hash="a", repository_url="c")),
        (("echo HEAD", "echo HEAD", "echo c"), GitInfo(repository_url="c")),
    ],
)
def test_a_bad_answer_spoils_no_other(
    project: Path, fake_git: FakeGit, scripts: tuple[str, str, str], expected: GitInfo
) -> None:
    fake_git(answering(*scripts))
    assert read_git_info(str(project), timeout_s=PATIENT_S) == expected


def test_a_folder_of_odd_bytes_is_a_repository(project: Path, fake_git: FakeGit) -> None:
    fake_git("case $2 in --git-dir) printf '/desk/\\377/.git';; *) echo x;; esac")
    assert read_git_info(str(project), timeout_s=PATIENT_S) is not None


# --- a git that hangs ---

HANGING = {
    "it and its child": "sleep 60 & sleep 60",
    "a child that keeps its output": "sleep 60 & exit 0",
    "it, having closed its output": "exec >&-; sleep 60 & sleep 60",
    "it, deaf to kind words": "trap '' TERM INT HUP; sleep 60 & wait; sleep 60",
    "it, talking on and on": "sleep 60 & while :; do echo x; sleep 0.05; done",
}


@pytest.mark.parametrize(
    ("script", "round_"),
    [*((script, 1) for script in HANGING), ("it and its child", 2), ("it, talking on and on", 2)],
)
def test_what_hangs_is_killed_with_all_that_it_started(
    project: Path, fake_git: FakeGit, pulse: Pulse, script: str, round_: int
) -> None:
    hang = f'exec 9> "{pulse.path}"; echo up >&9; {HANGING[script]}'
    fake_git(hang if round_ == 1 else answering("echo abc", hang, hang))
    began = time.monotonic()
    info = read_git_info(str(project), timeout_s=QUICK_S)
    took = time.monotonic() - began
    assert info == (None if round_ == 1 else GitInfo(commit_hash="abc"))
    # Both rounds together; those of the second run side by side.
    assert QUICK_S <= took < 2 * QUICK_S + 0.5
    assert pulse.beats() == b"up\n" * round_


def test_the_questions_of_the_second_round_are_asked_side_by_side(
    project: Path, fake_git: FakeGit, tmp_path: Path
) -> None:
    """Each answers only once it has met the other two."""
    meet = 'touch "$NOTES/$$.here"; until set -- "$NOTES"/*.here; [ $# -eq 3 ]; do sleep 0.01; done'
    fake_git(answering(*[f"{meet}; echo met"] * 3))
    assert read_git_info(str(project), timeout_s=PATIENT_S) == GitInfo(
        commit_hash="met", branch="met", repository_url="met"
    )


def test_git_has_a_session_of_its_own(project: Path, fake_git: FakeGit) -> None:
    """No Ctrl-C at the terminal reaches it, and it reaches no terminal."""
    notes = fake_git('echo $$ > "$NOTES/pid.new"; mv "$NOTES/pid.new" "$NOTES/pid"; sleep 60')
    thread = threading.Thread(target=read_git_info, args=[str(project)], kwargs={"timeout_s": 2})
    thread.start()
    try:
        while thread.is_alive() and not (notes / "pid").exists():
            time.sleep(0.01)
        pid = int((notes / "pid").read_text())
        assert os.getsid(pid) == pid
        os.killpg(pid, signal.SIGKILL)
    finally:
        thread.join()


def test_what_cannot_be_killed_is_not_waited_for(
    project: Path, fake_git: FakeGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process that hangs in the kernel, on a file system that has gone away."""
    fake_git("sleep 60")
    genuine_kill, genuine_popen = os.killpg, subprocess.Popen
    children: list[subprocess.Popen[bytes]] = []

    def start(*args: object, **options: object) -> object:
        children.append(genuine_popen(*args, **options))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr(os, "killpg", lambda _group, _signal: None)
    began = time.monotonic()
    try:
        assert read_git_info(str(project), timeout_s=QUICK_S) is None
        assert time.monotonic() - began < 2 * QUICK_S + 0.5
    finally:
        for child in children:
            genuine_kill(child.pid, signal.SIGKILL)
            child.wait()


def test_an_interrupt_leaves_nothing_behind(project: Path, fake_git: FakeGit, pulse: Pulse) -> None:
    hang = f'exec 9> "{pulse.path}"; echo up >&9; sleep 60 & sleep 60'
    fake_git(answering(hang, hang, hang))

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, QUICK_S)
    try:
        with pytest.raises(KeyboardInterrupt):
            read_git_info(str(project), timeout_s=PATIENT_S)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert pulse.beats() == b"up\n" * 3


def test_no_file_descriptor_is_left_open(project: Path, fake_git: FakeGit) -> None:
    before = sorted(os.listdir("/dev/fd"))
    assert read_git_info(str(project)) is not None
    fake_git(answering("sleep 60", ENDLESS, "exit 1"))
    assert read_git_info(str(project), timeout_s=QUICK_S) == GitInfo()
    assert sorted(os.listdir("/dev/fd")) == before


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # nothing to hide
        (URL, URL),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("git://example.com/x", "git://example.com/x"),
        ("ssh://git@example.com:22/x", "ssh://git@example.com:22/x"),
        ("ssh://example.com/~me/x", "ssh://example.com/~me/x"),
        ("git+ssh://git@example.com/x", "git+ssh://git@example.com/x"),
        ("ssh+git://git@example.com/x", "ssh+git://git@example.com/x"),
        ("SSH://git@example.com/x", "SSH://git@example.com/x"),
        ("git@example.com:desk/x.git", "git@example.com:desk/x.git"),
        ("example.com:desk/x", "example.com:desk/x"),
        ("/desk/project", "/desk/project"),
        ("../me@example.com", "../me@example.com"),
        ("file:///desk/me@home/a:b#c?d", "file:///desk/me@home/a:b#c?d"),
        ("FILE:///desk/me@home", "FILE:///desk/me@home"),
        ("hg::/desk/project", "hg::/desk/project"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("hg::ssh://hg@example.com/x", "hg::ssh://hg@example.com/x"),
        ("hg::file:///desk/me@home/x", "hg::file:///desk/me@home/x"),
        ("", ""),
        # user and password
        ("https://user:pw@example.com/x", "https://example.com/x"),
        ("https://token@example.com/x", "https://example.com/x"),
        ("https://:token@example.com/x", "https://example.com/x"),
        ("HTTPS://token:x-oauth-basic@example.com/x", "HTTPS://example.com/x"),
        ("http://user:pw@[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x"),
        ("https://me@corp.com:p@w@example.com/x", "https://example.com/x"),
        ("https://user:pw@example.com", "https://example.com"),
        ("https://user:pw@example.com/x\ny", "https://example.com/x\ny"),
        ("ftp://user:pw@example.com/x", "ftp://example.com/x"),
        ("git://user:pw@example.com/x", "git://example.com/x"),
        ("file://user:pw@example.com/x", "file://example.com/x"),
        ("hg::https://user:pw@example.com/x", "hg::https://example.com/x"),
        ("ssh://user:pw@example.com/x", "ssh://user@example.com/x"),
        ("ssh://user:p@w@example.com:22/x", "ssh://user@example.com:22/x"),
        ("ssh://user%3apw@example.com/x", "ssh://user@example.com/x"),
        ("ssh://user%3Apw@example.com/x", "ssh://user@example.com/x"),
        ("ssh://:pw@example.com/x", "ssh://example.com/x"),
        # tokens behind the path
        ("https://example.com/x?access_token=abc", "https://example.com/x"),
        ("https://example.com/x?a=b&private_token=abc#c", "https://example.com/x"),
        ("https://example.com?private_token=abc", "https://example.com"),
        ("https://user:pw@example.com/x#token=abc", "https://example.com/x"),
        # where does the password end?
        ("https://user:p/w@example.com/x", ""),
        ("https://user:12/w@example.com/x", ""),
        ("https://user:p#w@example.com/x", ""),
        ("https://user:p?w@example.com/x", ""),
        ("https://user:p@w/w@example.com/x", ""),
        ("https:///user:pw@example.com/x", ""),
        ("file:///user:pw@example.com/x", ""),
        ("https:/user:pw@example.com/x", ""),
        ("ssh://user:p/w@example.com/x", ""),
        ("user:pw@example.com:x", ""),
        ("user:pw@https://example.com/x", ""),
        ("user:p://w@example.com/x", ""),
        ("user::p://w@example.com/x", ""),
        ("x://user:pw@example.com/x", ""),
        ("x://example.com/x?token=abc", ""),
        ("x://example.com/x#abc", ""),
        ("hg::user:pw@example.com", ""),
        ("ext::sshpass -p pw ssh example.com %S x", ""),
        ("ext::curl https://example.com?pw", ""),
    ],
)
def test_an_address_keeps_what_is_no_secret(url: str, expected: str) -> None:
    assert without_credentials(url) == expected


ODD = st.text(st.sampled_from("ab1 .-_~%:/@?#[]&=\\\n\u00e9\U0001f511"), max_size=6) | st.text(
    max_size=6
)
SCHEMES = ["https://", "HTTP://", "ssh://", "git+ssh://", "git://", "ftp://", "file://", "x://"]
SCHEMES += ["x::https://", "x::", "//", ""]


@given(
    scheme=st.sampled_from(SCHEMES),
    user=ODD,
    password=st.tuples(ODD, ODD),
    host=st.sampled_from(["example.com", "example.com:22", "[::1]", "h"]),
    path=ODD,
)
def test_no_password_survives(
    scheme: str, user: str, password: tuple[str, str], host: str, path: str
) -> None:
    before, after = password
    bare = without_credentials(f"{scheme}{user}:{before}hunter2{after}@{host}/{path}")
    assert "hunter2" not in bare
    assert without_credentials(bare) == bare


@pytest.mark.parametrize("text", [":", "://", "a::", "%3a", "ssh://:", "?", "@"])
def test_an_address_of_any_length_is_read_in_no_time(text: str) -> None:
    began = time.process_time()
    without_credentials(text * OUTPUT_LIMIT_BYTES)
    without_credentials(f"ssh://{text * OUTPUT_LIMIT_BYTES}")
    assert time.process_time() - began < 0.5


@given(st.text())
def test_any_text_is_an_address_to_it(text: str) -> None:
    bare = without_credentials(text)
    assert without_credentials(bare) == bare
    assert len(bare) <= len(text)
