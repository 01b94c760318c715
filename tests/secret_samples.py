"""Secrets and what only looks like one, made anew from a seed whenever tests run.

None is written out here, or anywhere in this repository: a scanner of repositories would take it
for one that leaked.
"""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
WORD = ALNUM + "_-"
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


class Sample(NamedTuple):
    """A text, what of it is secret ("" for none), and what kind it is."""

    kind: str
    text: str
    secret: str


class Dice:
    """Random texts; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, chars: str, count: int) -> str:
        return "".join(self.random.choices(chars, k=count))

    def alnum(self, count: int) -> str:
        return self.of(ALNUM, count)

    def word(self, count: int) -> str:
        """Of letters, digits, _ and -, with a letter at both ends."""
        return self.of(ALNUM, 1) + self.of(WORD, count - 2) + self.of(ALNUM, 1)

    def hex(self, count: int) -> str:
        return self.of(HEX, count)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def base64(self, count: int) -> str:
        return base64.b64encode(self.random.randbytes(count)).decode()

    def base64url(self, count: int) -> str:
        return base64.urlsafe_b64encode(self.random.randbytes(count)).decode().rstrip("=")

    def password(self) -> str:
        """As people choose them: a word or two, digits, a sign."""
        words = ("harbour", "tide", "ledger", "beacon", "crate", "barge", "pier", "lantern")
        word = self.random.choice(words)
        shape = self.random.randrange(5)
        if shape == 0:
            return f"{word}{self.random.randrange(10, 9999)}"
        if shape == 1:
            return f"{word.capitalize()}{self.random.choice('!#*+')}{self.random.randrange(1000)}"
        if shape == 2:
            return self.of(ALNUM, 14) + "7a"
        if shape == 3:
            return f"{word.capitalize()}-{self.random.choice(words)}-{self.random.randrange(99)}x"
        return self.of(ALNUM + "!#%*+-_", 18) + "3k"

    def pem(self, label: str, newline: str = "\n", size: int = 600) -> str:
        body = self.base64(size)
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        dashes = "-" * 5
        return newline.join(
            [f"{dashes}BEGIN {label}{dashes}", *lines, f"{dashes}END {label}{dashes}"]
        )

    def jwt(self) -> str:
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
        claims = json.dumps({"sub": self.alnum(10), "iat": self.random.randrange(10**9)}).encode()
        return (
            f"{header}.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{self.base64url(32)}"
        )


Make = Callable[[Dice], str]

# Tokens that tell by their form what they are.
TOKENS: dict[str, Make] = {
    "openai": lambda d: "sk-" + d.alnum(20) + "T3Blbk" + "FJ" + d.alnum(20),
    "openai project": lambda d: "sk-" + "proj-" + d.word(120),
    "openai service": lambda d: "sk-" + "svcacct-" + d.word(120),
    "anthropic": lambda d: "sk-" + "ant-api03-" + d.word(93) + "AA",
    "openrouter": lambda d: "sk-" + "or-v1-" + d.hex(64),
    "aws id": lambda d: "AKI" + "A" + d.of(string.ascii_uppercase + "234567", 16),
    "aws session id": lambda d: "ASI" + "A" + d.of(string.ascii_uppercase + "234567", 16),
    "github": lambda d: "gh" + "p_" + d.alnum(36),
    "github oauth": lambda d: "gh" + "o_" + d.alnum(36),
    "github server": lambda d: "gh" + "s_" + d.alnum(36),
    "github fine": lambda d: "github_" + "pat_" + d.alnum(22) + "_" + d.alnum(59),
    "gitlab": lambda d: "glp" + "at-" + d.word(20),
    "slack bot": lambda d: (
        "xo" + f"xb-{d.of(string.digits, 12)}-{d.of(string.digits, 12)}-{d.alnum(24)}"
    ),
    "slack user": lambda d: (
        "xo" + f"xp-{d.of(string.digits, 12)}-{d.of(string.digits, 12)}-{d.hex(32)}"
    ),
    "slack app": lambda d: "xa" + f"pp-1-{d.of(UPPER, 11)}-{d.of(string.digits, 13)}-{d.hex(64)}",
    "stripe live": lambda d: "sk_" + "live_" + d.alnum(24),
    "stripe restricted": lambda d: "rk_" + "live_" + d.alnum(24),
    "stripe webhook": lambda d: "whs" + "ec_" + d.alnum(32),
    "google": lambda d: "AI" + "za" + d.word(35),
    "google oauth": lambda d: "ya" + "29." + d.word(120),
    "google secret": lambda d: "GOC" + "SPX-" + d.word(28),
    "azure secret": lambda d: d.alnum(3) + "8" + "Q~" + d.word(34),
    "npm": lambda d: "np" + "m_" + d.alnum(36),
    "pypi": lambda d: "py" + "pi-AgEIcHlwaS5vcmc" + d.word(140),
    "huggingface": lambda d: "h" + "f_" + d.of(string.ascii_letters, 34),
    "twilio": lambda d: "S" + "K" + d.hex(32),
    "sendgrid": lambda d: "S" + "G." + d.word(22) + "." + d.word(43),
    "mailgun": lambda d: "ke" + "y-" + d.hex(32),
    "mailchimp": lambda d: d.hex(32) + "-us" + d.of("123456789", 1),
    "digitalocean": lambda d: "dop" + "_v1_" + d.hex(64),
    "heroku": lambda d: "HRKU" + "-AA" + d.word(58),
    "discord": lambda d: "M" + d.alnum(23) + "." + d.alnum(6) + "." + d.word(38),
    "telegram": lambda d: d.of("123456789", 10) + ":" + "AA" + d.word(33),
    "shopify": lambda d: "shp" + "at_" + d.hex(32),
    "square": lambda d: "sq0" + "atp-" + d.word(22),
    "paypal": lambda d: "access_" + f"token$production${d.of(LOWER, 16)}${d.hex(32)}",
    "databricks": lambda d: "da" + "pi" + d.hex(32),
    "linear": lambda d: "lin_" + "api_" + d.alnum(40),
    "notion": lambda d: "nt" + "n_" + d.alnum(46),
    "notion old": lambda d: "secr" + "et_" + d.alnum(43),
    "figma": lambda d: "fig" + "d_" + d.word(40),
    "vault": lambda d: "hv" + "s." + d.word(90),
    "doppler": lambda d: "dp" + ".pt." + d.alnum(43),
    "supabase": lambda d: "sb" + "p_" + d.hex(40),
    "netlify": lambda d: "nf" + "p_" + d.alnum(36),
    "docker": lambda d: "dckr_" + "pat_" + d.word(27),
    "postman": lambda d: "PMA" + f"K-{d.hex(24)}-{d.hex(34)}",
    "newrelic": lambda d: "NRA" + "K-" + d.of(UPPER, 27),
    "sentry": lambda d: "sntr" + "yu_" + d.hex(64),
    "grafana": lambda d: "gl" + f"sa_{d.alnum(32)}_{d.hex(8)}",
    "age": lambda d: "AGE-SECRET-" + "KEY-1" + d.of(UPPER, 58),
    "groq": lambda d: "gs" + "k_" + d.alnum(52),
    "xai": lambda d: "xa" + "i-" + d.alnum(80),
    "replicate": lambda d: "r" + "8_" + d.alnum(37),
    "airtable": lambda d: "pa" + f"t{d.alnum(14)}.{d.hex(64)}",
    "hubspot": lambda d: "pat-" + f"na1-{d.uuid()}",
    "terraform": lambda d: d.alnum(14) + ".atlas" + "v1." + d.word(67),
    "planetscale": lambda d: "pscale_" + "tkn_" + d.word(43),
    "tailscale": lambda d: "tskey" + f"-auth-{d.alnum(12)}-{d.alnum(32)}",
    "pulumi": lambda d: "pu" + "l-" + d.hex(40),
    "atlassian": lambda d: "ATA" + "TT3" + d.word(180),
    "brevo": lambda d: "xkey" + f"sib-{d.hex(64)}-{d.alnum(16)}",
    "rubygems": lambda d: "ruby" + "gems_" + d.hex(48),
    "langsmith": lambda d: "lsv2" + f"_pt_{d.hex(32)}_{d.hex(10)}",
    "dynatrace": lambda d: "dt0" + f"c01.{d.of(UPPER, 24)}.{d.of(UPPER, 64)}",
    "jwt": lambda d: d.jwt(),
    "gitlab mail": lambda d: "gli" + "mt-" + d.alnum(25),
    "google refresh": lambda d: "1/" + "/0" + d.word(60),
    "artifactory": lambda d: "AKC" + "p" + d.alnum(69),
    "circleci": lambda d: "CCI" + f"PAT_{d.alnum(22)}_{d.hex(40)}",
    "buildkite": lambda d: "bk" + "ua_" + d.hex(40),
    "sonar": lambda d: "sq" + "u_" + d.hex(40),
    "together": lambda d: "tgp" + "_v1_" + d.word(43),
    "cerebras": lambda d: "cs" + "k-" + d.alnum(48),
    "tavily": lambda d: "tv" + "ly-" + d.alnum(32),
    "pinecone": lambda d: "pc" + f"sk_{d.alnum(6)}_{d.alnum(63)}",
    "contentful": lambda d: "CFP" + "AT-" + d.word(43),
    "octopus": lambda d: "AP" + "I-" + d.of(UPPER, 26),
    "scaleway": lambda d: "SC" + "W" + d.of(UPPER, 17),
    "mailgun new": lambda d: f"{d.hex(32)}-{d.hex(8)}-{d.hex(8)}",
    "infisical": lambda d: "s" + f"t.{d.uuid()}.{d.hex(32)}.{d.hex(32)}",
    "jina": lambda d: "ji" + "na_" + d.alnum(60),
    "e2b": lambda d: "e" + "2b_" + d.hex(40),
    "firecrawl": lambda d: "f" + "c-" + d.hex(32),
    "helicone": lambda d: "sk-" + "helicone-" + "-".join(d.alnum(7) for _ in range(4)),
    "cursor": lambda d: "ke" + "y_" + d.hex(64),
    "context7": lambda d: "ctx7" + f"sk-{d.uuid()}",
    "mem0": lambda d: "m" + "0-" + d.alnum(40),
    "runpod": lambda d: "rp" + "a_" + d.of(UPPER, 40),
    "modal": lambda d: "a" + "k-" + d.alnum(10) + "7" + d.alnum(11),
    "honeycomb": lambda d: "hca" + "ik_" + d.of(LOWER, 58),
    "logfire": lambda d: "py" + "lf_v1_us_" + d.alnum(43),
    "axiom": lambda d: "xa" + f"at-{d.uuid()}",
    "snyk": lambda d: "snyk" + f"_uat.{d.hex(8)}.{d.word(60)}",
    "adafruit": lambda d: "ai" + "o_" + d.alnum(28),
    "ory": lambda d: "ory" + "_pat_" + d.alnum(32),
    "zuplo": lambda d: "zp" + f"ka_{d.hex(32)}_{d.hex(8)}",
    "openai session": lambda d: "se" + "ss-" + d.alnum(40),
    "dbt": lambda d: "db" + "tu_" + d.alnum(40),
    "k3s": lambda d: "K1" + f"0{d.hex(64)}::server:{d.hex(32)}",
    "nostr": lambda d: "ns" + "ec1" + d.of(LOWER, 58),
    "bcrypt": lambda d: "$2" + "y$10$" + d.alnum(53),
    "crypt": lambda d: "$" + f"6${d.alnum(16)}${d.alnum(86)}",
}
# Where a token may stand: {} is its place.
PLACES = (
    "{}",
    "the token is {}, keep it",
    "key={}",
    '{{"key": "{}"}}',
    "Use `{}` here.",
    "line one\\n{}\\nline two",
    "\x1b[32m{}\x1b[0m",
    "https://api.invalid/v1/things?k={}&page=2",
    "- `X`: {}.",
    "('{}')",
    "echo {} | tool --stdin",
    '{{\\"authorization\\": \\"{}\\"}}',
)
_ENV_NAMES = (
    "DB_PASSWORD", "API_KEY", "SECRET_KEY", "AUTH_TOKEN", "STRIPE_SECRET", "POSTGRES_PASSWORD",
    "DD_API_KEY", "CLOUDFLARE_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "TWILIO_AUTH_TOKEN",
    "DJANGO_SECRET_KEY", "ENCRYPTION_KEY", "SMTP_PASS", "JWT_SECRET", "GITHUB_TOKEN",
)  # fmt: skip


def _env_value(dice: Dice, name: str) -> str:
    if name.endswith(("PASSWORD", "PASS")):
        return dice.password()
    return dice.random.choice(
        (dice.alnum(32), dice.hex(40), dice.base64(30), dice.word(40), dice.uuid())
    )


def _named(shape: str) -> Callable[[Dice], Sample]:
    def make(dice: Dice) -> Sample:
        name = dice.random.choice(_ENV_NAMES)
        value = _env_value(dice, name)
        lower = name.lower()
        camel = lower.split("_")[0] + "".join(part.capitalize() for part in lower.split("_")[1:])
        return Sample("", shape.format(N=name, n=lower, c=camel, v=value), value)

    return make


def _with_password(shape: str) -> Callable[[Dice], Sample]:
    def make(dice: Dice) -> Sample:
        value = dice.password()
        return Sample("", shape.format(v=value), value)

    return make


def _plain(shape: str, value: Make) -> Callable[[Dice], Sample]:
    def make(dice: Dice) -> Sample:
        secret = value(dice)
        return Sample("", shape.replace("{v}", secret), secret)

    return make


def _numbered(before: str) -> Callable[[Dice], Sample]:
    """A private key each line of which something stands before."""

    def make(dice: Dice) -> Sample:
        lines = dice.pem("RSA PRIVATE KEY").splitlines()
        text = "\n".join(before.replace("{n}", f"{n:6}") + line for n, line in enumerate(lines, 1))
        return Sample("", text, dice.random.choice(lines[1:-1]))

    return make


# Secrets that what stands about them tells.
IN_CONTEXT: dict[str, Callable[[Dice], Sample]] = {
    "shell export": _named("export {N}={v}"),
    "shell quoted": _named('export {N}="{v}"; make'),
    "env dump": _named("HOME=/x\nLANG=C.UTF-8\n{N}={v}\nSHELL=/bin/sh\n"),
    "dotenv": _named("# settings\n{N}='{v}'\nDEBUG=1\n"),
    "json": _named('{{"{n}": "{v}", "debug": true}}'),
    "json camel": _named('{{"{c}":"{v}"}}'),
    "json escaped": _named('{{\\"{n}\\": \\"{v}\\"}}'),
    "json escaped env": _named("PATH=/bin\\n{N}={v}\\nTERM=xterm"),
    "yaml": _named("services:\n  db:\n    {n}: {v}\n    port: 5432\n"),
    "yaml compose": _named("    environment:\n      - {N}={v}\n      {N}_X: 1\n"),
    "toml": _named('[auth]\n{n} = "{v}"\n'),
    "ini": _named("[auth]\n{n} = {v}\n"),
    "python": _named('{n} = "{v}"'),
    "python typed": _named('{n}: str = "{v}"'),
    "python dict": _named("config['{n}'] = '{v}'"),
    "javascript": _named("const {c} = '{v}';"),
    "go": _named('{c} := "{v}"'),
    "ruby": _named("{n} => '{v}'"),
    "docker arg": _named("docker run -e {N}={v} image"),
    "powershell": _named('$env:{N} = "{v}"'),
    "tool flag": _with_password("tool --user bob --password {v} --verbose"),
    "tool flag equals": _with_password("tool --db-password={v} --verbose"),
    "xml": _with_password("<server><password>{v}</password></server>"),
    "connection string": _with_password("Server=db;Database=x;User Id=sa;Password={v};Encrypt=yes"),
    "said": _with_password("the password is {v} as you know"),
    "postgres url": _plain("postgresql://app:{v}@db.internal:5432/app", lambda d: d.alnum(16)),
    "redis url": _plain("redis://:{v}@cache:6379/0", lambda d: d.alnum(20)),
    "git remote": _plain("https://bot:{v}@git.invalid/x.git", lambda d: d.alnum(20)),
    "bearer": _plain("Authorization: Bearer {v}", lambda d: d.word(40)),
    "bearer curl": _plain(
        "curl -H 'Authorization: Bearer {v}' https://x.invalid", lambda d: d.word(40)
    ),
    "basic": _plain("Authorization: Basic {v}", lambda d: d.base64(21)),
    "api key header": _plain("X-Api-Key: {v}", lambda d: d.alnum(32)),
    "header json": _plain('{"Authorization": "Bearer {v}"}', lambda d: d.base64url(30)),
    "cookie": _plain("Cookie: {v}", lambda d: f"theme=dark; session={d.alnum(32)}"),
    "set cookie": _plain("Set-Cookie: {v}", lambda d: f"sid={d.alnum(32)}; Path=/; HttpOnly"),
    "curl user": _with_password("curl -s -u bob:{v} https://x.invalid/"),
    "docker login": _with_password("docker login -u bob -p {v} registry.invalid"),
    "netrc": _with_password("machine api.invalid login bob password {v}"),
    "netrc lines": _with_password("machine api.invalid\n  login bob\n  password {v}\n"),
    "pgpass": _plain("db.invalid:5432:app:bob:{v}", lambda d: d.alnum(14)),
    "azure storage": _plain(
        "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={v};EndpointSuffix=core",
        lambda d: d.base64(64),
    ),
    "azure bus": _plain(
        "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={v}", lambda d: d.base64(32)
    ),
    "sas": _plain(
        "https://x.invalid/c?sv=2022-11-02&sp=r&sig={v}",
        lambda d: d.base64(32).replace("+", "%2B").replace("=", "%3D"),
    ),
    "slack webhook": _plain(
        "https://hooks.slack.com/services/{v}",
        lambda d: f"T{d.of(UPPER, 8)}/B{d.of(UPPER, 10)}/{d.alnum(24)}",
    ),
    "discord webhook": _plain(
        "https://discord.com/api/webhooks/{v}", lambda d: f"{d.of('123456789', 18)}/{d.word(68)}"
    ),
    "aws pair": _plain("aws_secret_access_key = {v}", lambda d: d.base64(30)),
    "aws json": _plain('"SecretAccessKey": "{v}",', lambda d: d.base64(30)),
    "npmrc": _plain("//registry.npmjs.org/:_authToken={v}", lambda d: d.uuid()),
    "docker config": _plain('{"auths": {"x": {"auth": "{v}"}}}', lambda d: d.base64(24)),
    "rsa key": _plain("{v}", lambda d: d.pem("RSA PRIVATE KEY")),
    "openssh key": _plain("key:\n{v}\nend", lambda d: d.pem("OPENSSH PRIVATE KEY")),
    "ec key": _plain("{v}", lambda d: d.pem("EC PRIVATE KEY", size=120)),
    "pgp key": _plain("{v}", lambda d: d.pem("PGP PRIVATE KEY BLOCK")),
    "key in json": _plain('{"private_key": "{v}\\n"}', lambda d: d.pem("PRIVATE KEY", "\\n")),
    "env with signs": _plain(
        "A=1\nDB_PASSWORD={v}\nB=2",
        lambda d: f"{d.alnum(5)}{d.random.choice(';,|({&')}{d.alnum(7)}",
    ),
    "env in json": _plain(
        '["A=1", "SECRET_KEY={v}", "B=2"]',
        lambda d: f"{d.alnum(9)})(*{d.alnum(9)}^{d.alnum(5)}&{d.alnum(6)}",
    ),
    "quoted phrase": _plain(
        'DB_PASSWORD="{v}"', lambda d: f"ti{d.random.randrange(10)}de {d.alnum(6)}#1!"
    ),
    "placeholder in it": _plain(
        "DB_PASSWORD={v}",
        lambda d: f"{d.random.choice(('dummy', 'enter-', 'fake'))}4{d.alnum(4)}x77q",
    ),
    "env like code": _plain(
        "DB_PASSWORD={v}", lambda d: f"Password_{d.random.randrange(1000, 3000)}"
    ),
    "coloured env": _plain("\x1b[1;34mAPI_KEY\x1b[0m=\x1b[32m{v}\x1b[0m", lambda d: d.alnum(24)),
    "coloured json": _plain(
        '\x1b[34;1m"password"\x1b[0m\x1b[1m:\x1b[0m \x1b[32m"{v}"\x1b[0m', lambda d: d.alnum(20)
    ),
    "coloured yaml": _plain("password: \\u001b[33m{v}\\u001b[0m", lambda d: d.alnum(20)),
    "compose default": _plain("POSTGRES_PASSWORD: ${PGPW:-{v}}", lambda d: d.alnum(20)),
    "k8s env": _plain("- name: DB_PASSWORD\n  value: {v}\n", lambda d: d.alnum(13)),
    "k8s data": _plain("data:\n  tls.key: {v}\n", lambda d: d.base64(600)),
    "ecs env": _plain('{"name": "API_TOKEN", "value": "{v}"}', lambda d: d.alnum(24)),
    "ssm": _plain(
        '{"Name": "/prod/db_password", "Type": "SecureString", "Value": "{v}"}',
        lambda d: d.alnum(20),
    ),
    "tf state": _plain('"db_password": {\n  "value": "{v}",', lambda d: d.alnum(18)),
    "tf default": _plain(
        'variable "db_password" {\n  type = string\n  default = "{v}"\n}', lambda d: d.alnum(18)
    ),
    "table": _plain("| db_password | {v} |", lambda d: d.alnum(20)),
    "markdown": _plain("- **Password**: `{v}`", lambda d: d.alnum(20)),
    "columns": _plain("Key        Value\npassword   {v}\nuser  app", lambda d: d.alnum(20)),
    "next line": _plain('"password":\n   "{v}"', lambda d: d.alnum(20)),
    "sshpass": _with_password("sshpass -p {v} ssh root@h"),
    "mysql": _plain("mysql -u root -p{v} shop", lambda d: d.alnum(16)),
    "redis": _with_password("redis-cli -h x -a {v} ping"),
    "ldapsearch": _with_password("ldapsearch -x -D cn=a -w {v}"),
    "mongo": _with_password("mongosh -u root -p {v} --authenticationDatabase admin"),
    "curl lines": _with_password(
        "curl https://x.invalid \\\n  -X POST \\\n  -u admin:{v} \\\n -d @f"
    ),
    "curl cookie": _plain("curl -b 'session={v}; a=b' https://x.invalid", lambda d: d.alnum(24)),
    "curl list": _plain('["curl", "-u", "ann:{v}", "https://x.invalid"]', lambda d: d.alnum(16)),
    "login list": _plain('["docker", "login", "-p", "{v}"]', lambda d: d.alnum(16)),
    "aws set": _plain("aws configure set aws_secret_access_key {v}", lambda d: d.alnum(40)),
    "docker env": _plain("ENV SECRET_KEY {v}", lambda d: d.alnum(24) + "7"),
    "sql": _plain("CREATE USER app WITH PASSWORD '{v}';", lambda d: d.alnum(16)),
    "sql by": _plain("ALTER USER 'r'@'%' IDENTIFIED BY '{v}';", lambda d: d.alnum(16)),
    "basic auth": _plain('auth=HTTPBasicAuth("ann", "{v}")', lambda d: d.alnum(16)),
    "code or": _plain("const t = process.env.TOKEN || '{v}'", lambda d: d.alnum(24)),
    "rust": _plain('Config { password: Some("{v}"), x: 1 }', lambda d: d.alnum(16)),
    "url with sign": _plain("postgres://app:{v}@db.internal/x", lambda d: f"p@{d.alnum(9)}"),
    "dsn": _plain("root:{v}@tcp(127.0.0.1:3306)/db", lambda d: d.alnum(12)),
    "signed": _plain("https://x.invalid/o?E=1&Signature={v}", lambda d: d.hex(40)),
    "url code": _plain("GET /cb?state=1&code={v}&z=1", lambda d: d.alnum(36)),
    "printenv": _plain("$ printenv DB_PASSWORD\n{v}\n", lambda d: d.alnum(20)),
    "psk": _plain('psk="{v}"', lambda d: d.alnum(20)),
    "other languages": _plain("пароль: {v}", lambda d: d.alnum(9) + "7"),
    "key behind numbers": _numbered("{n}\t"),
    "key behind a name": _numbered("k.pem:"),
    "key behind a quote": _numbered("> "),
    "key in source": _plain("k = ({v})", lambda d: d.pem("RSA PRIVATE KEY", '\\n"\n  "')),
    "key as base64": _plain(
        "{v}", lambda d: base64.encodebytes(d.pem("RSA PRIVATE KEY").encode()).decode().strip()
    ),
    "painted by grep": _plain("\x1b[01;31m\x1b[KTOKEN\x1b[m\x1b[K={v}", lambda d: d.alnum(24)),
    "token painted by grep": _plain("\x1b[01;31m\x1b[Kghp_\x1b[m\x1b[K{v}", lambda d: d.alnum(36)),
    "unseen letters": _plain("TO\u200bKEN\u00ad={v}", lambda d: d.alnum(24)),
    "utf-16": _plain("{v}", lambda d: "\x00".join(f"DB_PASSWORD={d.alnum(9)}7")),
    "two words": _plain("Secret Key: {v}", lambda d: d.alnum(24)),
    "two words of a kind": _plain(
        "Access to it:\n{v}",
        lambda d: f"{d.random.choice(('Api', 'Access', 'private', 'MASTER'))} Key: {d.alnum(24)}",
    ),
    "many in an environment": _plain("API_KEYS={v}", lambda d: d.alnum(24)),
    "many passwords": _plain("DB_PASSWORDS={v}", lambda d: d.alnum(12) + "7"),
    "many tokens": _plain('tokens: "{v}"', lambda d: d.alnum(24)),
    "many by name": _plain(
        '{"passwords": {"ann": "${ANN}", "bob": "{v}"}}', lambda d: d.alnum(5) + "7!" + d.alnum(5)
    ),
    "many in a list": _plain('"tokens": ["abc", "{v}"]', lambda d: d.alnum(24)),
    "many in lines": _plain("secrets:\n  - {v}\n  - abc\n", lambda d: d.alnum(14) + "7!x"),
    "telegram address": _plain(
        "https://api.telegram.org/bot{v}/getMe",
        lambda d: d.of("123456789", 10) + ":" + "AA" + d.word(33),
    ),
    "fish": _plain("set -gx GITLAB_TOKEN {v}", lambda d: d.hex(40)),
    "piped login": _plain(
        "echo {v} | docker login ghcr.io -u bob --password-stdin", lambda d: d.alnum(30)
    ),
    "piped token": _plain("echo {v} | gh auth login --with-token", lambda d: d.alnum(30)),
    "piped sudo": _plain("echo '{v}' | sudo -S apt update", lambda d: d.alnum(9) + "7"),
    "chpasswd": _plain('echo "root:{v}" | chpasswd', lambda d: d.alnum(9) + "7"),
    "ngrok": _plain("ngrok config add-authtoken {v}", lambda d: d.alnum(49)),
    "wandb": _plain("wandb login {v}", lambda d: d.hex(39) + "7"),
    "poetry": _plain("poetry config pypi-token.pypi {v}", lambda d: d.alnum(40)),
    "pulumi config": _with_password("pulumi config set --secret dbPassword {v}"),
    "openssl": _with_password("openssl enc -aes-256-cbc -k {v} -in x"),
    "mosquitto": _with_password("mosquitto_pub -u u -P {v} -t x"),
    "ipmitool": _with_password("ipmitool -H h -U admin -P {v}"),
    "cqlsh": _with_password("cqlsh -u c -p {v}"),
    "ssh-keygen": _plain('ssh-keygen -t ed25519 -N "{v}" -f k', lambda d: d.alnum(12)),
    "xfreerdp": _with_password("xfreerdp /u:bob /p:{v} /v:h"),
    "lftp": _with_password("lftp -u bob,{v} ftp.invalid"),
    "sqlplus": _plain("sqlplus scott/{v}@ORCL", lambda d: d.alnum(12)),
    "skopeo": _with_password("skopeo copy --src-creds bob:{v} a b"),
    "secret put": _plain("wrangler secret put KEY <<< {v}", lambda d: d.alnum(30)),
    "secret body": _plain('gh secret set DEPLOY --body "{v}"', lambda d: d.alnum(30)),
    "answer of gh": _plain("$ gh auth token\n{v}\n", lambda d: d.alnum(38) + "7x"),
    "answer of op": _plain("$ op read op://v/i/password\n{v}", lambda d: d.alnum(14) + "7x"),
    "answer of vault": _plain(
        "$ vault kv get -field=password secret/db\n{v}\n$", lambda d: d.alnum(14) + "7x"
    ),
    "answer of cat": _plain("$ cat /run/secrets/db\n{v}\n", lambda d: d.alnum(14) + "7x"),
    "answer of echo": _plain("$ echo $DB_PASSWORD\n{v}\n", lambda d: d.alnum(14) + "7x"),
    "answer of openssl": _plain("$ openssl rand -hex 32\n{v}\n", lambda d: d.hex(62) + "7a"),
    "sql server": _plain("ALTER LOGIN sa WITH PASSWORD = N'{v}'", lambda d: d.alnum(12)),
    "oracle": _plain("CREATE USER x IDENTIFIED BY {v};", lambda d: d.alnum(11) + "7"),
    "odbc": _plain("DRIVER={ODBC 18};UID=sa;PWD={{v}};", lambda d: d.alnum(6) + "7#" + d.alnum(5)),
    "jwk": _plain('{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"{v}"}', lambda d: d.word(43)),
    "composer": _plain('{"github-oauth": {"github.com": "{v}"}}', lambda d: d.hex(40)),
    "address with a token": _plain(
        "https://{v}:x-oauth-basic@github.com/x", lambda d: f"{d.alnum(9)}7a{d.alnum(18)}4x"
    ),
    "address of azure": _plain(
        "git clone https://{v}@dev.azure.com/a/p", lambda d: f"{d.of(LOWER, 40)}7a4x"
    ),
    "dsn with signs": _plain("root:{v}@tcp(127.0.0.1:3306)/db", lambda d: f"p@#{d.alnum(9)}"),
    "aws log": _plain("SignedHeaders=host, Signature={v}", lambda d: d.hex(64)),
    "cloudformation": _plain(
        '{"ParameterKey": "DbPassword", "ParameterValue": "{v}"}', lambda d: d.alnum(14)
    ),
    "columns of lines": _plain("│ API_TOKEN │ {v} │", lambda d: d.alnum(24)),
    "aligned terraform": _plain(
        'variable "db_password" {\n  type    = string\n  default = "{v}"\n}',
        lambda d: d.alnum(18),
    ),
    "feishu": _plain("https://open.feishu.cn/open-apis/bot/v2/hook/{v}", lambda d: d.uuid()),
    "c macro": _plain('#define WIFI_PASSWORD "{v}"', lambda d: d.alnum(16)),
    "c array": _plain('char password[] = "{v}";', lambda d: d.alnum(16)),
    "go typed": _plain('const DbPassword string = "{v}"', lambda d: d.alnum(16)),
    "clojure": _plain('{:api-key "{v}"}', lambda d: d.alnum(24)),
    "t-sql": _plain("PASSWORD = N'{v}'", lambda d: d.alnum(12)),
    "end of a key": _plain(
        "[cut]\n{v}\n$", lambda d: "\n".join(d.pem("RSA PRIVATE KEY").splitlines()[5:])
    ),
    "sentry dsn": _plain("https://{v}@o12345.ingest.sentry.io/1", lambda d: d.hex(32)),
}


def _each_line(before: str) -> Callable[[str], str]:
    def lead(text: str) -> str:
        lines = enumerate(text.split("\n"), 1)
        return "\n".join(before.format(n=n) + line for n, line in lines)

    return lead


# What tools put before each line, or about each word: all that is secret is found there too.
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "grep -n": _each_line("{n}:"),
    "grep -Hn": _each_line("./a/.env:{n}:"),
    "grep -H": _each_line("a/b.env:"),
    "rg --column": _each_line("a/b.env:{n}:5:"),
    "log": _each_line("10:00:01:"),
    "grep -A": _each_line("{n}-"),
    "grep -HA": _each_line("a-2/b.env-{n}-"),
    "cat -n": _each_line("{n:6}\t"),
    "bat": _each_line("  {n}   │ "),
    "lines with numbers": _each_line("L{n}: "),
    "diff": _each_line("+"),
    "diff of what is gone": _each_line("-"),
    "quotation": _each_line("> "),
    "comment": _each_line("# "),
    "compose logs": _each_line("db-1  | "),
    "log with date": _each_line("2026-01-01T10:00:01.5Z "),
    "numbers in a diff": _each_line("{n}:+"),
    "grep --color": _each_line("\x1b[32m\x1b[K{n}\x1b[m\x1b[K\x1b[36m\x1b[K:\x1b[m\x1b[K"),
    "cleared lines": lambda text: text.replace("\n", "\x1b[K\n\x1b[2K\x1b[1G") + "\x1b[?25h",
}


def wrapped(dice: Dice, each: int) -> list[Sample]:
    """Secrets of any kind, *each* times as many behind what may stand before each line."""
    makes = [
        *(_plain("key: {v}", token) for token in TOKENS.values()),
        *(make for make in IN_CONTEXT.values()),
    ]
    made = []
    for kind, wrap in WRAPPINGS.items():
        samples = [make(dice) for make in dice.random.sample(makes, k=4 * each)]
        made += [
            Sample(f"wrapped by {kind}", wrap(text), secret)
            for _kind, text, secret in samples
            if "\n" not in secret
        ]
    return made


_CODE = """password = get_password()
token: str
token_count=5123
max_tokens=4096
password = os.environ["DB_PASSWORD"]
const token = process.env.API_TOKEN;
api_key = config.api_key
api_key=settings.OPENAI_API_KEY,
secret = secrets.token_hex(32)
def login(user: str, password: str) -> Token:
password: string;
  token: AccessToken | null;
