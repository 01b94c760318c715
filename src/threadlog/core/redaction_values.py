"""What tells a secret from what only looks like one: placeholders, code, digests, plain words.

Pure questions about a value and the name that it stands behind; `redaction` asks them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log2

PASSWORD, SECRET, TOKEN, KEY, AUTH = "password", "secret", "token", "key", "auth"
MARK = "[redacted: "

# How a value stands behind its name.
QUOTED, TIGHT, SPACED, SAID, LISTED = "quoted", "tight", "spaced", "said", "listed"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME = re.compile(r"[\w./:-]{1,100}")
_HEADER = re.compile(r"(?i)[a-z-]{0,40}(?:authorization|cookie2?)")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PLACEHOLDERS = _words(
    """xxxx *** … • example placeholder changeme change-me change_me your- your_ yourpass
    yourtoken yoursecret yourkey yourapi yourname replace-me replaceme replace_with
    replace-with goes-here goeshere redacted fill-in fillme notreal not-real not_real <a <y
    <t <s <p <k ${ {{ $( %( sanitized censored obfuscated masked foobar deadbeef
    not-a-real not_a_real"""
)
# Words that stand for a secret, unless what is left of the value looks drawn.
_SOFT = _words("dummy fake enter- paste- insert- insert_")
_DRAWN = re.compile(r"[0-9]+[A-Za-z]+[0-9]|[A-Za-z][0-9]+[A-Za-z]+[0-9]")
_REPLACED = re.compile(re.escape(MARK) + r"[^\]\n]{1,200}\]")
_PARTED = re.compile(r"[;\s]+")
_CUT = re.compile(r"\.\.\.(?:\w{0,4}\W*\Z|.*\s)")
_STANDS_FOR = re.compile(
    r"""(?x) \$\{.* | \$\(.* | \$(?:[A-Z_]\w*|[a-z_]+\w?|[a-z]+(?:[A-Z][a-z]*)+[0-9]*) |
    <(?:.*>|[A-Za-z_. -]*).{0,3} | \{[^}]*\}.* | \[[^\]]*\].* | \([^)]*\).* | %\w+% | @\w+@ |
    ![A-Za-z]\w+(?:[ ].*)? | __\w*__ | [-=~_.*\#xX]+ | \w+://.* |
    (?:op|vault|ref|env|secretref|keyvault|ssm|arn|urn|sha\d+|md5)[:.-].*"""
)
# A path of two folders or more, or of one with a file that has a kind.
_PATH = re.compile(
    r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?:[\w.@ -]+[/\\])*[\w@ -]*(?:\.[A-Za-z]\w{0,7})?"
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::|->|\?\.)[A-Za-z_]\w*)+!?")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_SLUG = re.compile(r"[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)*[-_.:/ ]?[0-9]{0,3}")
_CAMEL = re.compile(r"_?(?:[a-z]+|[A-Z]{1,4})(?:[A-Z][a-z]+)+[0-9]{0,2}")
_TYPE = re.compile(
    r"(?i)(?:u?int|float|sha|md|base|utf|str|vec|uuid|v|aes|rsa|hs|rs|es|oauth|ed|i|u|f)[-_]?[0-9]+"
    r"(?:url|_t|le|be|gcm)?"
)
_KINDS = re.compile(r"(?i)pass(?:w|phr|code)|pwd|secret|token|key|cred|auth|login|user")
# A version, or a path of a file whose kind tells that it is one.
_NO_SECRET = re.compile(
    r"(?i)(?:[\^~]|[<>]=?|npm:\S*@)?v?[0-9]+(?:\.[0-9]+)+\S{0,12}|[^/]*/.*\.(?:png|jpe?g|gif|svg|pdf|json|ya?ml|toml|txt|csv|zip"
    r"|gz|pem|crt|html?)"
)
_CALLED = re.compile(r"[A-Za-z_][\w.]*[(\[]")
_PLAIN = _words(
    """string str bytes bool boolean int integer number float object array list dict any none null
    nil undefined void unknown optional required nullable true false yes no on off default empty
    missing invalid incorrect wrong error failed expired hidden visible text input type field
    value values name label title description reset forgot forgotten confirm change changed
    update updated create created generate generated set unset get show hide enter login logout
    signin signup user username email secret secrets password passwords passwd token tokens key
    keys credential credentials auth api bearer basic digest oauth oauth2 jwt oidc disabled enabled
    inherit always never auto manual prompt stdin env file path vault keyring keychain plaintext
    encrypted hashed hash bcrypt argon2 scrypt opaque generic kubernetes self this const let var
    final static async await function return import from class struct test tests testing mock stub
    sample demo todo tbd fixme abc foo bar baz qux foobar see use used using and the for not with
    must should is was were are has have had can could may might will shall only also both each
    every secretstr pass postgres"""
)
# What may stand behind the word that tells what a name means.
_SUFFIXES = _words(
    """old new prod production dev development stage staging test testing live sandbox local
    default value plain text base base64 b64 string str env primary secondary main backup current
    previous root admin header raw hex literal us eu id2 v"""
)
_PASSWORDS = ("password", "passwd", "passwort", "passphrase", "passcode", "pwd")
_NO_PASS = _words("minipass bypass compass trespass encompass surpass")
_NO_TOKEN = _words(
    """max min next prev page continuation start sync pad eos bos unk sep cls mask special end stop
    cancellation cancel num n first last per total output prompt count lookahead current
    previous type lexer parser syntax"""
)
_OPEN_KEYS = _words(
    """public pub primary foreign cache sort partition hash range row object idempotency group index
    lookup map dict hot short route query shift enter arrow candidate composite natural surrogate
    unique host known publishable publish translation i18n message config settings setting state
    json column dedupe ordering order parent child routing dictionary any that this registry s3 obj
    bucket property prop react item list data event log error entity feature command ctrl
    gpg pgp alt meta
    tab escape esc left right up down delete backspace press on"""
)
_SECRET_KEYS = _words(
    """api secret access private encryption encrypt decrypt signing sign signature master account
    auth service license licence shared admin ssh deploy storage subscription app application
    function integration write read ingest ingestion server live webhook webhooks hmac session
    cookie rest consumer customer client functions instrumentation preshared"""
)


_OTHERS = dict.fromkeys(("credential", "credentials", "cred", "creds"), TOKEN) | {"auth": AUTH}


def entropy(value: str) -> float:
    """Bits a character, by how often each stands in the value itself."""
    size = len(value)
    return -sum(n / size * log2(n / size) for n in Counter(value).values()) if size else 0.0


def is_placeholder(value: str) -> bool:
    """True for what stands for a secret: `<token>`, `xxxx`, `$TOKEN`, `your-api-key`."""
    if _STANDS_FOR.fullmatch(value) is not None or len(set(value)) <= 2:
        return True
    if value[0] in "{[(" and not is_opened(value):
        return True
    # What was replaced before counts for nothing, so that it stays as it is the next time.
    left = _REPLACED.sub("", value)
    return len(left) <= 120 and (_says_so(left) or _is_soft(left))


def _says_so(value: str) -> bool:
    """True for a word that no secret has, unless a secret stands beside it, as in a cookie."""
    return _has_placeholder(value) and not any(
        len(each) >= 16 and _DRAWN.search(each) and not _has_placeholder(each)
        for each in _PARTED.split(value)
    )


def _has_placeholder(value: str) -> bool:
    low = value.lower()
    return any(each in low for each in _PLACEHOLDERS)


def _is_soft(value: str) -> bool:
    if "..." in value:
        return _CUT.search(value) is not None
    low = value.lower()
    return any(each in low and not _DRAWN.search(low.replace(each, "")) for each in _SOFT)


def is_unusual(value: str) -> bool:
    """True if a secret can be looked for by itself: nothing else is likely to be the same."""
    if not 8 <= len(value) <= 4096 or "\n" in value:
        return False
    kinds = _kinds(value)
    return ("digit" in kinds or "other" in kinds) and len(kinds) > 1 and not value.isdigit()


def _kinds(value: str) -> set[str]:
    found = set()
    for char in value:
        if char.isdigit():
            found.add("digit")
        elif char.islower():
            found.add("lower")
        elif char.isupper():
            found.add("upper")
        elif char not in "_-./: ":
            found.add("other")
    return found


def may_be(value: str) -> bool:
    """A first look: False for plain words, and for names that values of their own follow."""
    if value.lower() in _PLAIN:
        return False
    name, sets, rest = value.partition("=")
    return not (sets and rest.strip("=") and len(name) <= 64 and kind_of_name(name))


@lru_cache(maxsize=4096)
def kind_of_name(name: str) -> str | None:
    """Which kind of secret a name promises, by its words; None for all other names."""
    words = [word.lower() for word in _WORDS.findall(name)]
    while len(words) > 1 and (words[-1] in _SUFFIXES or words[-1].isdigit()):
        words.pop()
    if not words:
        return None
    if (one := _one_of(words[-1])) is None:
        return _kind_of_one(name, words)
    # Many tokens are a number of them, or words of a text: only what is drawn is a secret.
    kind = _kind_of_one(name[:-1], [*words[:-1], one])
    return KEY if kind == TOKEN and one != "key" else kind


def _kind_of_one(name: str, words: list[str]) -> str | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last.endswith(_PASSWORDS) or _ends_in_pass(last):
        return PASSWORD
    if last == "secret" or (last.endswith("secret") and len(last) > 6):
        return SECRET
    if last.endswith("token"):
        return None if before in _NO_TOKEN or words[-3:-1] == ["public", "key"] else TOKEN
    if last.endswith("key"):
        return _kind_of_key(name, words)
    if last in ("hmac", "salt"):
        return KEY if before and name.isupper() else None
    return _OTHERS.get(last)


def _one_of(word: str) -> str | None:
    """The word that this is many of, if that tells a secret."""
    one = word.removesuffix("s")
    many = one != word and one.endswith((*_PASSWORDS, "secret", "token", "key"))
    return one if many else None


def is_many(name: str) -> bool:
    """True for a name of many secrets, which may each have a name of its own."""
    words = _WORDS.findall(name)
    return bool(words) and _one_of(words[-1].lower()) is not None and promises(name)


def is_header(name: str) -> bool:
    """True for the name of a header whose value has a form of its own."""
    return _HEADER.fullmatch(name) is not None


def promises(name: str) -> bool:
    """True for one word that is the name of a secret."""
    return _NAME.fullmatch(name) is not None and bool(kind_of_name(name) or is_header(name))


def _ends_in_pass(word: str) -> bool:
    if word in ("pw", "psk"):
        return True
    return word.endswith("pass") and len(word) <= 12 and word not in _NO_PASS


def is_secret_key(word: str) -> bool:
    """True for a word that makes a secret of the word `key` behind it."""
    return word.lower() in _SECRET_KEYS


def _kind_of_key(name: str, words: list[str]) -> str | None:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    before = before or last.removesuffix("key")
    if before.isdigit() and len(words) > 2:
        before = words[-3] + before
    if before in _SECRET_KEYS or (len(words) > 1 and any(w in ("secret", "api") for w in words)):
        return TOKEN
    if not before or before in _OPEN_KEYS or last not in ("key",):
        return None
    return KEY if name.isupper() or "_" in name else None


def is_opened(value: str) -> bool:
    """True for a value that begins with a bracket and may be a secret, as one of a generator's."""
    return {"digit", "other"} <= _kinds(value[1:])


def is_secret(kind: str, value: str, how: str, *, env: bool = False, ends: bool = False) -> bool:
    """True if *value* is a secret, behind a name of this *kind*.

    *env* says that the name is one of an environment or a connection string, where texts stand
    without quotation marks; *ends* that it has a line of its own, as in YAML.
    """
    if len(value) < 3 or MARK in value or is_placeholder(value) or _is_code(value, how, env=env):
        return False
    if kind in (PASSWORD, SECRET):
        return _is_password(kind, value, how, env=env, ends=ends)
    return _is_token(kind, value, how)


def _is_code(value: str, how: str, *, env: bool) -> bool:
    if value.lower().rstrip("?") in _PLAIN or "://" in value or _NO_SECRET.fullmatch(value):
        return True
    if _PATH.fullmatch(value) and ("." in value or value.count("/") + value.count("\\") > 1):
        return not is_random(value, 30) or len(value) > 60
    if how in (QUOTED, LISTED):
        return False
    if value[0] in "/~." and re.fullmatch(r"[A-Za-z/._~-]+", value) and len(value) < 40:
        return True
    if (_CALLED.match(value) and not (env and value[-1] not in ")]")) or _TYPE.fullmatch(value):
        return True
    if _DOTTED.fullmatch(value):
        parts = re.split(r"\W+", value)
        return not any(is_random(each, 16) and not _KINDS.search(each) for each in parts)
    if _IDENTIFIER.fullmatch(value) and (_KINDS.search(value) or value.startswith("_")):
        drawn = env and any(each.isdigit() for each in value) and not value.isupper()
        return not drawn or ("_" in value and value == value.lower())
    return env and value.isupper() and "_" in value and _IDENTIFIER.fullmatch(value) is not None


def _is_password(kind: str, value: str, how: str, *, env: bool, ends: bool) -> bool:
    if len(value) > 256 or (" " in value and not (how == QUOTED and _is_phrase(value))):
        return False
    kinds = _kinds(value)
    mixed = len(kinds) > 1 and bool(kinds & {"digit", "other"})
    if how in (SAID, LISTED):
        return mixed and len(value) >= 7 and not (how == LISTED and _SLUG.fullmatch(value))
    if kind == SECRET and not mixed and (how != TIGHT or not env):
        return (len(value) >= 12 and not _SLUG.fullmatch(value)) or is_random(value, 16)
    if how == QUOTED:
        return not (_SLUG.fullmatch(value) and _KINDS.search(value) and not value[-1:].isdigit())
    if how == TIGHT and (env or mixed):
        return env or len(value) >= 6 or bool(kinds & {"other"})
    if value.isdigit():
        return kind == PASSWORD and len(value) >= 4
    if mixed:
        return len(value) >= 6
    return kind == PASSWORD and ends and len(value) >= 6 and value.islower()


def _is_phrase(value: str) -> bool:
    """True for a password of a few words, one of which no language has."""
    return value.count(" ") < 4 and re.search("[A-Za-z][0-9@$!#%^&*]+[A-Za-z]", value) is not None


def _is_token(kind: str, value: str, how: str) -> bool:
    least = {QUOTED: 8, TIGHT: 8, SPACED: 10, SAID: 16, LISTED: 16}[how]
    if len(value) < least or " " in value or value.isdigit() or len(value) > 8192:
        return False
    if _TYPE.match(value) and re.fullmatch("[a-z0-9]+(?:[-_][a-z]+)+", value):
        return False
    if _SLUG.fullmatch(value.lstrip("_")) or _CAMEL.fullmatch(value):
        pieces = _WORDS.findall(value)
        if len(value) > 3.5 * len(pieces):
            return False
        return is_random(value, 20) and entropy(value) > 3.6 and not _KINDS.search(value)
    return is_random(value, 20 if kind == KEY else 16 if kind == AUTH else least)


def is_random(value: str, least: int) -> bool:
    """True if a text of letters and digits looks drawn, not written."""
    if len(value) < least or not re.search("[A-Za-z0-9]", value):
        return False
    kinds = _kinds(value)
    if "digit" in kinds and kinds & {"lower", "upper"}:
        runs = re.findall("[0-9]+", value)
        spread = len(runs) > 1 or len(value) < 16 or "other" in kinds
        return entropy(value) >= 2.3 and (spread or entropy(value) >= 3.5)
    return len(value) >= 20 and {"lower", "upper"} <= kinds and entropy(value) >= 3.8
