"""Numbers in words: cardinals, decimals, ordinals, years, digits one by one. Built on num2words; pure functions.

Knows nothing of sentences; `quantities.py` finds the numbers in them.
"""

from __future__ import annotations

from num2words import num2words

# Longer ones are account or serial numbers: nobody says "quadrillion" to mean one.
MAX_CARDINAL_DIGITS = 15

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def digits(number: str) -> str:
    """Each digit by itself: "007" is "zero zero seven". Other characters are left out."""
    return " ".join(_DIGITS[int(char)] for char in number if char in "0123456789")


def cardinal(number: str) -> str:
    """ "1,234" is "one thousand two hundred and thirty-four"; a code with leading zeros is read digit by digit."""
    bare = number.replace(",", "").lstrip("-")
    sign = "minus " if number.startswith("-") else ""
    if len(bare) > MAX_CARDINAL_DIGITS or (len(bare) > 1 and bare.startswith("0")):
        return sign + digits(bare)
    # num2words separates its thousands with commas, which a voice would make pauses of.
    return sign + str(num2words(int(bare))).replace(",", "")


def number(text: str) -> str:
    """A whole or decimal number: "3.50" is "three point five zero", ".5" is "zero point five"."""
    whole, point, decimals = text.partition(".")
    if not point or not decimals:
        return cardinal(whole or "0")
    sign = "minus " if whole.startswith("-") else ""
    return f"{sign}{cardinal(whole.lstrip('-') or '0')} point {digits(decimals)}"


def ordinal(number: int) -> str:
    return str(num2words(number, to="ordinal")).replace(",", "")


def year(number: int) -> str:
    """1905 is "nineteen oh five", 2005 "two thousand and five", 2024 "twenty twenty-four"."""
    return str(num2words(number, to="year")).replace("oh-", "oh ")


def decade(number: int) -> str:
    """1990 is "nineteen nineties", 80 is "eighties"."""
    said = year(number) if number >= 1000 else cardinal(str(number))
    if number % 100 == 0:
        return f"{said}s"
    return f"{said.removesuffix('y')}ies"


def fraction(above: int, below: int) -> str:
    """1/2 is "one half", 3/4 "three quarters", 2/3 "two thirds", 5/100 "five over one hundred"."""
    if not 2 <= below <= 20:
        return f"{cardinal(str(above))} over {cardinal(str(below))}"
    one, many = _FRACTIONS.get(below, (ordinal(below), f"{ordinal(below)}s"))
    return f"{cardinal(str(above))} {one if above == 1 else many}"


def clock(hour: int, minute: int, half: str = "") -> str:
    """7, 0 is "seven o'clock"; 7, 5 "seven oh five"; with `half` "A.M." or "P.M." it is "seven P.M."."""
    said = cardinal(str(hour))
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(str(minute))}"
    elif not half:
        return f"{said} o'clock" if 1 <= hour <= 12 else f"{said} hundred hours"
    return f"{said} {half}".rstrip()


def date(month: int, day: int, in_year: int | None = None) -> str:
    """3, 5, 2024 is "March fifth, twenty twenty-four"."""
    said = f"{MONTHS[month - 1]} {ordinal(day)}"
    return said if in_year is None else f"{said}, {year(in_year)}"
