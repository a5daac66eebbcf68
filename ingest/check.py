"""What the files of a folder would be read as, and what to declare where that is not clear.

Each file is read as landing reads it, into a lake in a temporary folder. What is suggested was
tried: the file was read again with it.
"""

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from ingest.contract import Entity, why_left_alone
from ingest.declarations import Declaration, Declarations, load_declarations
from ingest.dialect import SEPARATORS, unpacked
from ingest.headers import HeaderMatch, match_header
from ingest.landing import check_input, entity_of, is_named, list_input
from ingest.likeness import likely_columns
from ingest.readers import read
from ingest.reading import read_landed
from ingest.structure import Malformed
from ingest.written import EITHER, MONTH_FIRST, TEXT, Forms, Keys, Written, with_keys
from lake import paths
from lake.errors import InputError, UnreadableError
from lake.local import LocalLake
from lake.manifest import FileRecord

_log = logging.getLogger(__name__)

FIRST_ROWS = 3
PRESETS = Path(__file__).with_name("presets")

# How messages say what settles them: keys that belong together stand with an `and` between them.
_DECLARED = re.compile(r"`\w+: [^`]+`(?: and `\w+: [^`]+`)*")
_YEAR_OF_TWO_DIGITS = re.compile(r"\b\d\d([/.-])\d\d?\1\d\d\b(?!\1)")
_ENCODINGS = ("cp1252", "cp1251", "shift_jis", "gb18030")
_WESTERN = re.compile(r"[\x00-\x7f\xa0À-ÿŒœŠšŽžŸ€£§°²³´·ºª½–—‘’“”„…«»®©™]*")
# Three such letters on end are of another alphabet, these signs beside letters of another language.
_NOT_WESTERN = re.compile(r"[À-ÿ]{3}|[£¹³¼¾Ÿ](?=[^\W\d_])|[^\W\d_][¹¿Ÿ]")
_LOOKED_AT = 1 << 20  # bytes of a text, to tell whether its letters are right
_UNNAMED = re.compile(r"unnamed_\d+")  # what a header without a name is called
_TITLE_LINES = 20  # how far down a header of other names is looked for
_TIME_KEYS = {"dates", "datetime_formats", "epoch"}
_SETTLED = 0.1  # of the values may stay unread where what is suggested is sure
_TRIALS = 10  # of a file: one thing can hide another
_CHOOSE = "more than one declaration fits, and only you know which is right"
_LETTERS = (
    "look whether the letters are right; cp1250 is that of Central Europe, cp1251 Cyrillic, "
    "cp1253 Greek, cp1254 Turkish"
)
_NOT_FOLLOWED = "this version does not build answers by it yet, and c360 run refuses it"


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


@dataclass(frozen=True)
class Read:
    """What came of reading a file once: its rows, or why it was refused."""

    declaration: Declaration
    record: FileRecord | None = None
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    times: Mapping[str, Forms] = field(default_factory=dict)
    numbers: Mapping[str, Forms] = field(default_factory=dict)
    keys: Mapping[str, Forms] = field(default_factory=dict)
    rows: tuple[Mapping[str, str | None], ...] = ()

    @property
    def unread(self) -> int:
        """How many values cannot be read."""
        return sum(f.unread for of in (self.times, self.numbers, self.keys) for f in of.values())

    @property
    def is_either(self) -> bool:
        """Whether its dates fit day first and month first, and nothing tells which it is."""
        counts = {
            name: count for each in self.times.values() for name, count in each.counts.items()
        }
        return bool(counts.get(EITHER)) and not counts.get(MONTH_FIRST)

    @property
    def unsettled(self) -> int:
        """How much of it could be declared; less of it is better."""
        told = sum(bool(_DECLARED.search(warning)) for warning in self.warnings)
        return self.unread + told + self.is_either


