"""Texts to compare programs on: real ones where they are there, made ones always."""

import json
import pathlib
import random
from collections.abc import Callable

DATA = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data"
RMB = DATA / "rmb"

Turns = list[dict[str, str]]

WORDS = {
    "latin": "the answer is that a good reply names its sources and says what it does not know about them yet".split(),
    "accents": "café naïve señor Ærø coöperate façade Übermut crème œuvre ångström žluťoučký kůň".split(),
    "cyrillic": "ответ хороший потому что вопрос был понятен каждому".split(),
    "greek": "η απάντηση είναι σωστή γιατί ρώτησε καλά".split(),
    "arabic": "الجواب الجيد يذكر مصادره بوضوح".split(),
    "hebrew": "תשובה טובה מציינת את מקורותיה".split(),
    "hindi": "अच्छा उत्तर अपने स्रोत बताता है".split(),
    "thai": "คำตอบที่ดีบอกแหล่งที่มา ไม่ใช่ทุกอย่าง".split(),
    "chinese": "好的回答 会说明来源 并且承认 不知道的事情".split(),
    "japanese": "良い答えは 出典を示し わからないことは わからないと言う".split(),
    "korean": "좋은 대답은 출처를 밝힌다".split(),
    "emoji": "🙂 👍🏽 👩‍👩‍👧 🏳️‍🌈 ☃️ 🇨🇭 1️⃣".split(),
    "code": ["def f(x):", "    return x**2", "{\"a\": [1, 2]}", "</p>", "a<-b;", "x += 1;", "#include <stdio.h>"],
    "numbers": "0 7 42 1234567 3.14159 1,000,000 2026-11-28 ½ ² Ⅷ ٣٤ 12abc34".split(),
    "contractions": "I'm you're he'll WE'VE it's they'd 'Tis rock'n'roll o'clock I’m".split(),
}
MARKS = ["e\u0301", "\u0301", "a\u0323\u0302", "\u1100\u1161\u11a8", "\ufb01", "\u212b", "\u2126", "Q\u0307\u0323", ">\u0338"]
CONTROLS = ["\x00", "\x01", "\x07", "\x0b", "\x0c", "\x1b[0m", "\x7f", "\x85", "\u200b", "\ufeff", "\u2028", "\u202e", "\U000e0041"]
SPACES = [" ", "  ", "   ", " " * 7, " " * 16, " " * 33, " " * 150, "\t", "\t\t ", "\u00a0", "\u3000", "\u2003", "\n", "\n\n\n", "\r\n", "\r\n\r\n", "\r", " \n \n"]


def made(count: int, seed: int = 1) -> list[str]:
    """Texts of many scripts, with marks, controls, emoji and long runs of spaces. None is empty."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        kinds = draw.sample(sorted(WORDS), draw.choice([1, 1, 2, 3]))
        parts = []
        for _ in range(draw.choice([1, 3, 10, 40, 120])):
            chance = draw.random()
            if chance < 0.05:
                parts.append(draw.choice(MARKS))
            elif chance < 0.08:
                parts.append(draw.choice(CONTROLS))
            elif chance < 0.10:
                # Below the surrogates, and with code points that stand for nothing.
                parts.append(chr(draw.randrange(1, 0xD800)))
            else:
                parts.append(draw.choice(WORDS[draw.choice(kinds)]))
            parts.append(draw.choice(SPACES) if draw.random() < 0.25 else draw.choice([" ", " ", "", ", ", ". "]))
        texts.append("".join(parts) or " ")
    return texts


def prose(characters: int, seed: int) -> str:
    """A made text of words with spaces and ends of lines, so long."""
    draw = random.Random(seed)
    parts: list[str] = []
    length = 0
    while length < characters:
        kind = draw.choice(["latin"] * 6 + ["numbers", "contractions", "accents", "code", "chinese"])
        parts.append(draw.choice(WORDS[kind]) + draw.choice([" "] * 8 + [", ", ". ", ".\n", "\n\n"]))
        length += len(parts[-1])
    return "".join(parts)[:characters].strip()


def records(part: str) -> list[dict[str, object]]:
    """The records of a part of RMB, `Pairwise_set` or `BoN_set`, in the order of their files."""
    return [
        record
        for path in sorted((RMB / part).rglob("*.json"))
        for record in json.loads(path.read_text(encoding="utf-8"))
    ]


def corpus() -> list[str]:
    """Texts to train a tokenizer on and to compare with: RMB's where it is there, made ones otherwise."""
    if not RMB.is_dir():
        print(f"RMB is not in `{RMB}`: made texts are taken in its place")
        return [prose(1200, seed) for seed in range(1500)]
    texts: dict[str, None] = {}
    for record in records("Pairwise_set"):
        turns = record["conversation_input"]
        assert isinstance(turns, list)
        for turn in turns:
            texts[turn["content"]] = None
        for side in ("chosen", "reject"):
            answer = record[side]
            assert isinstance(answer, dict)
            texts[answer["answer"]] = None
    return [text for text in texts if text.strip()]


def spread(count: int, least: int = 20, most: int = 1500) -> list[int]:
    """Lengths in tokens from `least` to `most`, each the same times longer than the one before."""
    return [round(least * (most / least) ** (at / (count - 1))) for at in range(count)]


def dialogue(length: int, seed: int, measure: Callable[[Turns], int]) -> Turns:
    """A question and an answer, as many tokens as `measure` says or few less, a third of them in the question."""
    whole = prose(8 * length, seed)

    def turns(characters: int) -> Turns:
        cut = characters // 3
        question, answer = whole[:cut].strip() or "Why", whole[cut:characters].strip() or "So"
        return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    fits, too_long = 2, len(whole)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if measure(turns(middle)) <= length:
            fits = middle
        else:
            too_long = middle
    return turns(fits)
