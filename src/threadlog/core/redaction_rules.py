"""The rules by which secrets are found: a table, and how a table of a user's own is read.

A rule without `anchored` is looked for all over a text that has one of its literals; an anchored
one is tried where a literal stands, and nowhere else, so that a text costs its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from threadlog.core.redaction_commands import COMMANDS
from threadlog.core.redaction_context import (
    CONTEXTS,
    PAIRS,
    PRIVATE_KEY,
    WRAPPED_KEY,
    tails_of_keys,
)
from threadlog.core.redaction_named import MANY, many
from threadlog.core.redaction_tokens import FORMS, INNER, SHAPES, Form

SECRETS, PATHS, EMAIL = "secrets", "paths", "email"
REDACTIONS = (SECRETS, PATHS, EMAIL)
# A user's own rules; what a keyword may be away from what is found, in characters.
RULES_LIMIT, NEAR_CHARS = 500, 100
_NAME = re.compile(r"[a-z0-9][a-z0-9 ._-]{0,47}")


class Rule(NamedTuple):
    """How one kind of secret is found; docs/export.md tells what each field means.

    `literals` are lower case, but for a rule of `tokens`: those stand in long words only, as they
    are written.
    """

    name: str
    pattern: re.Pattern[str]
    literals: tuple[str, ...] = ()
    group: int | str = 0
    entropy: float = 0.0
    allow: tuple[re.Pattern[str], ...] = ()
    keywords: tuple[str, ...] = ()
    anchored: bool = False
    tokens: bool = False
    inner: bool = False  # tried from the beginning of the word that the literal stands in
    named: bool = False  # what stands behind a name: whether it is a secret, the name decides
    about: str = SECRETS
    bare: bool = True  # what it finds is looked for elsewhere too
    beside: tuple[str, ...] = ()  # one of these stands in a text in which it finds something
    finder: Callable[[str, str], Iterator[tuple[int, int]]] | None = None  # instead of a pattern


# What a name and its value stand behind one another with, tried from a word such as `token` on.
_NAMED = r"""(?xi)
(?P<rest>[a-z0-9_.-]{0,48}+)
(?:
  (?P<said>\ (?:is|was|to|as|=>|->|→)\ (?:now\ )?:?\ ?(?=[^\s]))
| (?P<flag>\ {1,2})(?=[^\s=:-])(?!(?:string|\[\]byte)\ ?=)
| (?P<defined>[ \t]{1,20})(?=")
| (?P<xml>>)(?=[^<\s])
| (?P<close>(?:\\{0,7}["'`])?[\])]{0,2}|\[\d{0,4}\])
  (?:
    (?P<type>\ (?:string|\[\]byte)(?=\s?=)
      |\s{0,2}:\s?[a-z&][a-z0-9_.<>&'|\[\]]{0,30}(?=\s{0,3}=[\ "'@]))?
    (?P<sets>\s{0,40}(?::=|\|\|=|={1,3}|\?\?=|\?=)\s{0,40}|\s{1,3}(?:\|\||\?\?)\s{1,3}(?=["']))
  | (?P<tells>\s{0,8}(?::(?![:?+])|：|=>|,(?=\s{0,9}\\{0,3}["'])|%22%3A(?:%20)?%22)[\ \t]{0,9}
      (?:[|>]-?\s{1,20}|\r?\n\s{0,40}(?=["']))?)
  )
)
(?:
  \\{1,7}["'](?P<a>[^"'\\\r\n]{1,400}+)\\{1,7}["']
| (?:[bfru@$]{0,2}|some\(|\(\s{0,40})"
  (?P<b>[^"\\\r\n]{1,400}+(?:\\.[^"\\\r\n]{0,400}+){0,9})"
| (?:[bfrun]{0,2}|\(\s{0,40})'(?P<c>[^'\\\r\n]{1,400}+(?:\\.[^'\\\r\n]{0,400}+){0,9})'
| `(?P<d>[^`\\\r\n]{1,400}+)`
| \$\{[a-z_]\w{0,60}:?-(?P<f>[^\s"'{}$\\]{3,256}+)\}
| (?P<e>[^\s"'`<>\\,;&|(){}\[\]\x1b]{1,256}+
    (?:\\(?![nrtu"'\\/])[^\s"'`<>\\,;&|(){}\[\]\x1b]{0,256}+){0,4})
  (?P<after>[(\[{]?)
| (?P<g>[<(\[{][^\s"'`<>\\,;&|(){}\[\]\x1b]{6,256}+)(?=["']?(?:\s|\\[nr]|\Z))
)
"""
_WORDS_OF_NAMES = "pass pwd pw: pw= secret token key cred auth psk hmac salt"
_HEADER = r"""(?xi)(?<![a-z])authorization(?:\\{0,3}["'])?\s{0,3}[:=,]\s{0,3}(?:\\{0,3}["'])?
(?:(?:bearer|basic|token|digest|negotiate|apikey|api-key|aws4-hmac-sha256)\s{1,3}
| (?!authorization|x-)(?=[a-z._~+/=:-]{0,200}+[0-9]))
(?P<secret>[A-Za-z0-9._~+/=:-]{8,}+)(?!\()"""
_B64 = "[A-Za-z0-9+/]"


def _anchored(name: str, literals: str, pattern: str, **more: Any) -> Rule:
    return Rule(name, re.compile(pattern), tuple(literals.split()), anchored=True, **more)


def _formed(form: Form) -> Rule:
    """The rule of a form: all that fits it is secret, or a part that has that name."""
    pattern = re.compile(form.pattern)
    return Rule(
        form.name,
        pattern,
        tuple(form.literals.split()),
        "secret" if "secret" in pattern.groupindex else 0,
        entropy=2.0,
        anchored=bool(form.literals),
        tokens=True,
        inner=form in INNER,
    )


_EXAMPLES = (re.compile(r"(?i)basic|bearer|digest|required|header|token|none|null"),)
RULES: tuple[Rule, ...] = (
    _anchored("private-key", "-----begin", PRIVATE_KEY),
    Rule("private-key", re.compile("-----END"), ("-----end",), finder=tails_of_keys),
    _anchored("private-key", "LS0tLS1CRUdJTi", WRAPPED_KEY, tokens=True),
    _anchored(
        "putty-key",
        "private-lines:",
        r"(?i)private-lines: [0-9]{1,4}(?P<secret>(?:[\s\\nr]{0,8}+[A-Za-z0-9+/=]{16,}+){1,400})",
        group="secret",
    ),
    *(_formed(form) for form in (*FORMS, *INNER, *SHAPES)),
    _anchored(
        "aws-secret-key",
        "AKIA ASIA",
        rf"A[KS]IA[A-Z0-9]{{16}}[\s,;:|\"']{{1,6}}(?P<secret>{_B64}{{40}})(?![A-Za-z0-9+/=])",
        group="secret",
        tokens=True,
    ),
    _anchored("authorization", "auth", _HEADER, group="secret", allow=_EXAMPLES),
    _anchored(
        "bearer-token",
        "bearer",
        r"(?i)bearer(?:\s|%20|\\u0020){1,3}(?P<secret>[A-Za-z0-9._~+/=-]{16,}+)",
        group="secret",
        entropy=3.0,
    ),
    _anchored(
        "cookie",
        "cookie",
        r"""(?i)cookie2?(?:\\{0,3}["'])?\s{0,2}:\s{0,2}(?:\\{0,3}["'])?"""
        r"""(?P<secret>[\w.-]{1,80}=[^\r\n"'\\]{6,4096}+)""",
        group="secret",
        bare=False,
    ),
    _anchored("sentry-dsn", "://", r"://(?P<secret>[0-9a-f]{32})(?=@)", group="secret"),
    *(_anchored(*each, group="secret") for each in (*COMMANDS, *CONTEXTS)),
    Rule(
        "url-password",
        re.compile(r"(?<![\w.-])[\w.-]{1,64}+:(?P<secret>[^\s:\"'`]{3,100}?)@(?:tcp|unix)\("),
        ("@tcp(", "@unix("),
        group="secret",
    ),
    *(
        _anchored("secret", *each, group="value", named=True, inner=True, beside=beside)
        for *each, beside in PAIRS
    ),
    Rule(
        "pgpass",
        re.compile(
            r"(?m)(?:^|(?<=[\s\"'`=+])|(?<=[0-9]:)|(?<=\\n))"
            r"(?:[\w.-]+|\*):(?:543[0-9]|6432|6543|\*):(?:[\w.-]+|\*):"
            r"[\w.@-]{1,64}:(?![a-z]{1,6}(?:\s|\Z))(?P<secret>[^\s:\"'\\]{3,200}+)"
        ),
        (":543", "pgpass"),
        group="secret",
    ),
    _anchored("secret", _WORDS_OF_NAMES, _NAMED, named=True),
    Rule("secret", re.compile("s"), MANY, finder=many),
    Rule(
        "home-path",
        re.compile(
            r"(?i)(?:(?:\\{0,3}/|%2f)(?:home|users)(?:\\{0,3}/|%2f)|[a-z]:(?:\\{1,2}|/)users(?:\\{1,2}|/))"
            r"""(?!(?:shared|public|default)\b)[^\s/\\"'`:;,<>|()\[\]]{1,64}+"""
        ),
        ("/home", "/users", "%2fhome%2f", "%2fusers%2f", ":\\users", ":\\\\users"),
        about=PATHS,
        bare=False,
    ),
    Rule(
        "email",
        re.compile(
            r"(?<![\w.+%-])(?!git@)[A-Za-z0-9][\w.+%-]{0,63}+@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w@])"
        ),
        ("@",),
        allow=(re.compile(r"(?i)@(?:[\w.-]+\.)?example\.(?:com|org|net)$"),),
        about=EMAIL,
        bare=False,
    ),
)


class OwnRules(NamedTuple):
    """A user's table: rules, what no rule replaces, and the names of rules that are off."""

    rules: tuple[Rule, ...] = ()
    allow: tuple[re.Pattern[str], ...] = ()
    off: tuple[str, ...] = ()


def chosen(redact: Collection[str], own: OwnRules) -> tuple[Rule, ...]:
    """The rules for what is to be redacted, a user's own first."""
    built_in = [each for each in RULES if each.about in redact and each.name not in own.off]
    return (*(own.rules if SECRETS in redact else ()), *built_in)


def own_rules(table: Mapping[str, Any]) -> OwnRules:
    """The rules of a TOML table; raises ValueError that says which rule cannot be used, and why."""
    _only(table, ("rule", "allow", "off"), "the table")
    rows = table.get("rule", [])
    if not isinstance(rows, list) or len(rows) > RULES_LIMIT:
        raise ValueError(f"[[rule]] is a list of at most {RULES_LIMIT}")
    off = _texts(table, "off", "the table")
    known = {rule.name for rule in RULES}
    if unknown := next((each for each in off if each not in known), None):
        raise ValueError(f"off: there is no rule {unknown!r}")
    allow = tuple(_pattern(each, "allow") for each in _texts(table, "allow", "the table"))
    return OwnRules(tuple(map(_own_rule, rows)), allow, off)


def _own_rule(row: Any) -> Rule:
    if not isinstance(row, dict) or not isinstance(name := row.get("name"), str):
        raise ValueError("a [[rule]] has no name")
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name[:50]!r} is not of lower case letters, digits, ., _ and -")
    where = f"rule {name}"
    _only(row, ("name", "pattern", "literals", "keywords", "group", "entropy", "allow"), where)
    if not isinstance(row.get("pattern"), str):
        raise ValueError(f"{where} has no pattern")
    pattern, group, floor = (
        _pattern(row["pattern"], where),
        row.get("group", 0),
        row.get("entropy", 0),
    )
    if group not in (*range(pattern.groups + 1), *pattern.groupindex):
        raise ValueError(f"{where}: its pattern has no group {group!r}")
    if isinstance(floor, bool) or not isinstance(floor, (int, float)):
        raise ValueError(f"{where}: entropy is a number of bits a character")
    return Rule(
        name,
        pattern,
        tuple(each.lower() for each in _texts(row, "literals", where)),
        group,
        float(floor),
        tuple(_pattern(each, where) for each in _texts(row, "allow", where)),
        tuple(each.lower() for each in _texts(row, "keywords", where)),
    )


def _only(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    if unknown := next((each for each in table if each not in known), None):
        raise ValueError(f"{where} has no key {str(unknown)[:50]!r}: there are {', '.join(known)}")


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    given = table.get(key, [])
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        raise ValueError(f"{where}: {key} is a list of texts")
    return tuple(given)


def _pattern(text: str, where: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{where}: no pattern: {error}") from None
    if pattern.match(""):
        raise ValueError(f"{where}: the pattern fits an empty text, so everything")
    return pattern