@dataclass
class FileCheck:
    """A file, what it would be read as, and what to declare.

    `entity` is None for a file that would be left alone, and `left_alone` says why. `settled` is
    how the file is read with what is suggested, None when nothing is.
    """

    source: str
    path: Path
    entity: Entity | None = None
    left_alone: str = ""
    header: HeaderMatch | None = None
    names: tuple[str, ...] = ()
    read: Read | None = None
    settled: Read | None = None
    suggestions: list[Suggestion] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Whether landing would refuse the file."""
        return bool(self.read and self.read.refusal)


def check_folder(
    folder: Path, contract: Mapping[str, Entity], declarations: Declarations
) -> Iterator[FileCheck]:
    """Yield what each file below a folder would be read as; raises InputError for no folder."""
    for path, source in list_input(folder):
        with _Reader(path, source) as reader:
            yield _checked(reader, contract, declarations)


def agreed(checks: Sequence[FileCheck], declarations: Declarations) -> list[Suggestion]:
    """Return what to declare for all files together, as a declaration holds for all of an entity.

    What does one file good and another one harm is for a person to decide.
    """
    found: list[Suggestion] = []
    for check in checks:
        for each in check.suggestions:
            if each in found:
                continue
            if each.doubt or each.entity not in declarations.files:
                found.append(each)
                continue
            others = [
                o for o in checks if o.entity and o.entity.name == each.entity and o is not check
            ]
            harmed = next((o.source for o in others if _harms(each, o)), None)
            doubt = (
                f"it would change how {harmed} is read, and a declaration holds for all files of "
                "an entity: make the two files alike"
            )
            found.append(replace(each, doubt=doubt) if harmed else each)
    return list(_together(found, checks, declarations))


def _together(
    found: Sequence[Suggestion], checks: Sequence[FileCheck], declarations: Declarations
) -> Iterator[Suggestion]:
    """Yield one suggestion for all files that belong to an entity under names of their own."""
    named = [each for each in found if each.named]
    for each in found:
        alike = [o for o in named if (o.entity, o.keys) == (each.entity, each.keys)]
        if not each.named:
            yield each
        elif each == alike[0]:
            own = [o.named[0] for o in named if o.entity == each.entity]
            others = [
                check.source
                for check in checks
                if check.source not in own
                and (not check.entity or check.entity.name != each.entity)
            ]
            names = [name for o in alike for name in o.named]
            declared = declarations.for_entity(each.entity).files
            patterns = dict.fromkeys([*declared, *(_pattern(name, others) for name in names)])
            more = f" and {len(names) - 1:,} more are" if names[1:] else " is"
            yield replace(
                each,
                keys={"files": list(patterns), **each.keys},
                reason=f"the file {names[0]}{more} left alone",
                named=tuple(names),
            )


def _pattern(source: str, others: Sequence[str]) -> str:
    """Return a pattern of a file's name whatever its numbers are, if no other file has it."""
    name = source.rpartition("/")[2]
    stem, dot, ending = name.partition(".")
    pattern = re.sub(r"\d(?:[\d\W_]*\d)?", "*", stem) + dot + ending
    return name if any(is_named(other, pattern) for other in others) else pattern


# One file


class _Reader:
    """Reads one file, as often as asked, into a folder that goes away."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self.name = paths.safe_name(source)
        self._count = 0

    def __enter__(self) -> "_Reader":
        self._folder = tempfile.TemporaryDirectory(prefix="c360-check-")
        self._lake = LocalLake(Path(self._folder.name))
        self._connection = duckdb.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def read(self, entity: Entity, declaration: Declaration) -> tuple[Read, Written | None]:
        """Read the file as declared; return what came of it, and its rows to look at."""
        self._count += 1
        batch = f"read-{self._count}"
        path = paths.landed(entity.name, batch, self.name)
        record = FileRecord(entity.name, self.source, path, "", "", 0)
        try:
            record, warnings = read_landed(
                self._lake,
                entity,
                declaration,
                record,
                batch,
                datetime.now(UTC).replace(tzinfo=None),
                self._open,
            )
        except (UnreadableError, InputError) as error:
            return Read(declaration, refusal=str(error).rstrip(".")), None
        rows = self._lake.root / paths.rows(entity.name, batch, self.name)
        written = Written(self._connection, rows)
        with pq.ParquetFile(rows) as file:
            first = next(file.iter_batches(FIRST_ROWS, columns=list(entity.columns)), None)
        return Read(
            declaration,
            record,
            warnings=tuple(each.removeprefix(f"{self.source}: ") for each in warnings),
            times={column: written.times(column) for column in entity.times},
            numbers={column: written.numbers(column) for column in entity.numbers},
            keys={
                column: written.keys(column, declaration)
                for column in entity.key
                if column not in entity.times
            },
            rows=tuple(first.to_pylist() if first else ()),
        ), written

    def header(self, declaration: Declaration) -> list[str]:
        """Return the names in the file's header, whatever they are; none where there is none."""
        found: list[str] = []
        nothing = Entity("", "", ())
        for separator in [declaration.delimiter] if declaration.delimiter else SEPARATORS:
            header = _Header()
            try:
                with self._open() as raw:
                    read(self.name, raw, nothing, replace(declaration, delimiter=separator), header)
            except _FoundError:
                found = max(found, header.names, key=len)
            except Exception:  # whatever is wrong with the file, reading it tells of it
                _log.debug("%s has no header that can be read", self.name, exc_info=True)
        return found

    def is_western(self, encoding: str) -> bool:
        """Tell whether a text in an encoding has the letters of Western European languages only."""
        text = self.text(encoding)
        return bool(_WESTERN.fullmatch(text)) and not _NOT_WESTERN.search(text)

    def text(self, encoding: str) -> str:
        """Return the beginning of a text in an encoding."""
        with self._open() as raw, unpacked(self.name, raw) as (_, stream):
            return stream.read(_LOOKED_AT).decode(encoding, "replace")

    def _open(self) -> BinaryIO:
        try:
            check_input(self.path)
            return cast(BinaryIO, self.path.open("rb"))
        except OSError as error:
            raise InputError(f"Cannot read {self.path}: {error.strerror}.") from error


