"""Secrets that what stands about them tells: addresses, SQL, pairs, private keys.

A table of rules, each tried where one of its literals stands: a name, literals in lower case, and
a pattern whose group `secret` is the secret; or, of pairs, `name` and `value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from threadlog.core.redaction_commands import QUOTE as _Q

CONTEXTS: tuple[tuple[str, str, str], ...] = (
    (
        "netrc",
        "machine default",
        (
            r"(?:machine\s{1,4}(?:(?=[^\s.:]{0,120}[.:\d])\S{1,120}|localhost)|default)\s{1,8}"
            r"(?:\\n\s{0,8})?login\s{1,4}\S{1,120}?(?:\s|\\n){1,8}"
            r"password\s{1,4}(?P<secret>[^\s\\\"']{1,200}+)"
        ),
    ),
    (
        "sql-password",
        "password",
        (
            r"(?i)(?:(?<=with )password\s{0,4}=\s{0,3}|(?<=with )password\s{1,4}(?=\\{0,3}N?')"
            r"|password\s{1,4}(?=\\{0,3}N?'[^'\s]{3,200}'))\\{0,3}N?'(?P<secret>[^'\\\r\n]{3,200}+)\\{0,3}'"
        ),
    ),
    (
        "sql-password",
        "identified",
        (
            r"(?i)identified\s{1,4}(?:with\s{1,4}\S{1,60}\s{1,4})?(?:by|as)\s{1,4}"
            r"(?:password\s{1,4})?\\{0,3}[\"'](?P<secret>[^\"'\\\r\n]{3,200}+)"
        ),
    ),
    (
        "sql-password",
        "identified",
        r"(?i)identified\s{1,4}by\s{1,4}(?P<secret>(?=[^\s;]{0,60}[0-9])[^\s\"'\\;<>${(]{6,60}+)(?=\s|;|\Z)",
    ),
    (
        "code-password",
        "pwd={ password={",
        r"(?i)(?<=;)(?:pwd|password)=\{(?P<secret>(?=[^}]{0,60}[0-9])[^}\r\n]{3,100}+)\}",
    ),
    (
        "private-key",
        "kty",
        r"kty\\{0,3}\"[^{}]{0,2000}?[\"]d\\{0,3}\"\s?:\s?\\{0,3}\"(?P<secret>[A-Za-z0-9_-]{20,700}+)",
    ),
    (
        "composer-token",
        "github-oauth gitlab-token",
        r"(?:github-oauth|gitlab-token)\\{0,3}\"\s?:\s?\{\s{0,20}\\{0,3}\"[\w.-]{3,80}\\{0,3}\"\s?:\s?\\{0,3}\"(?P<secret>[A-Za-z0-9_-]{20,100}+)",
    ),
    ("sonar-token", "sonar.login", r"sonar\.login[=:\s]{1,3}(?P<secret>[a-z0-9_]{40,50}+)"),
    (
        "code-password",
        "basicauth(",
        (
            r"(?i)basicauth\(\s{0,20}[\"'][^\"'\r\n]{0,100}[\"']\s{0,2},\s{0,20}[\"']"
            r"(?P<secret>[^\"'\r\n\\]{3,200}+)[\"']"
        ),
    ),
    (
        "code-password",
        "auth=(",
        (
            r"(?i)auth=\(\s{0,20}[\"'][^\"'\r\n]{0,100}[\"']\s{0,2},\s{0,20}[\"']"
            r"(?P<secret>[^\"'\r\n\\]{3,200}+)[\"']"
        ),
    ),
    (
        "code-password",
        "secretstr(",
        r"(?i)secretstr\(\s{0,20}[\"'](?P<secret>[^\"'\r\n\\*]{3,400}+)[\"']",
    ),
    (
        "url-password",
        "://",
        (
            r"""://(?P<user>[^\s/:@"'<>\\?#]{0,120}+):(?!(?P=user)@)"""
            r"""(?P<secret>[^\s/@"'<>\\]{1,256}+(?:@[^\s/@"'<>\\?#,:]{1,64}+(?=@)){0,4})@"""
            r"""(?=[\w\[$%{-])"""
        ),
    ),
    (
        "url-password",
        "://",
        (
            r"""(?:(?<=sql)|(?<=postgres)|(?<=mongodb)|(?<=\+srv)|(?<=redis)|(?<=rediss)|"""
            r"""(?<=amqp)|(?<=amqps))://[^\s/:@"'<>\\?#]{0,120}+:(?!\d{1,5}/)"""
            r"""(?P<secret>[^\s@"'<>\\]{1,256}+)@(?=[\w\[-])"""
        ),
    ),
    (
        "url-token",
        "://",
        (
            r"://(?P<secret>(?=[A-Za-z_-]{0,60}[0-9][0-9_-]{0,20}[A-Za-z][A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,255}+)"
            r"(?=@|:@|:x-oauth-basic@)"
        ),
    ),
    (
        "webhook",
        "open-apis",
        r"open-apis/bot/v2/hook/(?P<secret>[0-9a-f-]{36})",
    ),
    (
        "signature",
        "sig= signature=",
        (
            r"(?i)(?:(?<=[?&, -])|(?<=u0026)|(?<=&amp;))sig(?:nature)?="
            r"(?P<secret>[A-Za-z0-9%+/=_-]{20,}+)"
        ),
    ),
    (
        "url-key",
        "key= code=",
        (
            r"(?i)(?:(?<=[?&])|(?<=u0026)|(?<=&amp;))(?:key|code)=(?P<secret>"
            r"(?=[a-z_-]{0,60}[0-9])(?![0-9a-f]{24,}+(?![\w.~%-]))[A-Za-z0-9_.~%-]{24,}+)"
        ),
    ),
    (
        "slack-webhook",
        "hooks",
        (
            r"(?i)hooks\.slack\.com\\{0,3}/(?:services|workflows|triggers)\\{0,3}/"
            r"(?P<secret>[A-Za-z0-9/\\]{30,})"
        ),
    ),
    ("webhook", "hooks", r"hooks\\{0,3}/(?P<secret>[0-9]{16,20}\\{0,3}/[A-Za-z0-9_-]{50,})"),
    (
        "webhook",
        "hooks",
        (
            r"hooks\.zapier\.com\\{0,3}/hooks\\{0,3}/catch\\{0,3}/"
            r"(?P<secret>[0-9]{4,12}\\{0,3}/[a-z0-9]{5,20})"
        ),
    ),
    (
        "webhook",
        "webhook",
        r"(?i)webhook\.office\.com\\{0,3}/webhookb2\\{0,3}/(?P<secret>[A-Za-z0-9@/\\-]{60,300}+)",
    ),
    (
        "private-key",
        "tls.key client-key-data dockerconfigjson",
        (
            rf"(?:tls\.key|client-key-data|dockerconfigjson){_Q}\s{{0,2}}:\s{{0,2}}{_Q}"
            r"(?P<secret>[A-Za-z0-9+/=]{40,}+)"
        ),
    ),
    ("google-refresh-token", "1//0", r"(?:(?<![\w/])|(?<=\\n))(?P<secret>1//0[A-Za-z0-9_-]{30,}+)"),
    ("digest", "response=", r"(?<=[ ,])response=\\{0,3}\"(?P<secret>[0-9a-f]{32,64})"),
    (
        "cookie",
        "cookie",
        r"""(?<=document\.)cookie\s?=\s?["'`](?P<secret>[\w.-]{1,80}=[^"'`\s]{6,4096}+)""",
    ),
    ("url-password", "thin:", r"thin:[^\s/@\"']{1,60}/(?P<secret>[^\s@\"']{3,100}+)@"),
    (
        "form-password",
        "type=",
        r"""(?i)type=\\{0,3}["']password\\{0,3}["'][^>\r\n]{0,200}?\svalue=\\{0,3}["'](?P<secret>[^"'\\\r\n]{4,200}+)""",
    ),
    (
        "said-password",
        "ароль 密码 口令 contraseña passe senha",
        (
            r"(?i)(?:(?<=п)ароль|密码|口令|contraseña|(?<=mot de )passe|senha)"
            r"\s{0,2}(?::|：|=|→)\s{0,2}[\"'`]?(?P<secret>(?=[^\s]{0,60}[0-9#!@$%&*])[^\s\"'`<>\\]{6,100}+)"
        ),
    ),
    (
        "password-hash",
        "$2a$ $2b$ $2y$ $6$ $5$ $1$ $y$ $argon2",
        (
            r"(?P<secret>\$(?:2[aby]\$\d\d\$[A-Za-z0-9./]{53}"
            r"|[156y]\$(?:rounds=\d{1,9}\$)?[A-Za-z0-9./$]{1,40}\$[A-Za-z0-9./]{22,90}+"
            r"|argon2id?\$[A-Za-z0-9$=,+/.-]{40,200}+))"
        ),
    ),
)

