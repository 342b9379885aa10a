"""Skills with numbers: sums, comparison, sequences, clock times, counting, units. Every answer is computed."""

from __future__ import annotations

import numpy as np

from training.data.spoken_form import number
from training.data.texts.draft import Draft, Maker, asked, pick

_THINGS = (
    "apples", "books", "coins", "marbles", "eggs", "pencils", "stamps", "chairs", "tickets", "oranges", "cards", "cups",
    "shirts", "flowers", "cookies", "keys", "toys", "plates", "buttons", "candles", "stones", "balls",
)  # fmt: skip


def _small(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 21)) if rng.random() < 0.6 else int(rng.integers(1, 100))


def _big(n: int) -> str:
    return number(n)


def add(rng: np.random.Generator) -> Draft:
    a, b = _small(rng), _small(rng)
    if rng.random() < 0.08:
        a, b = int(rng.integers(100, 900)), int(rng.integers(1, 100))
    x, y, things = number(a), number(b), pick(rng, _THINGS)
    question = pick(rng, (
        f"what is {x} plus {y}", f"what's {x} plus {y}", f"how much is {x} plus {y}", f"add {x} and {y}", f"what is {x} and {y} together",
        f"what is the sum of {x} and {y}", f"{x} plus {y}", f"if I have {x} {things} and get {y} more, how many {things} do I have",
        f"can you add {x} and {y}", f"calculate {x} plus {y}", f"there are {x} {things} and {y} more, how many are there",
        f"I had {x} {things} and bought {y} more, how many do I have now", f"could you work out {x} plus {y}", f"add {y} to {x}",
        f"what do you get when you add {x} to {y}", f"{x} plus {y} is what",
    ))  # fmt: skip
    total = number(a + b)
    return asked(
        "skill/add",
        rng,
        question,
        f"{x} plus {y} is {total}",
        thought=f"{a} + {b} = {a + b}.",
        key=total,
        argument=f"{a} {b}",
    )


def subtract(rng: np.random.Generator) -> Draft:
    a, b = sorted((_small(rng) + _small(rng), _small(rng)), reverse=True)
    x, y, things = number(a), number(b), pick(rng, _THINGS)
    question = pick(rng, (
        f"what is {x} minus {y}", f"what's {x} minus {y}", f"how much is {x} minus {y}", f"subtract {y} from {x}", f"take {y} away from {x}",
        f"if I have {x} {things} and give away {y}, how many are left", f"{x} minus {y}", f"what is {x} take away {y}",
        f"what is the difference between {x} and {y}", f"I had {x} {things} and lost {y}, how many do I have",
        f"calculate {x} minus {y}", f"how many are left if you take {y} from {x}", f"can you subtract {y} from {x}",
    ))  # fmt: skip
    rest = number(a - b)
    return asked(
        "skill/subtract",
        rng,
        question,
        f"{x} minus {y} is {rest}",
        thought=f"{a} - {b} = {a - b}.",
        key=rest,
        argument=f"{a} {b}",
    )


def multiply(rng: np.random.Generator) -> Draft:
    a, b = int(rng.integers(1, 13)), int(rng.integers(1, 13))
    if rng.random() < 0.15:
        a, b = int(rng.integers(2, 10)) * 10, int(rng.integers(2, 10))
    x, y, things = number(a), number(b), pick(rng, _THINGS)
    question = pick(rng, (
        f"what is {x} times {y}", f"what's {x} times {y}", f"what is {x} multiplied by {y}", f"multiply {x} by {y}", f"how much is {x} times {y}",
        f"{x} times {y}", f"what is the product of {x} and {y}", f"if there are {x} boxes with {y} {things} each, how many {things} are there",
        f"calculate {x} times {y}", f"can you multiply {x} and {y}", f"how many {things} are in {x} bags of {y}",
    ))  # fmt: skip
    product = number(a * b)
    return asked(
        "skill/multiply",
        rng,
        question,
        f"{x} times {y} is {product}",
        thought=f"{a} x {b} = {a * b}.",
        key=product,
        argument=f"{a} {b}",
    )


def divide(rng: np.random.Generator) -> Draft:
    b, c = int(rng.integers(1, 13)), int(rng.integers(1, 13))
    a = b * c
    x, y, things = number(a), number(b), pick(rng, _THINGS)
    question = pick(rng, (
        f"what is {x} divided by {y}", f"what's {x} divided by {y}", f"divide {x} by {y}", f"how much is {x} divided by {y}",
        f"how many times does {y} go into {x}", f"{x} divided by {y}", f"if {y} people share {x} {things}, how many does each get",
        f"share {x} {things} among {y} people, how many does each one get", f"can you divide {x} by {y}", f"calculate {x} divided by {y}",
    ))  # fmt: skip
    part = number(c)
    return asked(
        "skill/divide",
        rng,
        question,
        f"{x} divided by {y} is {part}",
        thought=f"{a} / {b} = {c}.",
        key=part,
        argument=f"{a} {b}",
    )


