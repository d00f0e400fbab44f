#!/usr/bin/python3
"""Compare the index of core/json with Python's json on mutated documents.

Usage: json_against_python.py JSON_DUMP CORPUS_FOLDER [COUNT] [SEED]

Both must give the same verdict for each text, and the same value for each that they
take. Python's reader is made as strict as RFC 8259: UTF-8 checked, no byte order mark,
no NaN, no duplicate keys, no lone surrogates; numbers stay the text they are.
"""
import json
import pathlib
import random
import struct
import subprocess
import sys

DEPTH_MAX = 64


class Number(str):
    pass


def members(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def refuse(word):
    raise ValueError(word)


DECODER = json.JSONDecoder(object_pairs_hook=members, parse_int=Number, parse_float=Number,
                           parse_constant=refuse)


def quote(text):
    return '"' + text.encode("utf-8").hex() + '"'  # a lone surrogate raises here


def dump(value, depth=0):
    if isinstance(value, (dict, list)) and depth == DEPTH_MAX:
        raise ValueError("too deep")
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-8"))
        return "{" + ",".join(quote(k) + ":" + dump(value[k], depth + 1) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(v, depth + 1) for v in value) + "]"
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    return {None: "null", True: "true", False: "false"}[value]


def expected(text):
    try:
        # strip() takes more than JSON's white space, so only ours is taken off
        return dump(DECODER.decode(text.decode("utf-8").strip(" \t\r\n")))
    except (ValueError, RecursionError):
        return "no"


WORDS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00",
         b"\\u0000", b"null", b"true", b"false", b"NaN", b"-", b"0", b"1", b"9", b".", b"e",
         b"E+", b" ", b"\n", b"\r\n", b"\t", b"\x00", b"\x1f", b"\x7f", b"\x80", b"\xc0\x80",
         b"\xed\xa0\x80", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80",
         b"\xef\xbb\xbf", b"\xc2\xa0", b'"a":1,', b'"\\u0061":', b"[[[[[[[[", b"]]]]]]]]"]


def random_value(rng, depth=0):
    kind = rng.randrange(7 if depth < 5 else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randrange(-10**6, 10**6)
    if kind == 2:
        return rng.random() * 10 ** rng.randrange(-20, 20)
    if kind in (3, 4):
        return "".join(rng.choice('abc"\\/\n\t\x00\x7f\u00e9\u20ac\U0001f600 ')
                       for _ in range(rng.randrange(24)))
    if kind == 5:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    size = rng.choice([0, 1, 2, 3, 5, 20])
    return {random_value_key(rng, i): random_value(rng, depth + 1) for i in range(size)}


def random_value_key(rng, i):
    return rng.choice(["a", "key", "\u00e9", "", "x/y~"]) + str(i)


def random_text(rng, seeds):
    if rng.random() < 0.3:
        return rng.choice(seeds)
    return json.dumps(random_value(rng), ensure_ascii=rng.random() < 0.5,
                      indent=rng.choice([None, None, 1])).encode("utf-8")


def mutate(rng, text):
    for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text = text[:at] + rng.choice(WORDS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + 1 + rng.randrange(3):]
        elif kind == 2:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
        else:
            end = at + rng.randrange(12)
            text = text[:at] + text[at:end] * 2 + text[end:]
    return text[:4096]


def main():
    tool, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 20000
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    seeds = [p.read_bytes() for p in sorted(corpus.iterdir()) if p.is_file()]
    texts = seeds + [mutate(rng, random_text(rng, seeds)) for _ in range(count)]
    said = subprocess.run([tool], check=True, stdout=subprocess.PIPE,
                          input=b"".join(struct.pack("<I", len(t)) + t for t in texts))
    lines = said.stdout.decode("ascii").split("\n")[:-1]
    if len(lines) != len(texts):
        sys.exit(f"{len(texts)} texts and {len(lines)} answers")
    taken = 0
    for text, line in zip(texts, lines):
        other = expected(text)
        taken += other != "no"
        if other != line:
            sys.exit(f"text     {text!r}\nsluice   {line}\npython   {other}")
    print(f"{len(texts)} texts, {taken} taken, all alike")
    if not len(texts) // 10 < taken < len(texts):
        sys.exit("the texts are too good or too bad to tell anything")


main()