if password == "":
self.password = password
password=password, token=token
key = cache_key(user)
for key, value in items:
"primary_key": "id"
primary_key=True
foreign_key = "user_id_2"
cache_key: deps-v2-linux-node18
sort_key = "created_at_1"
monkey = "business1"
keyboard: qwerty123
"password": "required"
"password": {"type": "string", "minLength": 8}
label: "Password"
Enter your password:
Password must be at least 8 characters.
password: required
The token is expired; please sign in again.
secret: true
secrets: inherit
token: ${{ secrets.GITHUB_TOKEN }}
GITHUB_TOKEN: ${{ github.token }}
password: {{ vault_db_password }}
API_KEY=$API_KEY
API_KEY=${API_KEY:-}
export TOKEN=$(cat token.txt)
API_KEY=<your-api-key>
API_KEY=YOUR_API_KEY
OPENAI_API_KEY=sk-...
OPENAI_API_KEY="sk-your-key-here"
DB_PASSWORD=changeme
DB_PASSWORD=xxxxxxxx
password: ********
PASSWORD_FILE=/run/secrets/db_password
TOKEN_URL=https://auth.invalid/token
SECRET_NAME=my-app-secret
"tokens": 18234
"token_type": "bearer"
"total_tokens":1234567
tokenizer = AutoTokenizer.from_pretrained("gpt2")
next_page_token=CAUQAA12345678
csrf_token = generate_csrf()
token = next(tokens)
token = tokens[0]
let token = lexer.next_token();
auth = "basic"
auth: required
auth_type = "oauth2"
PWD=/desk/project
OLDPWD=/desk
SSH_AUTH_SOCK=/run/ssh-abc/agent.123
passed=12 failed=0
pass: 12
compass=north1
bypass = "yes1"
password_hash = hash_password(raw)
password_length=12
min_password_length: 12
key="user:profile"
<input type="password" name="password" id="password1">
<token>...</token>
Authorization: Bearer <token>
Authorization: Bearer $TOKEN
Authorization: Bearer ${TOKEN}
-H "Authorization: Bearer YOUR_TOKEN_HERE"
Basic authentication is required
Cookie: none
https://example.com/path?query=1
https://user@example.com/
ssh://git@github.com:22/x.git
http://localhost:8080@v2
postgres://$USER:$PASSWORD@host/db
postgres://user:<password>@host/db
postgres://user:${DB_PASSWORD}@host/db
curl -u $USER:$PASS https://x
curl -u "$USER:$TOKEN" https://x
docker login -u "$USER" -p "$PASSWORD"
docker login --password-stdin
machine learning login password reset
sk-learn-contrib
npm_config_registry=https://registry.npmjs.org/
npm_package_version_description_and_more_words
hf_transformers_version
ghp_
glpat-
xoxb-your-token
eyJ is how they begin
SG.
AIza
-----BEGIN PUBLIC KEY-----
import { token } from "./token";
type Token = { key: string; secret: string };
fn password(&self) -> &str { &self.password }
let password: SecretString = read_secret();
password: Option<String>,
password := os.Getenv("PASSWORD")
PASSWORD = env("PASSWORD", default="")
secretKeyRef:
  key: db-password
  name: app-secret
