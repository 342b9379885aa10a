"""Finds the quantities in a sentence (money, dates, times, units, phone numbers, sums…) and puts them in words.

Knows nothing of markdown. The order of the rules matters: each leaves words behind, which no later rule matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from tts_bridge.numerals import MONTHS, cardinal, clock, date, decade, digits, fraction, number, ordinal, year

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]

_DIGIT = re.compile(r"\d")
_N = r"\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+"  # 1,234.5 · .5 · 12
_MONTH_OF = {name[:3].lower(): index + 1 for index, name in enumerate(MONTHS)}
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"  # noqa: E501
_SCALE = r"thousand|million|billion|trillion|bn|[kKmMbB](?![a-zA-Z])"
_SCALES = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}

# symbol: (one, many, one hundredth, many hundredths)
_MONEY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "jeon", "jeon"),
}
_CODES = {"USD": "$", "US$": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}

_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"), "m/s": ("meter per second", "meters per second"),
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "µm": ("micrometer", "micrometers"), "nm": ("nanometer", "nanometers"), "m": ("meter", "meters"),
    "ft": ("foot", "feet"), "mi": ("mile", "miles"), "yd": ("yard", "yards"), "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"), "g": ("gram", "grams"), "lbs": ("pound", "pounds"), "lb": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "l": ("liter", "liters"), "L": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"), "ms": ("millisecond", "milliseconds"), "µs": ("microsecond", "microseconds"),
    "ns": ("nanosecond", "nanoseconds"), "s": ("second", "seconds"), "sec": ("second", "seconds"),
    "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"), "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"), "GHz": ("gigahertz", "gigahertz"), "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"), "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"), "GB/s": ("gigabyte per second", "gigabytes per second"),
    "MB/s": ("megabyte per second", "megabytes per second"), "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"), "Gbps": ("gigabit per second", "gigabits per second"),
    "kW": ("kilowatt", "kilowatts"), "kWh": ("kilowatt hour", "kilowatt hours"), "MW": ("megawatt", "megawatts"),
    "W": ("watt", "watts"), "V": ("volt", "volts"), "mAh": ("milliamp hour", "milliamp hours"),
    "kcal": ("kilocalorie", "kilocalories"), "cal": ("calorie", "calories"), "kJ": ("kilojoule", "kilojoules"),
    "dB": ("decibel", "decibels"), "px": ("pixel", "pixels"), "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"), "%": ("percent", "percent"),
    "m²": ("square meter", "square meters"), "km²": ("square kilometer", "square kilometers"),
    "m³": ("cubic meter", "cubic meters"), "cm³": ("cubic centimeter", "cubic centimeters"),
}  # fmt: skip
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))

_YEAR_BEFORE = (
    r"(?:in|since|by|from|until|till|before|after|around|circa|year|during|early|late|mid|of|to|and|between|summer|"
    rf"winter|spring|autumn|fall|{_MONTH},?)"
)


def _is_one(text: str) -> bool:
    return text.replace(",", "") in {"1", "1.0"}


def _scale(text: str) -> str:
    return _SCALES.get(text.lower(), text)


def _money(symbol: str, amount: str, scale: str | None) -> str:
    one, many, cent, cents = _MONEY[symbol]
    if scale:
        return f"{number(amount)} {_scale(scale)} {many}"
    whole, _, decimals = amount.partition(".")
    if len(decimals) != 2:
        return f"{number(amount)} {one if _is_one(amount) else many}"
    hundredths = int(decimals)
    said_cents = f"{cardinal(str(hundredths))} {cent if hundredths == 1 else cents}"
    said = f"{cardinal(whole)} {one if _is_one(whole) else many}" if whole.strip("0,") or not hundredths else ""
    if not hundredths:
        return said
    return f"{said} and {said_cents}" if said else said_cents


def _unit(match: re.Match[str]) -> str:
    one, many = _UNITS[match["unit"]]
    return f"{number(match['n'])} {one if _is_one(match['n']) else many}"


def _half(letter: str | None) -> str:
    return f"{letter.upper()}.M." if letter else ""


def _time(match: re.Match[str]) -> str:
    hour, minute, second = int(match["h"]), int(match["m"]), match["s"]
    if hour > 24 or minute > 59 or (second and int(second) > 59):
        return " ".join(cardinal(part) for part in match.group().split(":") if part.isdigit()) or match.group()
    said = clock(hour, minute, _half(match["half"]))
    return f"{said} and {cardinal(str(int(second)))} seconds" if second else said


def _hour(match: re.Match[str]) -> str:
    return clock(int(match["h"]), 0, _half(match["half"])) if int(match["h"]) <= 12 else match.group()


def _full_year(text: str) -> int:
    return int(text) if len(text) == 4 else int(text) + (2000 if int(text) <= 30 else 1900)


def _numeric_date(match: re.Match[str]) -> str:
    """ISO, or month first as in the US, or day first where only that is possible."""
    month, day = int(match["mo"]), int(match["d"])
    if month > 12 >= day:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return " ".join(cardinal(part) for part in re.split(r"\D", match.group()) if part)
    return date(month, day, _full_year(match["y"]))


def _month_day(match: re.Match[str]) -> str:
    month, day = _MONTH_OF[match["mo"][:3].lower()], int(match["d"])
    if not 1 <= day <= 31:
        return match.group()
    return date(month, day, int(match["y"]) if match["y"] else None)


def _day_month(match: re.Match[str]) -> str:
    day = int(match["d"])
    if not 1 <= day <= 31:
        return match.group()
    said = f"the {ordinal(day)} of {MONTHS[_MONTH_OF[match['mo'][:3].lower()] - 1]}"
    return f"{said} {year(int(match['y']))}" if match["y"] else said


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match.group())
    plus = "plus " if match.group().lstrip("(").startswith("+") else ""
    return plus + ", ".join(digits(group) for group in groups)


def _dotted(match: re.Match[str]) -> str:
    """A version or an IP address: each part is a number of its own."""
    return " dot ".join(cardinal(part) for part in match.group().split("."))


def _range(match: re.Match[str]) -> str:
    first, second = match["a"], match["b"]
    if all(re.fullmatch(r"1[5-9]\d\d|20\d\d", each) for each in (first, second)):
        return f"{year(int(first))} to {year(int(second))}"
    return f"{first} to {second}"


def _fraction(match: re.Match[str]) -> str:
    above, below = int(match["a"]), int(match["b"])
    if above >= below:
        whole = f"{match['whole']} " if match["whole"] else ""
        return f"{whole}{cardinal(str(above))} over {cardinal(str(below))}"
    said = fraction(above, below)
    return f"{cardinal(match['whole'])} and {said.replace('one ', 'a ', 1)}" if match["whole"] else said


def _power(match: re.Match[str]) -> str:
    exponent = match["e"]
    return {"2": " squared", "3": " cubed"}.get(exponent, f" to the power of {number(exponent)}")


def _year_or_count(match: re.Match[str]) -> str:
    """Four digits without a comma: a year unless what follows is counted by it."""
    value, following = int(match["y"]), match["next"] or ""
    counted = following.lower() in {"people", "men", "women", "children"} or (
        following.islower() and following.endswith("s") and following not in {"was", "is", "as", "this", "its", "has"}
    )
    return (cardinal(match["y"]) if counted else year(value)) + match.group()[4:]


def _rule(pattern: str, say: Callable[[re.Match[str]], str], flags: re.RegexFlag = re.NOFLAG) -> Rule:
    return re.compile(pattern, flags), say


_RULES: list[Rule] = [
    _rule(r"\b[vV](?:er(?:sion)?)?\.? ?(?=\d)", lambda m: "version "),
    _rule(r"\b24/7\b", lambda m: "twenty-four seven"),
    _rule(r"\b(?P<verb>call|dial|ring|Call|Dial|Ring) (?P<n>\d{3})\b(?![-.]\d)",
          lambda m: f"{m['verb']} {digits(m['n'])}"),
    _rule(r"(?<![\w.])(?P<m>\d+(?:\.\d+)?)[eE](?P<e>[+-]?\d+)\b",
     lambda m: f"{number(m['m'])} times ten to the power of {number(m['e'].lstrip('+'))}"),
    _rule(r"(?<![\w.])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)\s?|\d{2,4}[ .-])\d{3}[ .-]\d{4}(?![\w-])", _phone),
    _rule(r"(?<![\w.+-])\d{3}-\d{4}(?![\w-])", _phone),
    _rule(r"\+\d{7,15}\b", _phone),
    _rule(r"(?<![\w.])\d{1,4}(?:\.\d{1,4}){2,}(?![\w])", _dotted),
    _rule(r"\b(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?(?:\s?(?P<half>[AaPp])\.?[Mm]\b\.?)?(?![\d:])", _time),
    _rule(r"\b(?P<a>\d{1,3}):(?P<b>\d{1,3})\b(?![\d:])", lambda m: f"{cardinal(m['a'])} to {cardinal(m['b'])}"),
    _rule(r"\b(?P<h>\d{1,2})\s?(?P<half>[AaPp])(?:\.[Mm]\.|[Mm]\b)", _hour),
    _rule(r"\b(?P<y>\d{4})-(?P<mo>\d{1,2})-(?P<d>\d{1,2})\b", _numeric_date),
    _rule(r"\b(?P<mo>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})\b", _numeric_date),
    _rule(rf"\b(?P<mo>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?![\d.:%])\b(?:,? (?P<y>\d{{4}})\b)?", _month_day),
    _rule(rf"\b(?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<mo>{_MONTH})\b\.?(?:,? (?P<y>\d{{4}})\b)?",
     _day_month),
    _rule(rf"(?P<c>[$€£¥₹₩])\s?(?P<a>{_N})\s?[-–]\s?[$€£¥₹₩]?(?P<n>{_N})(?:[ -]?(?P<s>{_SCALE}))?",
     lambda m: f"{number(m['a'])} to {_money(m['c'], m['n'], m['s'])}"),
    _rule(rf"(?P<c>[$€£¥₹₩])\s?(?P<n>{_N})(?:[ -]?(?P<s>{_SCALE}))?", lambda m: _money(m["c"], m["n"], m["s"])),
    _rule(rf"\b(?P<c>USD|EUR|GBP|JPY|INR)\s?(?P<n>{_N})", lambda m: _money(_CODES[m["c"]], m["n"], None)),
    _rule(rf"(?<![\w.])(?P<n>{_N})\s?(?P<c>USD|EUR|GBP|JPY|INR)\b", lambda m: _money(_CODES[m["c"]], m["n"], None)),
    _rule(rf"(?<![\w.])(?P<n>{_N})\s?(?P<c>[€£¥₹₩])", lambda m: _money(m["c"], m["n"], None)),
    _rule(rf"(?<![\w.])(?P<n>{_N})\s?¢", lambda m: f"{number(m['n'])} {'cent' if _is_one(m['n']) else 'cents'}"),
    _rule(r"(?<![\w.])(?P<f>\d)['′] ?(?P<i>\d{1,2})(?:[\"″]|'')",
     lambda m: f"{cardinal(m['f'])} foot {cardinal(m['i'])}"),
    # A sign, unless it stands between two numbers; "5-3=2" is a sum, "5-10" a range.
    _rule(rf"(?<=\d)\s?-\s?(?=(?:{_N})\s*(?:=|equals))|(?<=\d) - (?=\d)", lambda m: " minus "),
    _rule(r"(?<![\w)-])-(?=\.?\d)", lambda m: "minus "),
    _rule(r"(?<![\w.-])(?P<a>\d{1,6}(?:\.\d+)?)\s?[-–—]\s?(?P<b>\d{1,6}(?:\.\d+)?)(?![\w-]*-\d)", _range),
    _rule(r"(?<![\d/.])(?:(?P<whole>\d+) )?(?P<a>\d{1,3})/(?P<b>\d{1,3})(?![\d/])", _fraction),
    _rule(r"\b(?P<n>\d{1,3}(?:,\d{3})+|\d{1,9})(?:st|nd|rd|th)\b", lambda m: ordinal(int(m["n"].replace(",", "")))),
    _rule(r"\b(?P<n>1\d\d0|20\d0)['’]?s\b", lambda m: decade(int(m["n"]))),
    _rule(r"(?:(?<!\w)['’])?\b(?P<n>[2-9]0)['’]?s\b", lambda m: decade(int(m["n"]))),
    _rule(rf"(?<![\w.])(?P<n>{_N})[ -]?(?P<unit>{_UNIT})(?![\w²³/])", _unit),
    # "4K" and "8K" are pictures, "50K" is a count.
    _rule(rf"(?<![\w.])(?![48]K\b)(?P<n>{_N})(?P<s>k|K|M|B|bn)\b(?!-)", lambda m: f"{number(m['n'])} {_scale(m['s'])}"),
    _rule(r"\^\(?(?P<e>-?\d+)\)?", _power),
    _rule(rf"(?P<pre>\b{_YEAR_BEFORE} )(?P<y>1[1-9]\d\d|20\d\d)(?![\d,]\d|\.\d|\w)(?P<next>)",
     lambda m: f"{m['pre']}{year(int(m['y']))}", re.IGNORECASE),
    _rule(r"(?<![\w.,-])(?P<y>19\d\d|20\d\d)(?![\w]|[,.]\d)(?: (?P<next>[A-Za-z]+))?", _year_or_count),
    _rule(r"(?<=[A-Za-z])-?(?=\d)|(?<=\d)-?(?=[A-Za-z])", lambda m: " "),
    (re.compile(_N), lambda m: number(m.group())),
]  # fmt: skip


def say_quantities(text: str) -> str:
    """`text` with everything that holds a digit in words. No ASCII digit is left."""
    if not _DIGIT.search(text):
        return text
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    return text