def double(rng: np.random.Generator) -> Draft:
    a = _small(rng)
    if rng.random() < 0.5:
        x, y = number(a), number(2 * a)
        question = pick(rng, (f"what is double {x}", f"what is twice {x}", f"double {x}", f"what do you get if you double {x}",
                              f"how much is two times {x}", f"what number is twice as big as {x}", f"can you double {x}"))  # fmt: skip
        return asked(
            "skill/double",
            rng,
            question,
            f"Double {x} is {y}",
            thought=f"2 x {a} = {2 * a}.",
            key=y,
            argument=f"double {a}",
        )
    x, y = number(2 * a), number(a)
    question = pick(rng, (f"what is half of {x}", f"half of {x}", f"how much is half of {x}", f"what is {x} cut in half",
                          f"what do you get if you halve {x}", f"can you halve {x}", f"tell me half of {x}"))  # fmt: skip
    return asked(
        "skill/double", rng, question, f"Half of {x} is {y}", thought=f"{2 * a} / 2 = {a}.", key=y, argument=f"half {a}"
    )


def compare(rng: np.random.Generator) -> Draft:
    a, b = (int(n) for n in rng.choice(100, 2, replace=False) + 1)
    x, y, larger = number(a), number(b), rng.random() < 0.5
    more = pick(rng, ("bigger", "larger", "greater", "higher") if larger else ("smaller", "lower", "less"))
    question = pick(rng, (f"which number is {more}, {x} or {y}", f"which is {more}, {x} or {y}", f"what is {more}, {x} or {y}",
                          f"is {x} or {y} the {more} number", f"of {x} and {y}, which one is {more}",
                          f"tell me which is {more}, {x} or {y}"))  # fmt: skip
    first, second = (max(a, b), min(a, b)) if larger else (min(a, b), max(a, b))
    sign = ">" if a > b else "<"
    answer = f"{number(first)} is {'bigger' if larger else 'smaller'} than {number(second)}"
    return asked(
        "skill/compare",
        rng,
        question,
        answer,
        thought=f"Compare {a} and {b}: {a} {sign} {b}.",
        key=number(first),
        argument=f"{a} {b}",
    )


def sequence(rng: np.random.Generator) -> Draft:
    if rng.random() < 0.6:
        a, after = int(rng.integers(1, 100)), rng.random() < 0.5
        x, b = number(a), a + 1 if after else a - 1
        words = (
            ("after", "right after", "following", "right following")
            if after
            else ("before", "right before", "just before")
        )
        word = pick(rng, words)
        question = pick(rng, (f"which number is {word} {x}", f"what number comes {word} {x}", f"what comes {word} {x}",
                              f"which number comes {word} {x}", f"name the number {word} {x}"))  # fmt: skip
        direction, sign = ("after", "+") if after else ("before", "-")
        return asked(
            "skill/sequence",
            rng,
            question,
            f"{number(b)} comes {direction} {x}",
            thought=f"{a} {sign} 1 = {b}.",
            key=number(b),
            argument=f"{a} {direction}",
        )
    first, step = int(rng.integers(1, 30)), int(rng.choice([1, 2, 3, 5, 10]))
    row = [first + k * step for k in range(4)]
    said = ", ".join(number(n) for n in row)
    question = pick(
        rng,
        (
            f"what comes next, {said}",
            f"continue the sequence {said}",
            f"which number comes next, {said}",
            f"{said}, what is next",
        ),
    )
    return asked("skill/sequence", rng, question, f"The next number is {number(row[-1] + step)}",
                 thought=f"Each number is {step} more: {row[-1]} + {step} = {row[-1] + step}.", key=number(row[-1] + step), argument=f"{row}")  # fmt: skip


def clock(rng: np.random.Generator) -> Draft:
    hour, hours, later = int(rng.integers(1, 13)), int(rng.integers(1, 12)), rng.random() < 0.5
    shift = hours if later else -hours
    result = (hour + shift - 1) % 12 + 1
    o, n = f"{number(hour)} o'clock", f"{number(hours)} {'hour' if hours == 1 else 'hours'}"
    direction = "after" if later else "before"
    forms = [
        f"what time is {n} {direction} {o}",
        f"what time is it {n} {direction} {o}",
        f"{n} {direction} {o} is what time",
    ]
    if later:
        forms += [
            f"if it is {o} now, what time is it in {n}",
            f"it's {o}, what time will it be in {n}",
            f"I start at {o} and need {n}, when am I done",
        ]
    else:
        forms += [f"if it is {o} now, what time was it {n} ago", f"it's {o}, what time was it {n} ago"]
    raw = hour + shift
    working = f"{hour} {'+' if later else '-'} {hours} = {raw}" + (
        "." if 1 <= raw <= 12 else f", on the clock {result}."
    )
    said = f"{number(result)} o'clock"
    answer = f"It {'will be' if later else 'was'} {said}"
    return asked("skill/time", rng, pick(rng, forms), answer, thought=working, key=said, argument=f"{hour} {shift}")