_VALUE = r"""(?:\\{0,3}"(?P<quoted>[^"\\\r\n]{1,400}+)\\{0,3}"
|\\{0,3}'(?P<single>[^'\\\r\n]{1,400}+)\\{0,3}'|(?P<bare>[^\s"'`<>\\,;&|(){}\[\]\x1b]{1,400}+))"""
# The keys that name and value stand behind where they are apart.
NAME_KEYS, VALUE_KEYS = (
    ("name", "key", "parameterkey"),
    ("value", "default", "parametervalue", "val"),
)
_NAME_KEY, _VALUE_KEY = "|".join(NAME_KEYS), "|".join(VALUE_KEYS)
_NAMES = "pass pwd secret token key cred auth psk salt hmac _pw"
# Literals, a pattern, and what stands between its name and its value.
PAIRS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        " ".join(NAME_KEYS),
        rf"""(?xi)(?:{_NAME_KEY}){_Q}\s{{0,20}}[:=]\s{{0,2}}{_Q}(?P<name>[\w./:-]{{3,100}}+){_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+
        (?:{_Q}(?:type|description){_Q}\s{{0,20}}[:=]\s{{0,2}}{_Q}[\w\ ]{{1,40}}+{_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+)?
        {_Q}(?:{_VALUE_KEY}){_Q}\s{{0,20}}[:=]\s{{0,2}}{_VALUE}""",
        VALUE_KEYS,
    ),
    (
        _NAMES,
        rf"""(?xi)(?P<name>[\w.-]{{3,80}}+){_Q}\s{{0,4}}[:=]?\s{{0,4}}\{{(?:\s|\\[nrt]){{0,60}}+
        (?:{_Q}(?:type|description|sensitive){_Q}\s{{0,20}}[:=]\s{{0,2}}{_Q}[\w\ ]{{1,40}}+{_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+){{0,3}}
        {_Q}(?:{_VALUE_KEY}){_Q}\s{{0,20}}[:=]\s{{0,2}}{_VALUE}""",
        VALUE_KEYS,
    ),
    (
        _NAMES,
        (
            r"(?i)(?P<name>[\w.-]{3,80}+)[`*]{0,3}"
            r"(?P<listed>[ \t]{1,40}[|│][ \t]{1,40}|:?\*\*:?[ \t]{1,3})`?"
            r"(?P<bare>[^\s`|│<>\"']{6,400}+)"
        ),
        ("|", "│", "**"),
    ),
    (
        _NAMES,
        (
            r"(?im)(?P<name>(?:(?<=^)|(?<=\\n))[\w.-]{3,80}+)(?P<listed>[ \t]{2,60})"
            r"(?P<bare>[^\s`|<>\"'\\]{8,400}+)(?=[ \t]{0,40}(?:$|\r|\\n))"
        ),
        ("  ", "\t"),
    ),
)

