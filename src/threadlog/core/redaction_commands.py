"""Secrets that commands are given, or answer with: options, what is piped in, what is printed.

Rows as those of `redaction_context`.
"""

from __future__ import annotations

# A quotation mark, as it is or behind escapes; what stands between two words of a command, in a
# shell or in a list.
QUOTE = r"""(?:\\{0,3}["'])?"""
_Q = QUOTE
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
_DRAWN = r"(?=[^\s]{0,200}[0-9])(?=[^\s]{0,200}[A-Za-z])"
COMMANDS: tuple[tuple[str, str, str], ...] = (
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
            r"(?x)(?:(?<![\w.-])|(?<=\\n)|(?<=[0-9]-))(?:setx|[Cc]onfigure\ set|config\ "
            r"(?:set|--global)|secret\ set|ENV|ARG|(?<=set\ )-x)\ {1,3}"
            r"[^\s\"'=]{0,120}?(?i:password|passwd|secret|token|_key|_pass|_access_key)\ {1,3}"
            r"(?:--body\ )?"
            r"\\{0,3}[\"']?(?P<secret>(?=[^\s]{0,60}[0-9])[^\s\"'\\<>${-][^\s\"'\\]{7,400}+)"
        ),
    ),
    ("command-secret", "<<<", rf"(?<=token )<<<[ \t]{{0,3}}{_Q}(?P<secret>{_WORD}{{8,400}}+)"),
    ("command-secret", "<<<", rf"(?<=TOKEN )<<<[ \t]{{0,3}}{_Q}(?P<secret>{_WORD}{{8,400}}+)"),
    (
        "command-password",
        "openssl",
        _option("openssl", rf"-k{_SEP}|passwd (?:-[\w]{{1,20}} ){{0,2}}"),
    ),
    (
        "command-password",
        "mosquitto_ ipmitool ssh-keygen",
        _option("mosquitto_[a-z]+|ipmitool|ssh-keygen", rf"-[PN]{_SEP}"),
    ),
    ("command-password", "cqlsh", _option("cqlsh", rf"-p{_SEP}")),
    (
        "command-password",
        "xfreerdp winrs",
        _option("xfreerdp|winrs", "[-/]p:"),
    ),
    (
        "command-password",
        "lftp",
        _option("lftp", rf"-u{_SEP}", rf"[^\s\"',]{{1,80}},(?P<secret>{_WORD}{{3,200}}+)"),
    ),
    ("command-password", "nmcli", _option("nmcli", r"password[ \t]{1,3}")),
    (
        "command-user",
        "skopeo",
        _option("skopeo", rf"(?:-A|--(?:src-|dest-)?creds){_SEP}", _USER),
    ),
    (
        "command-password",
        "sqlplus",
        _option("sqlplus", "", r"[\w.-]{1,64}/(?P<secret>[^\s\"'\\@]{3,100}+)(?=@|[ \t]|$)"),
    ),
    (
        "command-password",
        "echo",
        (
            rf"echo[ \t]{{1,3}}(?:-n[ \t]{{1,3}})?{_Q}(?P<secret>{_WORD}{{6,400}}+){_Q}"
            r"[ \t]{0,3}\|[ \t]{0,3}(?:sudo[ \t]{1,3}-S|kinit|cryptsetup|"
            rf"{_ON}{{1,120}}?(?:--password-stdin|--with-token|--passphrase-fd))"
        ),
    ),
    (
        "command-password",
        "echo",
        (
            rf"echo[ \t]{{1,3}}{_Q}[\w.-]{{1,64}}:(?P<secret>{_WORD}{{3,200}}+){_Q}"
            r"[ \t]{0,3}\|[ \t]{0,3}(?:sudo[ \t]{1,3})?chpasswd"
        ),
    ),
    (
        "command-secret",
        "login auth",
        (
            r"(?:(?:(?<=wandb )|(?<=cargo )|(?<=vault ))login|(?<=snyk )auth|(?<=ngrok )authtoken"
            r"|(?<=add-)authtoken)[ \t]{1,3}"
            r"(?P<secret>(?=\S{0,100}[0-9])[A-Za-z0-9._-]{16,200}+)(?![=/:])"
        ),
    ),
    (
        "command-secret",
        "token http",
        (
            r"(?:(?<=pypi-)token\.\S{1,60}|http-basic\.\S{1,60}[ \t]{1,3}\S{1,80})[ \t]{1,3}"
            rf"{_Q}(?P<secret>{_WORD}{{6,400}}+)"
        ),
    ),
    (
        "command-secret",
        "secret",
        (
            r"(?<=set --)secret[ \t]{1,3}[\w:.-]{1,100}[ \t]{1,3}"
            rf"{_Q}(?P<secret>{_WORD}{{6,400}}+)"
        ),
    ),
    (
        "command-secret",
        "secret",
        (
            rf"secret (?:put|set) [\w.-]{{1,100}} (?:--body|-b|<<<)[ \t=]{{0,3}}{_Q}"
            rf"(?P<secret>{_WORD}{{8,400}}+)"
        ),
    ),
    (
        "command-secret",
        "-gx",
        (
            r"(?i)(?<=set )-gx \w{0,60}(?:password|pass|token|secret|key)[ \t]{1,3}"
            rf"{_Q}(?P<secret>{_WORD}{{6,400}}+)"
        ),
    ),
    (
        "command-password",
        "auth ",
        r"(?<![\w-])AUTH (?P<secret>[^\s\\]{6,200}+)(?=\r?\n\+OK|\\r\\n)",
    ),
    # what a command that prints a secret prints: one word on the next line
    *(
        (
            "command-secret",
            literals,
            (
                rf"{command}[^\r\n\\]{{0,120}}+(?:\r?\n|\\n){such}"
                r"(?P<secret>[^\s\"'\\{}()]{8,400}+)(?=[ \t]*(?:\r?\n|\\n|\Z))"
            ),
        )
        for literals, such, command in (
            (
                "printenv echo",
                "",
                r"(?:printenv |echo \"?\$\{?)[A-Z0-9_]{0,60}(?:PASSWORD|PASS|TOKEN|SECRET|KEY)\b",
            ),
            ("token", _DRAWN, r"(?<=auth )token(?=[ \r\n\\])"),
            ("://", _DRAWN, r"(?<=op read op)://"),
            ("pass token secret key", _DRAWN, r"(?<=-field[= ])(?:password|token|secret|key)"),
            ("pass", _DRAWN, r"(?<=[$#>] )pass show "),
            ("secret", _DRAWN, r"(?<=[$#>] cat /.../)secrets/"),
            ("openssl", _DRAWN, r"(?<=[$#>] )openssl rand -(?:hex|base64)"),
            ("base64", _DRAWN, r"(?<=\| )base64 (?:-d|-D|--decode)"),
        )
    ),
)