secretName: app-tls-2024
tokens/s: 45.3
tok/s=45.31
auth=None
auth=HTTPBasicAuth(user, password)
session.auth = (user, password)
headers["Authorization"] = f"Bearer {token}"
`Authorization: token ${token}`
credentials: include
credentials = load_credentials(path)
credential_source=Ec2InstanceMetadata
accessKeyId: process.env.KEY_ID
private_key_path = "~/.ssh/id_ed25519"
key_file: /etc/ssl/private/key1.pem
PRIVATE_KEY_PASSPHRASE=
password=
api_key: null
"api_key": None
test_password_reset_2 PASSED
tests/test_auth_token.py::test_token_2 PASSED
auth.py:12:token:expected
src/token.c:5432:17: error: expected token
2026-11-24T04:57:00.123456789Z token refreshed
password_field_1 = form.password
class TokenBucket2(Base):
token2 = token1
token = token2
secret_key_base = Rails.application.secret_key_base
apiKey: process.env.OPENAI_API_KEY!
DB_PASSWORD=${DB_PASSWORD:?required}
password: !vault |
machine learning login page password form2
xoxb-not-a-real-token
postgres://user:pass@localhost/db
postgresql://postgres:postgres@localhost:5432/test
"s3_key": "uploads/2024/84e24989-1bf1-4aa9.png"
arn:aws:secretsmanager:us-east-1:386357919318:secret:prod/db-2WQ2Ta
- name: DB_PASSWORD\n  valueFrom: x
{"name": "primary_key", "value": "id2"}
| token | string2 | the token |
--password   string   the password of user2
mysql -u root -p
mysql -u root -p shop
printenv PATH_2
def f(key: Ed25519PrivateKey|Ed25519PublicKey|Ed448PrivateKey):
redis-cli -h host1 -p 6379
docker run -p 8080:80 -e A=1 image2
az vm list -o table2
ssh -p 2222 root@host
mkdir -p src/token2
zip -r out2.zip src
ENV PATH /usr/local/bin2
git config --global user.name ann2
https://x.invalid/a?key=title&code=404
http://localhost:8080/@vite/client2
ALTER TABLE users ADD password VARCHAR(255)
const token = cached || fetchToken2()
API_KEY=... && make
"keys": ["name", "created_at2"], "tokens": ["the", "##ing2"]
secrets: ["db-password-v2"]
passwords = ["password", "letmein"]
tokens: {"input": 12345, "output": "7"}
Primary key: id_2024_created_x9
next key: ab12cd34ef56ab12cd34
license keys: 12 of 40
"minipass": "^7.0.3"
my $password = $self->{pw2};
authorization = base64.decodebytes(b64)
("authorization", "x-amz-content-sha256")
private_key: "_EllipticCurvePrivateKey"
"passphrase": "string?"
The token is base64url-encoded
10.0.0.1:5432:ok:fine:done
print password "src/token2.py"
grep -rn password "tests/2024"
echo password2 | tee out2
echo "$TOKEN" | docker login -u bob --password-stdin
$ cat /run/secrets/db\nfile2 missing here
openssl rand -hex 32
$ openssl rand -hex 32 > k2\nmake all2
$ echo $TOKEN\n$
cargo login
vault login -method=oidc2 role=dev
wandb login --relogin
https://some-user-with-a-long-name2@host.invalid/x
sqlplus /nolog
ssh-keygen -t ed25519 -f id_ed25519
password 'is required for login'
$ gh auth token | wc2
fc-cache -f -v && key_points_of_the_2024_plan
as-of-2024-a-long-name-of-a-thing and ak-47
Access keys: see docs/keys2.md
PublicKeyToken=b03f5f7f11d50a3a
-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----
\x1b[32mpassed\x1b[0m token_count=\x1b[33m5123\x1b[0m
"""


# The one of AWS's own documents, in pieces.
_EXAMPLE_KEY = "/".join(("wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"))


def _digest_like(dice: Dice) -> dict[str, str]:
    digest = dice.hex(64)
    return {
        "git sha": f"commit {dice.hex(40)}",
        "short sha": f"{dice.hex(7)} Fix the header",
        "uuid": dice.uuid(),
        "sha256": f"sha256:{digest}",
        "image": f"FROM python@sha256:{digest}",
        "integrity": f'"integrity": "sha512-{dice.base64(64)}"',
        "yarn lock": f"  checksum: 10/{dice.hex(128)}",
        "cargo lock": f'checksum = "{digest}"',
        "go sum": f"github.com/x/y v1.2.3 h1:{dice.base64(32)}",
        "requirements": f"    --hash=sha256:{digest} \\",
        "base64 image": f"data:image/png;base64,{dice.base64(300)}",
        "base64": dice.base64(90),
        "public key": dice.pem("PUBLIC KEY", size=120),
        "certificate": dice.pem("CERTIFICATE"),
        "ssh public": f"ssh-ed25519 {'AAAAC3NzaC1lZDI1NTE5AAAAI' + dice.base64(32)} bob@host",
        "etag": f'ETag: "{dice.hex(32)}"',
        "request id": f"x-request-id: {dice.uuid()}",
        "call id": f"call_{dice.alnum(24)}",
        "response id": f"resp_{dice.hex(48)}",
        "thread": f"rollout-2026-11-24T04-57-00-{dice.uuid()}.jsonl",
        "session": f'"session_id": "{dice.uuid()}"',
        "cache": f"cache_key={digest}",
        "object": f"index {dice.hex(7)}..{dice.hex(7)} 100644",
        "build": f"build/{dice.hex(20)}/main.{dice.hex(8)}.js",
        "hash of key": f"Fingerprint: SHA256:{dice.base64(32).rstrip('=')}",
        "public stripe": "pk_" + f"live_{dice.alnum(24)}",
        "gpg key": f"GPG_KEY={dice.hex(40).upper()}",
        "kubeconfig": f"client-certificate-data: {dice.base64(90)}",
        "url key": f"https://x.invalid/a?key={dice.hex(64)}",
        "wrapped certificate": base64.b64encode(dice.pem("CERTIFICATE").encode()).decode(),
        "coloured sha": f"\x1b[33m{dice.hex(40)}\x1b[0m",
        "trace": f"traceparent: 00-{dice.hex(32)}-{dice.hex(16)}-01",
        "css": f".css-{dice.of(LOWER, 7)}{{color:#{dice.hex(6)}}}",
        "numbers": " ".join(str(dice.random.randrange(10**9)) for _ in range(8)),
        "placeholder": "gh" + "p_" + "x" * 36,
        "aws example": "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "aws secret example": f"aws_secret_access_key = {_EXAMPLE_KEY}",
        "identifier": "_".join(dice.random.choices(("moves", "harbour", "tide", "reads"), k=6)),
        "dotted": ".".join(dice.random.choices(("com", "acme", "Harbour", "Tide"), k=5)),
        "path": "/desk/boats/" + "/".join(dice.random.choices(("src", "lib2", "tide_3"), k=4)),
    }


def secrets(dice: Dice, each: int) -> list[Sample]:
    """*each* secrets of every kind, in all kinds of places."""
    made = []
    for kind, token in TOKENS.items():
        for number in range(each):
            place = PLACES[number] if number < len(PLACES) else dice.random.choice(PLACES)
            secret = token(dice)
            made.append(Sample(kind, place.format(secret), secret))
    for kind, make in IN_CONTEXT.items():
        made += [make(dice)._replace(kind=kind) for _ in range(each)]
    return made + wrapped(dice, each)


def look_alikes(dice: Dice, each: int) -> list[Sample]:
    """What must stay as it is: every line of code once, of all else *each*."""
    made = [Sample("code", line, "") for line in _CODE.splitlines()]
    for _ in range(each):
        made += [Sample(kind, text, "") for kind, text in _digest_like(dice).items()]
    return made
