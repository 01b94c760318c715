"""Secrets that what stands about them tells: options of commands, addresses, SQL, private keys.

A table of rules, each tried where one of its literals stands: a name, literals in lower case, and
a pattern whose group `secret` is the secret; or, of pairs, `name` and `value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A quotation mark, as it is or behind escapes; what stands between two words of a command, in a
# shell or in a list.
_Q = r"""(?:\\{0,3}["'])?"""
_SEP = r"""(?:[ \t=]{1,3}|\\{0,3}["']\s?,\s{0,40}\\{0,3}["'])"""
_GAP = r"""(?=[ \t]|\\{0,3}["']\s?,)"""
_WORD = r"""[^\s"'\\]"""
_ON = r"(?:\\\r?\n|[^\r\n|;])"


def _option(tools: str, option: str, value: str = rf"(?P<secret>{_WORD}{{3,200}}+)") -> str:
    """A pattern: one of *tools*, and behind it on its line an option with its value."""
    return (
        rf"(?:(?<![\w.-])|(?<=\\[nrt])|(?m:(?<=^-))|(?<=[0-9]-))(?:{tools}){_GAP}"
        rf"(?:(?!{tools}){_ON}){{0,400}}?(?<=[\s\"',])(?:{option})"
        rf"{_Q}{value}"
    )


_USER = rf"[^\s\"':\\]{{0,100}}:(?P<secret>{_WORD}{{3,200}}+)"
CONTEXTS: tuple[tuple[str, str, str], ...] = (
    ("curl-user", "curl", _option("curl", rf"(?:-u|--user|--proxy-user){_SEP}?", _USER)),
    (
        "cookie",
        "curl",
        _option(
            "curl", rf"(?:-b|--cookie){_SEP}?", r"(?P<secret>[\w.-]{1,80}=[^\r\n\"'\\]{6,4096}+)"
        ),
    ),
    ("command-user", "http", _option("https?", rf"(?:-a|--auth){_SEP}", _USER)),
    (
        "login",
        "docker podman nerdctl oras registry",
        (
            rf"(?i)(?:docker|podman|nerdctl|oras|registry){_SEP}login{_GAP}"
            rf"(?:(?!login)[^\r\n|;]){{0,300}}?(?<=[\s\"',])(?:-p|--password){_SEP}"
            rf"{_Q}(?P<secret>{_WORD}{{3,200}}+)"
        ),
    ),
    ("command-password", "sshpass", _option("sshpass", rf"-p{_SEP}?")),
    ("command-password", "mysql maria", _option("mysql[a-z]*|maria[a-z-]*", r"-p(?![ \t])")),
    ("command-password", "redis", _option("redis-cli", rf"(?:-a|--pass){_SEP}")),
    ("command-password", "ldap", _option("ldap[a-z]+", rf"-[wy]{_SEP}?")),
    ("command-password", "az", _option("az", rf"(?:-p|--password){_SEP}")),
    ("command-password", "twine mongo", _option("twine|mongo[a-z]*", rf"-p{_SEP}")),
    ("command-password", "zip sqlcmd", _option("zip|unzip|sqlcmd", rf"-P{_SEP}?")),
    ("command-password", "7z", _option("7z[ar]?", r"-p(?![ \t])")),
    (
        "command-password",
        "smb",
        _option("smb[a-z]+", rf"-U{_SEP}", rf"[^\s\"'%]{{1,80}}%(?P<secret>{_WORD}{{3,200}}+)"),
    ),
    (
        "command-password",
        "htpasswd",
        _option("htpasswd", r"-[a-zA-Z]{0,4}b[a-zA-Z]{0,4}[ \t]+[^\s\"']+[ \t]+[^\s\"']+[ \t]+"),
    ),
    (
        "command-password",
        "/user:",
        r"(?i)/user:[^\s\"']{1,80}[ \t]{1,3}(?P<secret>[^\s\"'/*\\][^\s\"'\\]{3,200}+)",
    ),
    (
        "command-password",
        "chpasswd",
        r"chpasswd[ \t]{0,4}<<<[ \t]{0,4}\\{0,3}[\"']?[\w.-]{1,64}:(?P<secret>[^\s\"'\\]{3,200}+)",
    ),
    (
        "command-password",
        "securestring",
        (
            rf"(?i)(?<=to-)securestring[ \t]{{1,4}}(?:-string[ \t]{{1,4}})?{_Q}"
            rf"(?P<secret>{_WORD}{{3,200}}+)"
        ),
    ),
    (
        "command-secret",
        "setx configure config secret env -x",
        (
            r"(?x)(?:(?<![\w.-])|(?<=\\n))(?:setx|[Cc]onfigure\ set|config\ "
            r"(?:set|--global)|secret\ set|ENV|ARG|(?<=set\ )-x)\ {1,3}"
            r"[^\s\"'=]{0,120}?(?i:password|passwd|secret|token|_key|_pass|_access_key)\ {1,3}"
            r"(?:--body\ )?"
            r"\\{0,3}[\"']?(?P<secret>(?=[^\s]{0,60}[0-9])[^\s\"'\\<>${-][^\s\"'\\]{7,400}+)"
        ),
    ),
    ("command-secret", "<<<", rf"(?<=token )<<<[ \t]{{0,3}}{_Q}(?P<secret>{_WORD}{{8,400}}+)"),
    ("command-secret", "<<<", rf"(?<=TOKEN )<<<[ \t]{{0,3}}{_Q}(?P<secret>{_WORD}{{8,400}}+)"),
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
        r"(?i)password\s{1,4}(?:=\s{0,3})?\\{0,3}'(?P<secret>[^'\\\r\n]{3,200}+)\\{0,3}'",
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
        "signature",
        "sig= signature=",
        (
            r"(?i)(?:(?<=[?&-])|(?<=u0026)|(?<=&amp;))sig(?:nature)?="
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
    (
        "command-secret",
        "printenv",
        (
            r"printenv [A-Z0-9_]{0,60}(?:PASSWORD|PASS|TOKEN|SECRET|KEY)(?:\r?\n|\\n)"
            r"(?P<secret>[^\s\"'\\]{8,400}+)(?=\s|\\n|\Z)"
        ),
    ),
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
NAME_KEYS, VALUE_KEYS = ("name", "key"), ("value", "default")
_NAME_KEY, _VALUE_KEY = "|".join(NAME_KEYS), "|".join(VALUE_KEYS)
_NAMES = "pass pwd secret token key cred auth psk salt hmac _pw"
# Literals, a pattern, and what stands between its name and its value.
PAIRS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        " ".join(NAME_KEYS),
        rf"""(?xi)(?:{_NAME_KEY}){_Q}\s{{0,2}}[:=]\s{{0,2}}{_Q}(?P<name>[\w./:-]{{3,100}}+){_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+
        (?:{_Q}(?:type|description){_Q}\s{{0,2}}[:=]\s{{0,2}}{_Q}[\w\ ]{{1,40}}+{_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+)?
        {_Q}(?:{_VALUE_KEY}){_Q}\s{{0,2}}[:=]\s{{0,2}}{_VALUE}""",
        VALUE_KEYS,
    ),
    (
        _NAMES,
        rf"""(?xi)(?P<name>[\w.-]{{3,80}}+){_Q}\s{{0,4}}[:=]?\s{{0,4}}\{{(?:\s|\\[nrt]){{0,60}}+
        (?:{_Q}(?:type|description|sensitive){_Q}\s{{0,2}}[:=]\s{{0,2}}{_Q}[\w\ ]{{1,40}}+{_Q}
        (?:[\s,]|\\[nrt]){{1,60}}+){{0,3}}
        {_Q}(?:{_VALUE_KEY}){_Q}\s{{0,2}}[:=]\s{{0,2}}{_VALUE}""",
        VALUE_KEYS,
    ),
    (
        _NAMES,
        (
            r"(?i)(?P<name>[\w.-]{3,80}+)[`*]{0,3}"
            r"(?P<listed>[ \t]{1,40}\|[ \t]{1,40}|:?\*\*:?[ \t]{1,3})`?"
            r"(?P<bare>[^\s`|<>\"']{6,400}+)"
        ),
        ("|", "**"),
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