def count(rng: np.random.Generator) -> Draft:
    step = int(rng.choice([1, 1, 1, 2, 5, 10]))
    first = int(rng.integers(1, 25)) * (step if step > 1 else 1)
    length = int(rng.integers(3, 8))
    back = step == 1 and rng.random() < 0.3
    row = [first + k * step for k in range(length)]
    row = row[::-1] if back else row
    a, b = number(row[0]), number(row[-1])
    by = {1: "", 2: " by twos", 5: " by fives", 10: " by tens"}[step]
    way = " backwards" if back else ""
    question = pick(rng, (f"count{by}{way} from {a} to {b}", f"can you count{by}{way} from {a} to {b}", f"please count{by}{way} from {a} up to {b}"
                          if not back else f"please count down from {a} to {b}", f"count for me{by}{way} from {a} to {b}"))  # fmt: skip
    said = ", ".join(number(n) for n in row)
    return asked("skill/count", rng, question, said, thought="The user wants me to count.", key=said, argument=f"{row}")


_UNITS = (
    ("minutes", "an hour", "hours", 60), ("seconds", "a minute", "minutes", 60), ("hours", "a day", "days", 24),
    ("days", "a week", "weeks", 7), ("months", "a year", "years", 12), ("centimeters", "a meter", "meters", 100),
    ("meters", "a kilometer", "kilometers", 1000), ("grams", "a kilogram", "kilograms", 1000), ("inches", "a foot", "feet", 12),
    ("feet", "a yard", "yards", 3), ("millimeters", "a centimeter", "centimeters", 10), ("cents", "a dollar", "dollars", 100),
    ("eggs", "a dozen", "dozen", 12), ("years", "a decade", "decades", 10), ("years", "a century", "centuries", 100),
    ("ounces", "a pound", "pounds", 16), ("milliliters", "a liter", "liters", 1000), ("pence", "a pound", "pounds", 100),
)  # fmt: skip


def units(rng: np.random.Generator) -> Draft:
    small, one, many, factor = pick(rng, _UNITS)
    n = int(rng.integers(1, 11)) if factor <= 100 else int(rng.integers(1, 6))
    big = one if n == 1 else f"{number(n)} {many}"
    total = number(n * factor)
    question = pick(rng, (f"how many {small} are in {big}", f"how many {small} are there in {big}", f"{big} is how many {small}",
                          f"how many {small} does {big} have", f"convert {big} to {small}", f"what is {big} in {small}"))  # fmt: skip
    verb = "is" if n == 1 else "are"
    return asked(
        "skill/units",
        rng,
        question,
        f"{big} {verb} {total} {small}",
        thought=f"{n} x {factor} = {n * factor}.",
        key=total,
        argument=f"{n} {one} {small}",
    )


def parity(rng: np.random.Generator) -> Draft:
    a = _small(rng)
    x, even = number(a), a % 2 == 0
    question = pick(
        rng,
        (
            f"is {x} even or odd",
            f"is the number {x} odd or even",
            f"{x}, is that even or odd",
            f"tell me if {x} is even or odd",
        ),
    )
    word = "even" if even else "odd"
    return asked(
        "skill/parity", rng, question, f"{x} is {word}", thought=f"{a} / 2 leaves {a % 2}.", key=word, argument=f"{a}"
    )


def change(rng: np.random.Generator) -> Draft:
    paid, price = int(rng.choice([5, 10, 20, 50, 100])), 0
    price = int(rng.integers(1, paid))
    money = pick(rng, ("dollars", "pounds", "euros"))
    x, y, rest = number(paid), number(price), number(paid - price)
    thing = pick(rng, ("book", "lunch", "shirt", "ticket", "coffee and a cake", "lamp", "hat", "toy"))
    question = pick(rng, (f"a {thing} costs {y} {money} and I pay with {x}, how much change do I get", f"I pay {x} {money} for a {thing} that costs {y}, what is my change",
                          f"how much change do I get from {x} {money} if I spend {y}"))  # fmt: skip
    unit = money if paid - price != 1 else money[:-1]
    return asked(
        "skill/change",
        rng,
        question,
        f"You get {rest} {unit} back",
        thought=f"{paid} - {price} = {paid - price}.",
        key=rest,
        argument=f"{paid} {price}",
    )


MAKERS: dict[str, Maker] = {
    "add": add, "subtract": subtract, "multiply": multiply, "divide": divide, "double": double, "compare": compare,
    "sequence": sequence, "time": clock, "count": count, "units": units, "parity": parity, "change": change,
}  # fmt: skip
