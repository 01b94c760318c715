"""The rules of docs/architecture.md that a machine can hold: imports, owners, sizes, words."""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "threadlog"
MODULES = sorted(SOURCE.rglob("*.py"))

PURE = {
    "__future__",
    "array",
    "bisect",
    "collections",
    "collections.abc",
    "contextlib",
    "datetime",
    "decimal",
    "functools",
    "html",
    "io",
    "itertools",
    "json",
    "math",
    "msgspec",
    "operator",
    "orjson",
    "re",
    "types",
    "typing",
    "unicodedata",
    "uuid",
}
FRONTENDS = ("cli", "app", "ui", "web")
# What answers in threads: above the awaitable verbs, below the frontends.
AGENTS = ("agents",)
ADAPTERS = ("local", "codex")
USE_CASES = (
    "home",
    "checkup",
    "compress",
    "reader",
    "telling",
    "following",
    "paging",
    "giving_up",
    "kinship",
    "stored",
    "stats",
    "cuts",
    "forking",
    "reverting",
    "amending",
    "putting_away",
    "own_threads",
    "drafts",
    "making",
    "fresh",
    "asking",
    "searching",
    "options",
    "recorder",
    "backlog",
    "barrier",
    "writer",
    "pool",
    "lifetime",
    "loading",
    "turn_parts",
)
# The modules of a frontend that name another: the commands that start them.
DOORS = {
    "threadlog.cli.app_server": "app",
    "threadlog.cli.ui": "ui",
    "threadlog.cli.serve": "web",
}
# Threads as HTML, for the frontends that make pages.
SHARED = {"web": {"html"}, "cli": {"html"}}
# Our SQL is theirs alone.
INDEX_MODULES = (
    "contents",
    "database",
    "given",
    "kin",
    "known",
    "ledgers",
    "noticed",
    "pages",
    "scanner",
    "scans",
    "standing",
    "tree",
    "upkeep",
)
SEARCH_MODULES = (
    "asking",
    "plans",
    "scanning",
    "searching",
    "sources",
    "vocabulary",
    "words",
    "writing",
)
MODULE_LINES, FUNCTION_LINES, PARAMETERS = 400, 50, 5
NAMES_WITHOUT_MEANING = {"utils", "helpers", "common", "misc", "base_class", "manager", "handler"}


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, lazily or not, those for type checkers included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module
            if node.module.startswith("threadlog"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """The part of the house a module of ours is in: `core`, `local`, `home`, ..."""
    return module.split(".")[1] if "." in module else ""


def own_imports(path: Path) -> set[str]:
    return {room_of(name) for name in imports_of(path) if name.startswith("threadlog.")}


def in_room(*rooms: str) -> list[Path]:
    return [path for path in MODULES if room_of(name_of(path)) in rooms]


@pytest.mark.parametrize("path", in_room("core"), ids=name_of)
def test_core_is_pure(path: Path) -> None:
    for name in imports_of(path):
        if name.startswith("threadlog"):
            assert room_of(name) in ("core", "errors"), f"{path.name} imports {name}"
        else:
            assert name in PURE, f"{path.name} imports {name}"
    if "from io import" in path.read_text():
        assert "from io import BytesIO\n" in path.read_text()
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("path", in_room(*ADAPTERS), ids=name_of)
def test_an_adapter_knows_core_and_ports_only(path: Path) -> None:
    own = room_of(name_of(path))
    assert own_imports(path) <= {"core", "errors", "ports", own}


@pytest.mark.parametrize("path", in_room(*FRONTENDS), ids=name_of)
def test_a_frontend_never_names_an_adapter(path: Path) -> None:
    allowed = {
        "core",
        "errors",
        "home",
        "aio",
        "checkup",
        "asking",
        "searching",
        "reader",
        "telling",
        "following",
        "paging",
        "giving_up",
        "barrier",
        "connect",
        "agents",
        "__version__",
        room_of(name_of(path)),
    }
    allowed |= SHARED.get(room_of(name_of(path)), set())
    allowed |= {DOORS.get(name_of(path), room_of(name_of(path)))}
    assert own_imports(path) <= allowed


@pytest.mark.parametrize("path", in_room(*AGENTS), ids=name_of)
def test_agents_know_the_awaitable_verbs_and_how_turns_are_written(path: Path) -> None:
    allowed = {"core", "errors", "aio", "agents", "fresh", "turn_writer", "turn_parts"}
    assert own_imports(path) <= allowed


def test_only_the_full_screen_knows_textual() -> None:
    for path in MODULES:
        foreign = {name.partition(".")[0] for name in imports_of(path)} & {"textual", "rich"}
        assert not foreign or room_of(name_of(path)) == "ui", name_of(path)


def test_only_the_web_viewer_knows_its_server() -> None:
    for path in MODULES:
        foreign = {name.partition(".")[0] for name in imports_of(path)} & {"starlette", "uvicorn"}
        assert not foreign or room_of(name_of(path)) == "web", name_of(path)


@pytest.mark.parametrize("path", in_room("html"), ids=name_of)
def test_html_is_made_of_values_alone(path: Path) -> None:
    libraries = {"markdown_it": "markdown", "pygments": "code", "importlib": "styles"}
    for name in imports_of(path):
        root = name.partition(".")[0]
        if root == "threadlog":
            assert room_of(name) in ("core", "errors", "telling", "html"), name
        elif root in libraries:
            assert path.stem == libraries[root], name
        else:
            assert name in PURE | {"binascii", "time", "urllib.parse"}, name
    assert "time.time" not in path.read_text()
    assert "localtime" not in path.read_text()


def test_only_connect_names_an_adapter() -> None:
    for path in MODULES:
        if room_of(name_of(path)) not in (*ADAPTERS, "connect"):
            assert not own_imports(path) & set(ADAPTERS), name_of(path)


def test_the_use_cases_know_no_frontend() -> None:
    for path in in_room(*USE_CASES, "ports", "errors"):
        assert not own_imports(path) & {*FRONTENDS, *AGENTS, "connect"}, name_of(path)


@pytest.mark.parametrize(
    ("secret", "owners"),
    [
        (r"O_NOFOLLOW", {"local.files", "local.disk", "codex.regular", "codex.flocks"}),
        (r"\bos\.(pwrite|ftruncate|fdatasync|link|rename)\b", {"local.disk"}),
        (r"\bos\.(write|fsync)\b", {"local.disk", "codex.name_file"}),
        (r"\bos\.replace\b", {"local.disk", "codex.lock"}),
        (
            r"\bos\.(unlink|mkdir|chmod|fchmod)\b",
            {"local.disk", "codex.lock", "codex.flocks", "codex.presence", "app.serve"},
        ),
        (r"\bsubprocess\b", {"local.git", "cli.pager", "ui.resuming"}),
        (r"register_at_fork", {"lifetime", "loading", "codex.flocks", "local.index.forks"}),
        (r"\batexit\b", {"lifetime"}),
        (r"\bSIGTERM\b", {"lifetime", "cli.export", "cli.record", "app.serve", "web.server"}),
        (r"\bflock\(", {"codex.flocks", "local.disk"}),
        (r"thread-writer-locks", {"codex.lock"}),
        (r"ZstdDecompressor|ZstdCompressor", {"local.zstd"}),
        (r"session_index\.jsonl\"", {"core.layout"}),
        (r"\bjson\.loads\(|JSONDecoder\(", {"core.lines", "cli.problems"}),
        (r"\bmarkdown_it\b", {"cli.markdown", "cli.markdown_inline", "html.markdown"}),
        (r"\bpygments\b", {"html.code"}),
        (r"\bHtml\(", {"html.markup"}),
        (r"msgspec\.json\.Decoder", {"core.decode", "core.quick", "app.pages"}),
        (
            r"import sqlite3",
            {
                "codex.state",
                "codex.schema",
                "codex.rows",
                *(f"local.index.{name}" for name in INDEX_MODULES),
                *(f"local.search.{name}" for name in SEARCH_MODULES),
            },
        ),
        (r"sqlite3\.connect\(", {"codex.state", "codex.rows", "local.index.database"}),
        (
            r"os\.environ",
            {
                "connect",
                "cli.main",
                "cli.terminal",
                "cli.pager",
                "ui.resuming",
                "agents.responses",
                "agents.scripted",
                "agents.endpoint",
            },
        ),
    ],
)
def test_a_secret_has_one_owner(secret: str, owners: set[str]) -> None:
    holders = {
        name_of(path).removeprefix("threadlog.")
        for path in MODULES
        if re.search(secret, path.read_text())
    }
    assert holders == owners


def test_the_database_of_codex_is_written_to_in_one_module_and_read_in_another() -> None:
    state, schema, writes = (
        (SOURCE / "codex" / f"{name}.py").read_text() for name in ("state", "schema", "rows")
    )
    reads = state + schema
    changing = r"\b(INSERT|UPDATE|DELETE|REPLACE INTO|CREATE|ALTER|DROP|VACUUM|BEGIN)\b"
    assert not re.search(changing, reads)
    assert "mode=rw" not in reads
    assert set(re.findall(changing, writes)) == {"UPDATE", "DELETE", "BEGIN"}
    for never in ("immutable", "wal_checkpoint", "journal_mode", "executescript"):
        assert never not in reads + writes
    assert set(re.findall(r"(?:UPDATE|DELETE FROM) (\w+)", writes)) == {"threads"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_sizes_and_docstrings_keep_their_limits(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MODULE_LINES
    assert ast.get_docstring(tree), "a module says what it owns"
    assert path.stem not in NAMES_WITHOUT_MEANING
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
            assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"
            arguments = node.args
            names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            count = len([each for each in names if each.arg not in ("self", "cls")])
            assert count <= PARAMETERS, f"{node.name} takes {count} parameters"


def test_exceptions_live_in_one_module() -> None:
    # Never leave core, local, and the server.
    inside = {"BadLine", "Unusable", "CallersOwn", "NotNarrowed", "RpcError", "InvalidRequest"}
    for path in MODULES:
        if path.stem == "errors":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                raised = bases & {"Exception", "BaseException", "ValueError", "ThreadlogError"}
                assert not raised or node.name in inside, f"{path.name}: {node.name}"


def test_no_path_of_a_machine_stands_in_the_project() -> None:
    homes = re.compile(r"/(?:home|Users|root|work)/(?!dev/)[a-z]")
    for path in [*MODULES, *ROOT.glob("docs/*.md"), ROOT / "README.md"]:
        assert not homes.search(path.read_text()), path


def test_every_safeguard_that_is_taken_out_stands_once_where_it_is_said_to() -> None:
    mutants = runpy.run_path(str(ROOT / "tools" / "mutants.py"))["MUTANTS"]
    for each in mutants:
        text = (ROOT / "src" / "threadlog" / f"{each.module}.py").read_text()
        assert text.count(each.before) == 1, f"{each.what}: {each.module}"