class _FoundError(Exception):
    """The header is known: nothing more is to be read."""


class _Header:
    """Takes the header of a file and nothing else."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def header(self, names: Sequence[str], separator: str | None = None) -> None:
        self.names = [name for name in names if name]
        raise _FoundError

    def needs(self, name: str) -> bool:
        return True

    def rows(self, table: pa.Table, ascii_only: bool = False) -> None:
        self.header([name for column in table.column_names for name in _fields(table, column)])

    def malformed(self, line: Malformed) -> None:
        pass


def _fields(table: pa.Table, name: str) -> list[str]:
    """Return the name of a field of records, or those of the fields in it when it is an object."""
    inner: dict[str, None] = {}
    for text in table[name].to_pylist():
        if text and text.startswith("{"):
            with suppress(ValueError):
                inner.update(dict.fromkeys(json.loads(text)))
    return [f"{name}.{field}" for field in inner] or [name]


def _checked(
    reader: _Reader, contract: Mapping[str, Entity], declarations: Declarations
) -> FileCheck:
    check = FileCheck(reader.source, reader.path, entity_of(reader.source, contract, declarations))
    if not check.entity:
        check.left_alone = why_left_alone(reader.source)
        if "begin" in check.left_alone:  # it may be one, under a name of its own
            _suggest_name(check, reader, contract, declarations)
        return check
    declaration = declarations.for_entity(check.entity.name)
    _settle(check, reader, check.entity, declaration, contract)
    return check


def _settle(
    check: FileCheck,
    reader: _Reader,
    entity: Entity,
    declaration: Declaration,
    contract: Mapping[str, Entity],
) -> None:
    """Read a file, and again with what may be declared, until nothing makes it any better."""
    now, written = reader.read(entity, declaration)
    check.read = now
    tried: list[Keys] = []
    for _ in range(_TRIALS):
        for options in _proposals(reader, entity, now, written, contract):
            if not options or options[0].keys in tried:
                continue
            tried.append(options[0].keys)
            trial = with_keys(now.declaration, options[0].keys)
            then, seen = reader.read(entity, trial)
            if _is_better(now, then):
                check.suggestions += [_with_rest(each, now, then) for each in options]
                check.settled, now, written = then, then, seen
                break
        else:
            break
    names = list(now.record.header) if now.record else reader.header(now.declaration)
    check.names = tuple(names)
    check.header = match_header(entity, now.declaration, names)
    if "`columns`" in now.refusal:
        check.suggestions += _below_titles(reader, entity, now.declaration)[0]


def _with_rest(suggestion: Suggestion, before: Read, after: Read) -> Suggestion:
    """Put in doubt what leaves more than a few values unread: a person has to look at them."""
    kind = "times" if _TIME_KEYS.intersection(suggestion.keys) else "numbers"
    had, has = (sum(f.unread for f in getattr(read, kind).values()) for read in (before, after))
    if before.refusal or suggestion.doubt or has <= had * _SETTLED:
        return suggestion
    return replace(
        suggestion, doubt=f"{has:,} of {had:,} such values cannot be read with it either"
    )


def _is_better(before: Read, after: Read) -> bool:
    if before.refusal:
        is_same = before.refusal == after.refusal or "`encoding`" in after.refusal
        return not is_same
    return not after.refusal and after.unsettled < before.unsettled


def _proposals(
    reader: _Reader,
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
            for found in _DECLARED.findall(message)
        ]
        if any("rows" in keys for keys in options):
            # Lines are of orders; whatever else repeats was corrected.
            ways = ("one", "lines") if "Amount" in entity.columns else ("one",)
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
        yield from _presets(reader, entity, contract)
        found, is_whole = _below_titles(reader, entity, now.declaration)
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
    return [
        Suggestion(entity.name, keys, reason, _doubt(keys) or (_CHOOSE if options[1:] else ""))
        for keys in options
    ]


def _doubt(keys: Keys) -> str:
    unbuilt = {"currency", "unknown_keys"}.intersection(keys)
    is_unbuilt = unbuilt or keys.get("rows") == "lines" or keys.get("keys") == "text"
    return _NOT_FOLLOWED if is_unbuilt or keys.get("load") == "full" else ""


def _delimiters(
    reader: _Reader, entity: Entity, declaration: Declaration
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


def _encodings(reader: _Reader, entity: Entity, reason: str) -> Iterator[list[Suggestion]]:
    """Yield the encodings in which the text can be read, the most likely one first."""
    if reader.is_western(_ENCODINGS[0]):
        yield [Suggestion(entity.name, {"encoding": _ENCODINGS[0]}, reason)]
        return
    likely_first = (*_ENCODINGS[1:], _ENCODINGS[0])
    readable = [each for each in likely_first if "\ufffd" not in reader.text(each)[:-1]]
    options = [Suggestion(entity.name, {"encoding": each}, reason, _LETTERS) for each in readable]
    for number, option in enumerate(options):
        yield [option, *options[:number], *options[number + 1 :]]


# Names


def _presets(
    reader: _Reader, entity: Entity | None, contract: Mapping[str, Entity]
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
                yield [Suggestion(name, keys, reason, _doubt(keys))]


def _below_titles(
    reader: _Reader, entity: Entity, declaration: Declaration
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
    reason = f"its headers are {', '.join(names)}"
    return [Suggestion(entity.name, keys, reason, doubt)], not missing


def _one_or_more(headers: str | Sequence[str]) -> str | list[str]:
    return headers if isinstance(headers, str) else headers[0] if len(headers) == 1 else [*headers]


def _suggest_name(
    check: FileCheck,
    reader: _Reader,
    contract: Mapping[str, Entity],
    declarations: Declarations,
) -> None:
    """Suggest what a file is whose name doesn't tell, if a preset or its header does."""
    for preset in _presets(reader, None, contract):
        check.suggestions += preset
        return
    names = reader.header(Declaration())
    check.names = tuple(names)
    fitting = []
    for entity in contract.values():
        declaration = declarations.for_entity(entity.name)
        match = match_header(entity, declaration, names)
        columns: dict[str, str | list[str]] = {}
        if match.problem:
            columns, _ = likely_columns(entity, declaration, names)
            match = match_header(entity, with_keys(declaration, {"columns": columns}), names)
        if not match.problem:
            fitting.append((len(match.places) - len(columns), entity))
    if not fitting:
        return
    _, entity = max(fitting, key=lambda each: each[0])
    _settle(check, reader, entity, declarations.for_entity(entity.name), contract)
    check.read, found = None, check.suggestions
    own = [each.keys for each in found if not each.doubt]
    doubt = f"the name says nothing, but the columns are those of {entity.name}"
    check.suggestions = [
        Suggestion(entity.name, merged(own), "", doubt, (reader.source,)),
        *(each for each in found if each.doubt),
    ]


def _harms(suggestion: Suggestion, other: FileCheck) -> bool:
    """Tell whether keys that are declared for one file make another one of the entity worse."""
    before = other.settled or other.read
    assert other.entity
    assert before
    if suggestion in other.suggestions:
        return False
    trial = with_keys(before.declaration, suggestion.keys)
    with _Reader(other.path, other.source) as reader:
        after, _ = reader.read(other.entity, trial)
        if before.refusal:
            return False
        if after.refusal or after.unread > before.unread:
            return True
        if "encoding" in suggestion.keys and not before.declaration.encoding:
            return not reader.text("utf-8").isascii()
    is_month_first = any(MONTH_FIRST in forms.counts for forms in before.times.values())
    return suggestion.keys.get("dates") in ("dmy", "ymd") and is_month_first


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
