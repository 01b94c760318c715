"""Secrets are found, look-alikes stay; in time that goes with the length of the text."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secret_samples import Dice, Sample, look_alikes, secrets
from threadlog.core import redaction
from threadlog.core.redacted import redacted
from threadlog.core.redaction import Redactor
from threadlog.core.redaction_copies import copies
from threadlog.core.redaction_rules import RULES, SECRETS, OwnRules, chosen, own_rules

SEEDS = (1, 2, 3)
ALL = tuple({rule.about for rule in RULES})


def redactor(*redact: str, own: OwnRules | None = None) -> Redactor:
    own = own or OwnRules()
    return Redactor(chosen(redact or (SECRETS,), own), own.allow)


def clean(text: str, *redact: str) -> str:
    return redactor(*redact).text(text)


def missed(samples: list[Sample]) -> list[str]:
    found = [(each, clean(each.text)) for each in samples]
    return [
        f"{each.kind}: {each.text!r} -> {text!r}" for each, text in found if each.secret in text
    ]


def touched(samples: list[Sample]) -> list[str]:
    return [
        f"{each.kind}: {each.text!r} -> {text!r}"
        for each in samples
        if (text := clean(each.text)) != each.text
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_secrets_are_found_and_look_alikes_stay(seed: int) -> None:
    found, others = secrets(Dice(seed), 4), look_alikes(Dice(seed), 4)
    assert len(found) >= 200
    assert len({each.kind for each in found}) >= 40
    assert len(others) >= 200
    misses, wrong = missed(found), touched(others)
    hits = len(found) - len(misses)
    report = "\n".join(["missed:", *misses, "wrongly replaced:", *wrong])
    assert hits / len(found) >= 0.98, report
    assert hits / (hits + len(wrong)) >= 0.95, report


def test_every_kind_of_secret_is_found_most_of_the_time() -> None:
    """No kind hides behind the others."""
    for kind in {each.kind for each in secrets(Dice(0), 1)}:
        samples = [each for each in secrets(Dice(9), 6) if each.kind == kind]
        assert len(missed(samples)) <= max(1, len(samples) // 12), kind


def test_what_is_replaced_says_the_rule_and_nothing_of_the_value() -> None:
    token = "ghp" + "_" + Dice(1).alnum(36)
    assert clean(f"a {token} b") == "a [redacted: github-token #1] b"


def test_the_same_secret_has_the_same_number_wherever_it_stands() -> None:
    dice, made = Dice(2), redactor()
    one, two = ("gh" + "p_" + dice.alnum(36) for _ in range(2))
    assert made.text(f"{one} {two}") == "[redacted: github-token #1] [redacted: github-token #2]"
    assert made.text(f"TOKEN={two}, {one}") == (
        "TOKEN=[redacted: github-token #2], [redacted: github-token #1]"
    )
    assert made.counts == {"github-token": 4}
    assert len(made.take()) == 4
    assert made.take() == []


def test_a_secret_behind_its_name_is_replaced_where_it_stands_by_itself() -> None:
    made = redactor()
    assert made.text("DB_PASSWORD=hunter2xyz") == "DB_PASSWORD=[redacted: secret #1]"
    assert made.text("log in with hunter2xyz.") == "log in with [redacted: secret #1]."
    assert made.text("hunter2xyzzy") == "hunter2xyzzy"
    assert made.text("\\nhunter2xyz\\n") == "\\n[redacted: secret #1]\\n"


def test_a_usual_word_is_replaced_only_behind_its_name() -> None:
    made = redactor()
    assert made.text("DB_PASSWORD=swordfish") == "DB_PASSWORD=[redacted: secret #1]"
    assert made.text("a swordfish swims") == "a swordfish swims"


def test_known_secrets_are_limited_and_beyond_that_have_no_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redaction, "NUMBERED_LIMIT", 2)
    monkeypatch.setattr(redaction, "BARE_LIMIT", 2)
    made = redactor()
    text = made.text("\n".join(f"DB_PASSWORD=harbour{n}77x" for n in range(4)))
    assert text.splitlines()[1:] == [
        "DB_PASSWORD=[redacted: secret #2]",
        "DB_PASSWORD=[redacted: secret]",
        "DB_PASSWORD=[redacted: secret]",
    ]
    assert made.text("harbour077x harbour377x") == "[redacted: secret #1] harbour377x"


PIECES = st.sampled_from([each.text for each in secrets(Dice(4), 1) + look_alikes(Dice(4), 1)])


def test_a_placeholder_beside_a_secret_hides_it_not() -> None:
    cookie = "Cookie: theme=dark; session=tzQmDpiHbnhoEnefg57Q1K9j8mYWw2y7 API_KEY=${API_KEY:-}"
    assert clean(cookie, *ALL) == "Cookie: [redacted: cookie #1]"
    said = "Cookie: theme=example; session=${SESSION}"
    assert clean(said, *ALL) == said


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=5), st.sampled_from('\n ,\t"'))
def test_what_was_redacted_stays_as_it_is(pieces: list[str], between: str) -> None:
    text = clean(between.join(pieces), *ALL)
    assert clean(text, *ALL) == text


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    clean(text, *ALL)


@given(st.lists(PIECES, min_size=1, max_size=4))
def test_a_gate_of_the_whole_hides_nothing_of_a_part(pieces: list[str]) -> None:
    whole = "\n".join(pieces)
    gate = redactor().gate(whole.encode())
    for piece in pieces:
        made = redactor()
        assert gate is None or made.text(piece, made.gate(whole.encode())) == clean(piece)
        assert gate is not None or clean(piece) == piece


def test_no_rule_replaces_what_another_one_wrote() -> None:
    made = redactor(own=own(name="word", pattern="redact"))
    text = made.text("DB_PASSWORD=hunter2xyz")
    assert made.text(text) == text == "DB_PASSWORD=[redacted: secret #1]"


def test_the_larger_of_two_secrets_that_meet_is_replaced_whole() -> None:
    jwt = Dice(3).jwt()
    assert clean(f"Cookie: a=1; session={jwt}; b=2") == "Cookie: [redacted: cookie #1]"


def test_a_secret_keeps_its_number_when_it_is_coloured() -> None:
    token, made = "gh" + "p_" + Dice(3).alnum(36), redactor()
    text = made.text(f"{token} \x1b[1m{token[:9]}\x1b[0m{token[9:]}\x1b[0m")
    assert text == "[redacted: github-token #1] \x1b[1m[redacted: github-token #1]\x1b[0m"


LEFT_OUT = st.sampled_from(
    ["\x1b[1m", "\x1b[K", "\u200b", "\n12:", "\n+", "\n> ", "a=b", "x", "\n"]
)


@given(st.lists(LEFT_OUT, max_size=12))
def test_a_place_in_a_copy_is_told_as_the_place_in_the_text(pieces: list[str]) -> None:
    text = "1:" + "".join(pieces)
    for copy in copies(text):
        for at, char in enumerate(copy.text):
            start, end = copy.places(at, at + 1)
            assert text[start:end] == char


def test_what_stands_before_a_line_stays_when_a_secret_behind_it_is_replaced() -> None:
    text = "@@ -1 +2 @@\n+- name: DB_PASSWORD\n+  value: tide77xq\n+- name: MODE\n+  value: fast"
    assert clean(text) == text.replace("tide77xq", "[redacted: secret #1]")


@pytest.mark.parametrize("value", ["pa;w0rd99", "pa|w0rd99", "pa(w0rd99", "a&w0rd99", "pa,w0{rd99"])
def test_a_value_of_an_environment_goes_on_to_the_end_of_its_line(value: str) -> None:
    assert clean(f"A=1\nDB_PASSWORD={value}\nB=2") == "A=1\nDB_PASSWORD=[redacted: secret #1]\nB=2"
    assert clean(f'["DB_PASSWORD={value}"]') == '["DB_PASSWORD=[redacted: secret #1]"]'


def test_a_value_in_a_command_ends_where_the_next_word_begins() -> None:
    assert clean("DB_PASSWORD=tide77xq; make") == "DB_PASSWORD=[redacted: secret #1]; make"
    assert clean("PWD=tide77xq;DSN=y2") == "PWD=[redacted: secret #1];DSN=y2"


OPENED = ["(abc123!xyz", "[foo9$bar2k", "{ab7%cdx9", "<9ab7%cdx", "[Harbour#77x"]
STANDS_FOR = ["<token>", "{{ x }}", "${X}", "(your key)", "[hidden]", "(at-least-8", "{token}2x"]
STANDS_FOR += ["[your_key", "{user}:{pass9!}", "($1a)", "[a9$, b]", "{'a9$': 1}", "<%= ENV[1] %>"]


@pytest.mark.parametrize("value", OPENED)
@pytest.mark.parametrize(
    "place", ["password: {}", "DB_PASSWORD={}", "TOKEN={}\nA=1", 'pass: "{}"', "'secret': '{}',"]
)
def test_a_secret_may_begin_with_a_bracket(value: str, place: str) -> None:
    text = place.replace("{}", value)
    assert value not in clean(text)
    assert clean(clean(text)) == clean(text)
    assert value not in repr(redacted({"password": value}, redactor()))


@pytest.mark.parametrize("value", STANDS_FOR)
@pytest.mark.parametrize("place", ["password: {}", "TOKEN={}", 'password = "{}"', "secret({})"])
def test_what_is_in_brackets_stands_for_a_secret(value: str, place: str) -> None:
    text = place.replace("{}", value)
    assert clean(text) == text


def test_a_forged_mark_hides_no_secret() -> None:
    token = "glp" + "at-" + Dice(5).of("abcdefghijk0123456789", 20)
    assert token not in clean(f"[redacted: {token}]")
    assert token not in clean(f"[redacted: gitlab-token #{token}]")


def test_paths_and_email_are_replaced_by_choice() -> None:
    text = "/home/alice/src C:\\Users\\bob\\x bob@corp.io git@host.io:x.git a@example.com"
    assert clean(text) == text
    assert clean(text, "paths") == (
        "[redacted: home-path #1]/src [redacted: home-path #2]\\x bob@corp.io git@host.io:x.git "
        "a@example.com"
    )
    assert clean(text, "email") == text.replace("bob@corp.io", "[redacted: email #1]")


@pytest.mark.parametrize("before", ["/mnt/c", "/c", "/var", "-I", "a", "", "host:"])
def test_a_home_is_found_behind_other_folders(before: str) -> None:
    for home in ("/home/ann", "/Users/ann", "\\/home\\/ann", "%2Fhome%2Fann"):
        assert "ann" not in clean(f"{before}{home}", "paths")


HOSTILE = {
    "key=": "key=",
    "a name": "key",
    "quotes": 'key="',
    "prefixes": "sk-ghp_xoxb-",
    "one word": "a",
    "schemes": "://a:",
    "begins": "-----BEGIN PRIVATE KEY-----",
    "keys without end": "-----BEGIN RSA PRIVATE KEY-----\n" + "A" * 64 + "\n",
    "jwts": "eyJaaaaaaaaaaaa.",
    "curl": "curl  -u ",
    "login": "docker login ",
    "said": "password is ",
    "header": "authorization: ",
    "mail": "a@a.",
    "escapes": "token=\\\\\\a",
    "spaces": "token      ",
    "dots": "M" + "a" * 24 + ".",
    "cookies": "cookie: a=",
    "colours": "\x1b[0mkey=",
    "ends of keys": "-----END PRIVATE KEY-----",
    "tails of keys": "A" * 64 + "\n" + "-----END PRIVATE KEY-----\n",
    "lines of base64": "A" * 64 + "\n",
    "options": "mysql -u ",
    "pairs": "name: password value",
    "tables": "password | ",
    "columns": "password  ",
    "hashes": "$6$a$",
    "env": "\nDB_PASSWORD=a;b(",
    "wrapped": "LS0tLS1CRUdJTiBSU0EgUFJJVkFURS",
    "many": 'tokens: ["',
    "many of many": 'passwords: ["tide77xq", ',
    "secrets set": "secret set ",
    "marks": "[redacted: secret #1] password=tide77xq!z\n",
}


def seconds_for(piece: str, size: int) -> float:
    text = piece * (size // len(piece))
    begun = time.process_time()
    clean(text, *ALL)
    return time.process_time() - begun


def test_no_rule_takes_long_for_its_own_literals_again_and_again() -> None:
    def grows(piece: str) -> bool:
        taken = seconds_for(piece, 30_000)
        return taken > 0.02 and taken > 2.5 * 4 * seconds_for(piece, 7_500)

    pieces = {
        literal + behind
        for rule in RULES
        for literal in rule.literals
        for behind in (("",) if rule.tokens else ("", ":", "="))
    }
    assert len(pieces) > 300
    assert [each for each in sorted(pieces) if grows(each) and grows(each)] == []


def test_a_long_value_that_is_no_secret_hides_none_at_its_end() -> None:
    dice = Dice(14)
    token, key = "gh" + "p_" + dice.alnum(36), dice.alnum(24)
    assert token not in clean("NRII-" * 500 + token)
    assert key not in clean("pw:" * 500 + f" API_KEY={key}")
    assert key not in clean("cache_key:" + "ab/" * 500 + f"?token={key}")
    long = dice.alnum(3000)
    assert long not in clean(f"https://x.invalid/{'ab/' * 500}?x=1&token={long} TOKEN={long}")


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_time_goes_with_the_length_of_a_hostile_text(piece: str) -> None:
    small = min(seconds_for(piece, 25_000) for _ in range(2))
    assert seconds_for(piece, 200_000) < 3 * 8 * max(small, 0.004)


def test_texts_in_any_value_are_redacted_with_what_names_them() -> None:
    value: Any = {
        "env": {"DB_PASSWORD": "hunter two", "API_KEY": Dice(6).alnum(30), "MODE": "fast"},
        "argv": ["tool", "--password", "swordfish9", "--verbose"],
        "n": [1, None, True, {"hunter": "DB_PASSWORD=hunter2xyz"}],
    }
    made = redacted(value, redactor())
    assert made["env"]["API_KEY"] == "[redacted: secret #1]"
    assert made["env"]["MODE"] == "fast"
    assert made["argv"] == ["tool", "--password", "[redacted: secret #2]", "--verbose"]
    assert made["n"] == [1, None, True, {"hunter": "DB_PASSWORD=[redacted: secret #3]"}]


VALUE, KEYED = "harbour" + "77x", Dice(11).alnum(24)
BASIC, COOKIE = "Basic " + Dice(12).base64(18), "session=" + Dice(13).alnum(24)
APART: list[Any] = [
    {"name": "DB_PASSWORD", "value": VALUE},
    {"value": VALUE, "type": "SecureString", "Name": "/prod/db_password"},
    {"Value": KEYED, "Key": "API_KEY"},
    {"name": "token", "default": KEYED},
    [{"key": "API_KEY", "value": KEYED}, {"key": "MODE", "value": "fast"}],
    {"db_password": {"type": "string", "sensitive": True, "value": VALUE}},
    ["--password", VALUE],
    ["DB_PASSWORD", VALUE],
    [["MODE", "fast"], ("DB_PASSWORD", VALUE)],
    ["A", "1", "DB_PASSWORD", VALUE],
    ["curl", "-s", "-u", f"ann:{VALUE}", "https://x.invalid"],
    ["docker", "login", "-p", VALUE, "registry.invalid"],
    ["sshpass", "-p", VALUE, "ssh", "h"],
    ["mysql", "-u", "root", f"-p{VALUE}", "shop"],
    {"headers": {"Authorization": BASIC, "Accept": "*/*"}},
    {"Proxy-Authorization": [BASIC]},
    {"Set-Cookie": [COOKIE, COOKIE + "; Path=/"]},
    [["Authorization", BASIC], ["Cookie", COOKIE], ["X-Api-Key", KEYED]],
    {"name": "Authorization", "value": BASIC},
    {"X-Api-Key": [KEYED]},
    {"passwords": {"ann": VALUE, "bob": VALUE}},
    {"tokens": [KEYED], "api_keys": {"live": {"ann": [KEYED]}}},
    {"source": ["password = (\n", f"  '{VALUE}'\n", ")\n"]},
    {"source": ["machine x.invalid\n", "login ann\n", f"password {VALUE}"]},
]
NOT_APART: list[Any] = [
    {"name": "primary_key", "value": "id2x9a8b"},
    {"name": "DB_PASSWORD", "value": "${DB_PASSWORD}"},
    {"name": "DB_PASSWORD", "valueFrom": VALUE},
    {"name": "token", "default": "string"},
    {"passwords": {"ann": "string", "policy": "at-least-8"}, "tokens": {"input": "1234567890"}},
    {"name": "MODE", "value": VALUE},
    {"password": ["string", "null"]},
    {"required": ["token", "password"], "password": {"type": "string", "default": ""}},
    ["token", "string"],
    ["password", "Password must be 8 characters"],
    ["--password", "--verbose"],
    ["curl", "-u", "$USER:$PASS", "https://x.invalid"],
    ["docker", "run", "-p", "8080:80"],
    {"Authorization": "Bearer <token>"},
    {"Cookie": "none", "authorization": {"required": True}},
    ["cookie", "a=b"],
]


@pytest.mark.parametrize("value", APART, ids=repr)
def test_a_name_and_its_value_are_found_where_they_are_apart(value: Any) -> None:
    made = redacted(value, redactor())
    said = repr(made)
    assert not any(each in said for each in (VALUE, KEYED, BASIC[6:], COOKIE))
    assert redacted(made, redactor()) is made
    everywhere = redacted(value, redactor(), redactor().everything())
    assert everywhere == made


@pytest.mark.parametrize("value", NOT_APART, ids=repr)
def test_what_stands_apart_and_is_no_secret_stays(value: Any) -> None:
    assert redacted(value, redactor()) is value


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_private_key_as_a_list_of_lines_is_replaced_in_each(end: str) -> None:
    lines = [each + end for each in Dice(15).pem("RSA PRIVATE KEY").splitlines()]
    made = redacted({"source": ["# key" + end, *lines, "done" + end]}, redactor())["source"]
    assert (made[0], made[-1]) == ("# key" + end, "done" + end)
    assert not set(made) & set(lines)


def test_a_number_that_is_a_password_is_replaced() -> None:
    value = {"password": 48213977, "db_pass": 4821, "min_tokens": 4821, "token": 48213977, "n": 1}
    made = redacted(value, redactor())
    assert made == value | {
        "password": "[redacted: secret #1]",
        "db_pass": "[redacted: secret #2]",
    }
    plain = {"password": 8, "password_length": 4821, "passed": 48213, "password_ok": True}
    assert redacted(plain, redactor()) is plain


@given(st.recursive(PIECES, lambda each: st.lists(each) | st.dictionaries(PIECES, each)))
def test_any_value_that_was_redacted_stays_as_it_is(value: Any) -> None:
    made = redacted(value, redactor(*ALL))
    assert redacted(made, redactor(*ALL)) == made


def test_a_secret_among_many_words_costs_no_more_than_their_number() -> None:
    words = ["--password", VALUE] * 20_000
    begun = time.process_time()
    assert VALUE not in redacted(words, redactor())
    assert time.process_time() - begun < 10


def test_a_value_without_secrets_is_handed_back_as_it_is() -> None:
    value = {"key": ["token", "auth: required"], "n": 1}
    assert redacted(value, redactor()) is value


def test_a_deep_value_and_an_image_are_no_trouble() -> None:
    deep: object = "DB_PASSWORD=hunter2xyz"
    for _ in range(900):
        deep = [deep]
    assert "hunter2xyz" not in repr(redacted(deep, redactor()))
    image = "data:image/png;base64," + Dice(7).base64(500)
    assert redacted([image, "TOKEN=" + Dice(7).alnum(30)], redactor())[0] == image


# -- rules of a user's own


def own(**rule: object) -> OwnRules:
    return own_rules({"rule": [{"name": "acme", "pattern": r"acme_(\w{8,})"} | rule]})


def test_a_rule_of_ones_own_finds_what_it_says() -> None:
    assert redactor(own=own()).text("acme_12345678") == "[redacted: acme #1]"
    assert redactor(own=own(group=1)).text("acme_12345678") == "acme_[redacted: acme #1]"
    assert redactor(own=own(literals=["nowhere"])).text("acme_12345678") == "acme_12345678"
    assert redactor(own=own(entropy=3.5)).text("acme_11112222") == "acme_11112222"
    assert redactor(own=own(allow=["1234"])).text("acme_12345678") == "acme_12345678"
    near = redactor(own=own(keywords=["Vault"]))
    assert near.text("acme_12345678") == "acme_12345678"
    assert near.text("our vault: acme_12345678") == "our vault: [redacted: acme #1]"


ODD = ('pin="', "tag\\", "a\tb", "\u00c4rger=", "\u20ac ", '\\"x')


@pytest.mark.parametrize("wrap", [msgspec.json.encode, str])
def test_a_literal_is_seen_however_it_is_written(wrap: Callable[[str], str | bytes]) -> None:
    for literal in {*ODD, *(each for rule in RULES for each in rule.literals)}:
        rules = own(pattern=re.escape(literal) + "(tide77xq)", literals=[literal], group=1)
        made = Redactor(rules.rules)
        text = f"x {literal}tide77xq y"
        data = wrap(text)
        gate = made.gate(data if isinstance(data, bytes) else data.encode())
        assert gate is not None, literal
        assert made.text(text, gate) != text, literal
        assert redacted({"a": [text]}, made) != {"a": [text]}, literal


def test_a_table_switches_rules_off_and_allows_values() -> None:
    table = own_rules({"off": ["github-token"], "allow": ["^hunter"]})
    token = "gh" + "p_" + Dice(8).alnum(36)
    assert redactor(own=table).text(f"see {token}") == f"see {token}"
    assert redactor(own=table).text("DB_PASSWORD=hunter2xyz") == "DB_PASSWORD=hunter2xyz"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"rules": []}, "has no key 'rules'"),
        ({"rule": {"name": "x"}}, "is a list"),
        ({"rule": [{"pattern": "x"}]}, "has no name"),
        ({"rule": [{"name": "A B]", "pattern": "x"}]}, "lower case"),
        ({"rule": [{"name": "x"}]}, "has no pattern"),
        ({"rule": [{"name": "x", "pattern": "("}]}, "no pattern"),
        ({"rule": [{"name": "x", "pattern": "a*"}]}, "fits an empty text"),
        ({"rule": [{"name": "x", "pattern": "a", "group": 1}]}, "no group 1"),
        ({"rule": [{"name": "x", "pattern": "a", "entropy": "much"}]}, "a number"),
        ({"rule": [{"name": "x", "pattern": "a", "literals": "a"}]}, "list of texts"),
        ({"rule": [{"name": "x", "pattern": "a", "what": 1}]}, "has no key 'what'"),
        ({"off": ["no-such"]}, "no rule 'no-such'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_the_reason(
    table: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        own_rules(table)


def test_every_rule_has_a_name_that_marks_can_hold() -> None:
    for rule in RULES:
        assert own_rules({"rule": [{"name": rule.name, "pattern": "x"}]}).rules[0].name == rule.name