_BEGIN = r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_LINE = r"[^\r\n]{0,60}?[A-Za-z0-9+/=]{40,}+[^\r\n]{0,8}?(?:\r?\n|\Z)"
PRIVATE_KEY = rf"""(?xi){_BEGIN.replace(" ", "[ ]")}
(?=(?:(?!-----)[\s\S]){{0,160}}?(?:[A-Za-z-]{{2,20}}:[ ]|[A-Za-z0-9+/=]{{16}}))
(?: (?:[^-]{{1,20000}}+|-(?!----)){{0,900}}-{{5,6}}END[ ][A-Z0-9 ]{{1,60}}-{{5}}
| [^\r\n]{{0,12}}?\r?\n(?:{_LINE}){{1,400}}+
| (?:[\s\\nr+-]{{0,8}}+[A-Za-z0-9+/=]{{16,}}+){{1,400}} )"""
# A private key as base64 once more, in one line or in many.
WRAPPED_KEY = (
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,24}?(?:UFJJVkFUR|BSSVZBVE|QUklWQVRF)[A-Za-z0-9+/=]*+"
    r"(?:(?:\s|\\[nrt]){1,12}[A-Za-z0-9+/=]{16,}+){0,400}+"
)
# The end of a private key whose beginning was cut away, read backwards.
_TAIL_CHARS = 30_000
_END = re.compile(r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BREAK = r"(?:\n\r?|\\{1,3}|\Z)"
_TAIL = re.compile(
    rf"[^\r\n]{{0,80}}?{_BREAK}[^\r\nA-Za-z0-9+/=]{{0,12}}[A-Za-z0-9+/=]{{4,}}+"
    rf"(?:[^\r\n\\]{{0,60}}?{_BREAK}[^\r\nA-Za-z0-9+/=]{{0,12}}[A-Za-z0-9+/=]{{32,}}+){{1,400}}+"
)


def tails_of_keys(text: str, _low: str) -> Iterator[tuple[int, int]]:
    """Where private keys stand of which only the end is left."""
    since = 0
    for match in _END.finditer(text):
        back = text[max(since, match.start() - _TAIL_CHARS) : match.start()][::-1]
        since = match.end()
        if found := _TAIL.match(back):
            yield match.start() - found.end(), match.end()
