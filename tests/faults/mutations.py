"""What becomes of a valid input in hostile hands: bytes changed, words of a dictionary put in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Json = Any
Random = random.Random

_DEEP = 100_000
_BOM = b"\xef\xbb\xbf"
_ID = b"019b0000-0000-7000-8000-00000000000a"

# JSON texts that stand where a value stood, so that what is around them stays whole.
VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"[]", b"{}", b'""', b"0", b"-0", b"-0.0", b"-1", b"1.5", b"1e308"),
    *(b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"01", b"+1", b".5"),
    *(b"2147483648", b"9007199254740993", b"9223372036854775808", b"18446744073709551616"),
    *(b"-9223372036854775809", b"1" * 400, b"9" * 5000, b"-" + b"9" * 5000),
    *(rb'"\ud800"', rb'"\udfff\ud800"', rb'"\ud83d\ude00"', rb'{"\ud800":1}', rb'"\u0000"'),
    *(b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"'),
    *('"\u2028\u2029\x85"'.encode(), b'"' + _BOM + b'"', b'"\x00"', b'"\x1b[2J"', b'"\r"'),
    *(rb'"\u001b[2J\u0007\u202e"', rb'"\u001b]0;title\u0007"', rb'"\u009b31m"'),
    *(b'{"a":1,"a":2}', b'{"type":"x","type":"y"}', b'[[],[[]],{"a":[{}]}]'),
    *(b'"../../../etc/passwd"', b'"/etc/passwd"', b'"%2e%2e%2f"', b'"~/x"', b'"a\\u0000b"'),
    *(b'"event_msg"', b'"session_meta"', b'"paginated"', b'"message"', b'"task_started"'),
    *(
        b'"' + _ID + b'"',
        b'"urn:uuid:' + _ID + b'"',
        b'"{' + _ID + b'}"',
        b'"9999-99-99T99:99:99Z"',
    ),
)
# The same, but large: they are drawn less often.
LARGE_VALUES: tuple[bytes, ...] = (
    *(b"[" * n + b"]" * n for n in (100, 400, 900, 960, 990, 1020, 5000, _DEEP)),
    *(b'{"a":' * n + b"0" + b"}" * n for n in (100, 400, 900, 960, 990, 1020, 5000)),
    *(b"[" * _DEEP, b'{"a":' * 20_000, b'"' + b"x" * 200_000 + b'"', b"[" + b"0," * 50_000 + b"0]"),
    *(
        b"{" + b'"k":0,' * 20_000 + b'"k":1}',
        b"9" * 100_000,
        b'"' + "\u00e9".encode() * 50_000 + b'"',
    ),
)
# Pieces that are put in anywhere.
TOKENS: tuple[bytes, ...] = (
    *VALUES,
    *(b"\n", b"\n\n", b"\r", b"\r\n", b"\x0b", b"\x0c", b"\0", b"\0" * 512, b"\x1a", b"\x7f"),
    *(b"\xff", b"\xfe\xff", b"\xff\xfe{\x00", b"\xc3", b"\x80", b"\xed\xb0\x80", _BOM),
    *("\u2028".encode(), "\u202e".encode(), "\u00e9".encode(), "\U0001f600".encode()),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", rb"\u", rb"\ud8", b":", b",", b" ", b"\t"),
    *(b'"type":"event_msg",', b'"type":"turn_started",', b'"payload":{},', b'"payload":null,'),
    *(b'"timestamp":"",', b'"ordinal":18446744073709551615,', b'"ordinal":-1,', b'"ordinal":1e2,'),
    *(b'"metadata":{"a":1},', b'"record_type":"state",', b'"id":"x",'),
    *(b"../", b"..", b"./", b"/", b"//", b"%2e", b"%2F", b"~", b"/etc/passwd", b"C:\\"),
    *(b"urn:uuid:", b"{" + _ID + b"}", _ID, _ID.upper(), _ID.replace(b"-", b""), b"-", b"_", b"|"),
    *(b"rollout-", b".jsonl", b".zst", b".tmp", b"T", b"Z", b"+00:00", b"-99:99", b".", b"+"),
    *("\u0661".encode(), "\uff11".encode(), b"0", b"9", b"0" * 40, b"9" * 400, b"a" * 300),
)
LARGE_TOKENS: tuple[bytes, ...] = (*LARGE_VALUES, b"\n" * 5000, b"\0" * 100_000, b"-" * 100_000)
# How seldom something large is drawn.
_LARGE_ONE_IN = 60


def token(rng: Random) -> bytes:
    """A piece that is put in anywhere."""
    return rng.choice(TOKENS if rng.randrange(_LARGE_ONE_IN) else LARGE_TOKENS)


def _flip(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start, new = rng.randint(0, len(data)), rng.randbytes(rng.randint(1, 6))
    return data[:start] + new + data[start + len(new) :]


def _cut_end(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _cut_out(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + data[start + rng.randint(1, 40) :]


def _splice(rng: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _repeat(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.randint(1, 60)]
    return data[:start] + piece * rng.choice([2, 2, 2, 3, 50]) + data[start + len(piece) :]


def _insert(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + token(rng) + data[start:]


def _replace(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    return data[:start] + token(rng) + data[start + rng.randint(1, 20) :]


def _begin(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return rng.choice([_BOM, b"\0", b" ", b"\xff\xfe", token(rng)]) + data


def _end(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return data + rng.choice([b"\n", b"\r", b" ", b"\0", token(rng)])


# Small changes, after which most of a name or an id still is what it was.
_ALIKE = (
    *(b"%d" % digit for digit in range(10)),
    *(b"a", b"f", b"g", b"T", b"Z", b"-", b"_", b"."),
)
_ALIKE += (*("\u0662".encode(), "\uff12".encode(), "\u2010".encode()), b"/", b":", b" ")


def _exchange(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(_ALIKE) + data[at + 1 :]


def _change_case(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start = rng.randint(0, len(data))
    end = start + rng.choice([1, 4, 40])
    return data[:start] + data[start:end].swapcase() + data[end:]


def _widen(rng: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return data.decode(errors="replace").encode(rng.choice(["utf-16", "utf-16-be", "utf-32"]))


Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]
_COMMON: tuple[Mutator, ...] = (_flip, _overwrite, _cut_end, _cut_out, _splice, _repeat)
MUTATORS: tuple[Mutator, ...] = (*_COMMON, _insert, _insert, _replace, _replace, _begin, _end)
GENTLE: tuple[Mutator, ...] = (_exchange, _change_case, _end)


def mutated(rng: Random, seeds: Sequence[bytes], mutators: Sequence[Mutator] = MUTATORS) -> bytes:
    """One of the seeds, changed a few times, or (one in 20) as it is."""
    data = rng.choice(seeds)
    if not rng.randrange(20):
        return data
    if not rng.randrange(100):
        return _widen(rng, data, seeds)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 5])):
        data = rng.choice(mutators)(rng, data, seeds)
    return data


def mutated_text(rng: Random, seeds: Sequence[str]) -> str:
    """The same of texts; what is no UTF-8 becomes what the system makes of it in a name."""
    raws = [seed.encode("utf-8", "surrogateescape") for seed in seeds]
    how = GENTLE if rng.randrange(2) else MUTATORS
    return mutated(rng, raws, how).decode("utf-8", "surrogateescape")


_MARK = "a mark that stands where a value stood"


def reshaped(rng: Random, raw: bytes) -> bytes:
    """A JSON object that stays one, but for one value or key, which is another."""
    value = json.loads(raw)
    holder = _some_holder(rng, value)
    key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    how = rng.randrange(8)
    if how == 0:
        del holder[key]
        return _text(value)
    if how == 1 and isinstance(holder, dict):
        holder[_MARK] = holder.pop(key)  # the last key is another
        return _with(_text(value), rng.choice([b'"type"', b'"id"', b'"new"', rb'"\ud800"']))
    if how == 2 and isinstance(holder, dict):
        holder[_MARK] = 0  # one key more, of any name there is
        return _with(_text(value), b'"%b"' % rng.choice(list(holder)[:-1]).encode())
    holder[key] = _MARK
    large = not rng.randrange(_LARGE_ONE_IN)
    return _with(_text(value), rng.choice(LARGE_VALUES if large else VALUES))


def _with(text: bytes, new: bytes) -> bytes:
    return text.replace(b'"%b"' % _MARK.encode(), new)


def _text(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _some_holder(rng: Random, value: Json) -> Json:
    """An object or array of the value, with something in it."""
    holders, left = [], [value]
    while left:
        each = left.pop()
        if isinstance(each, (dict, list)) and each:
            holders.append(each)
            left.extend(each.values() if isinstance(each, dict) else each)
    return rng.choice(holders)
