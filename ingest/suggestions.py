"""What may be declared for a file, by what came of reading it and by what stands in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from ingest.contract import Entity
from ingest.declarations import Declaration, Keys, load_declarations, with_keys
from ingest.headers import listed, match_header
from ingest.input_files import is_named
from ingest.likeness import likely_columns
from ingest.trials import DECLARED, FileReader, Read
from ingest.written import TEXT, Written

PRESETS = Path(__file__).with_name("presets")

_YEAR_OF_TWO_DIGITS = re.compile(r"\b\d\d([/.-])\d\d?\1\d\d\b(?!\1)")
_ENCODINGS = ("cp1252", "cp1251", "shift_jis", "gb18030")
_WESTERN = re.compile(r"[\x00-\x7f\xa0À-ÿŒœŠšŽžŸ€£§°²³´·ºª½–—‘’“”„…«»®©™]*")
# Three such letters on end are of another alphabet, these signs beside letters of another language.
_NOT_WESTERN = re.compile(r"[À-ÿ]{3}|[£¹³¼¾Ÿ](?=[^\W\d_])|[^\W\d_][¹¿Ÿ]")
_UNNAMED = re.compile(r"unnamed_\d+")  # what a header without a name is called
_TITLE_LINES = 20  # how far down a header of other names is looked for
_CHOOSE = "more than one declaration fits, and only you know which is right"
_RATES = "amounts are converted by rates, which are yours to put into the seed exchange_rates"
_LETTERS = (
    "look whether the letters are right; cp1250 is that of Central Europe, cp1251 Cyrillic, "
    "cp1253 Greek, cp1254 Turkish"
)


@dataclass(frozen=True)
class Suggestion:
    """Keys to declare for the files of an entity, and what was seen.

    `doubt` says why a person has to decide; it is empty for what is sure. Where several fit, each
    is a suggestion of its own. `named` are the files that belong to the entity only if it is taken.
    """

    entity: str
    keys: Keys
    reason: str
    doubt: str = ""
    named: tuple[str, ...] = ()


def proposals(
    reader: FileReader,
    entity: Entity,
    now: Read,
    written: Written | None,
    contract: Mapping[str, Entity],
) -> Iterator[list[Suggestion]]:
    """Yield what may be declared, in the order to try it; several suggestions where each fits."""
    for message in (now.refusal, *now.warnings):
        reason = message.split(". ")[0]
        options = [
            yaml.safe_load(found.strip("`").replace("` and `", "\n"))
            for found in DECLARED.findall(message)
        ]
        if any("rows" in keys for keys in options):
            # Lines are of orders; whatever else repeats was corrected.
            ways = ("one", "lines") if entity.has_lines else ("one",)
            options = [{"rows": way} for way in ways]
        if options == [{"dates": "dmy"}] and _YEAR_OF_TWO_DIGITS.search(reason):
            first = reader.read(entity, with_keys(now.declaration, {"dates": "ymd"}))[0]
            options += [] if first.refusal or first.unread else [{"dates": "ymd"}]
        yield _options(entity, options, reason)
    if "`encoding`" in now.refusal:
        reason = now.refusal.split(". ")[0]
        yield from _encodings(reader, entity, reason)
    if "`columns`" in now.refusal:
        yield from _delimiters(reader, entity, now.declaration)
        yield from fitting_presets(reader, entity, contract)
        found, is_whole = likely_headers(reader, entity, now.declaration)
        if is_whole:
            yield found
    if written:
        for of, find in ((now.times, written.time_keys), (now.numbers, written.number_keys)):
            for column, forms in of.items():
                if forms.unread:
                    reason = f"{column} has values such as {forms.example}"
                    yield _options(entity, find(column, now.declaration), reason)
    for column, forms in now.keys.items():
        text = forms.counts.get(TEXT, 0)
        if text * 2 > sum(forms.counts.values()):
            reason = f"{column} has letters or signs, such as {forms.example}"
            yield _options(entity, [{"keys": "text"}], reason)
    if now.is_either:
        reason = "every date fits both month first, as it is read, and day first"
        yield _options(entity, [{"dates": "mdy"}, {"dates": "dmy"}], reason)


def _options(entity: Entity, options: Sequence[Keys], reason: str) -> list[Suggestion]:
    choice = _CHOOSE if options[1:] else ""
    return [
        Suggestion(entity.name, keys, reason, _RATES if "currency" in keys else choice)
        for keys in options
    ]


def _delimiters(
    reader: FileReader, entity: Entity, declaration: Declaration
) -> Iterator[list[Suggestion]]:
    """Yield a sign of the header that splits it into the needed columns."""
    if declaration.delimiter:
        return
    (header, *_) = reader.header(declaration) or [""]
    for sign in dict.fromkeys(found for found in header if re.match(r"[!-/:-@\[-`{-~]", found)):
        split = replace(declaration, delimiter=sign)
        if sign not in '"_-' and not match_header(entity, split, reader.header(split)).problem:
            reason = f"{sign} stands between its columns"
            yield [Suggestion(entity.name, {"delimiter": sign}, reason)]


def _encodings(reader: FileReader, entity: Entity, reason: str) -> Iterator[list[Suggestion]]:
    """Yield the encodings in which the text can be read, the most likely one first."""
    if _is_western(reader.text(_ENCODINGS[0])):
        yield [Suggestion(entity.name, {"encoding": _ENCODINGS[0]}, reason)]
        return
    likely_first = (*_ENCODINGS[1:], _ENCODINGS[0])
    readable = [each for each in likely_first if "\ufffd" not in reader.text(each)[:-1]]
    options = [Suggestion(entity.name, {"encoding": each}, reason, _LETTERS) for each in readable]
    for number, option in enumerate(options):
        yield [option, *options[:number], *options[number + 1 :]]


def _is_western(text: str) -> bool:
    """Tell whether a text has the letters of Western European languages only."""
    return bool(_WESTERN.fullmatch(text)) and not _NOT_WESTERN.search(text)


def fitting_presets(
    reader: FileReader, entity: Entity | None, contract: Mapping[str, Entity]
) -> Iterator[list[Suggestion]]:
    """Yield the presets whose files are called like this one, and that can read it."""
    for path in sorted(PRESETS.glob("*.yml")):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, own in said["files"].items():
            if entity and entity.name != name:
                continue
            if not any(is_named(reader.source, pattern) for pattern in own["files"]):
                continue
            declaration = load_declarations(path, contract).for_entity(name)
            if not reader.read(contract[name], declaration)[0].refusal:
                keys = {**said.get("defaults", {}), **own}
                reason = f"it is written as ingest/presets/{path.name} declares it"
                yield [Suggestion(name, keys, reason)]


def likely_headers(
    reader: FileReader, entity: Entity, declaration: Declaration
) -> tuple[list[Suggestion], bool]:
    """Return what `_columns` does, of the line that has most of them: titles can be above it."""
    best: tuple[list[Suggestion], bool] = [], False
    for above in range(declaration.skip_lines or 0, _TITLE_LINES):
        skip = {"skip_lines": above} if above else {}
        skipping = with_keys(declaration, skip)
        names = [name for name in reader.header(skipping) if not _UNNAMED.fullmatch(name)]
        found, is_whole = _columns(entity, skipping, names)
        found = [replace(each, keys={**skip, **each.keys}) for each in found]
        if is_whole:
            return found, True
        count, most = (sum(len(o.keys["columns"]) for o in of) for of in (found, best[0]))
        if count > most:
            best = found, False
    return best


def _columns(
    entity: Entity, declaration: Declaration, names: Sequence[str]
) -> tuple[list[Suggestion], bool]:
    """Return which headers may be those of missing columns, and whether none is missing then."""
    found, is_sure = likely_columns(entity, declaration, names)
    if not found:
        return [], False
    columns = {**declaration.columns, **found}
    missing = match_header(entity, with_keys(declaration, {"columns": columns}), names).missing
    doubt = "" if is_sure else "these headers look alike, and only you know what is in them"
    if missing:
        doubt = f"no header looks like {', '.join(missing)}"
    keys = {"columns": {column: _one_or_more(headers) for column, headers in columns.items()}}
    reason = f"its headers are {listed(names)}"
    return [Suggestion(entity.name, keys, reason, doubt)], not missing


def _one_or_more(headers: str | Sequence[str]) -> str | list[str]:
    return headers if isinstance(headers, str) else headers[0] if len(headers) == 1 else [*headers]


def merged(all_keys: Sequence[Keys]) -> Keys:
    """Return keys of several declarations as those of one; lists are put together."""
    result: Keys = {}
    for keys in all_keys:
        for key, value in keys.items():
            before = result.get(key)
            if isinstance(before, list):
                value = list(dict.fromkeys([*before, *value]))
            elif isinstance(before, dict):
                value = {**before, **value}
            result[key] = value
    return result
