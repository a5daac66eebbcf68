"""What the files of a folder would be read as, and what to declare where that is not clear.

What is suggested was tried: the file was read again with it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.contract import Entity, why_left_alone
from ingest.declarations import Declaration, Declarations, Keys, with_keys
from ingest.headers import HeaderMatch, match_header
from ingest.input_files import entity_of, is_named, list_input
from ingest.likeness import likely_columns
from ingest.suggestions import Suggestion, fitting_presets, likely_headers, merged, proposals
from ingest.trials import FileReader, Read
from ingest.written import MONTH_FIRST

_TIME_KEYS = {"dates", "datetime_formats", "epoch"}
_SETTLED = 0.1  # of the values may stay unread where what is suggested is sure
_TRIALS = 10  # of a file: one thing can hide another


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
        with FileReader(path, source) as reader:
            yield _checked(reader, contract, declarations)


def agreed(checks: Sequence[FileCheck], declarations: Declarations) -> list[Suggestion]:
    """Return what to declare for all files together, as a declaration holds for all of an entity.

    What does one file good and another one harm is for a person to decide.
    """
    found: list[Suggestion] = []
    known = []
    for check in checks:
        for each in check.suggestions:
            # Only what was seen differs then: one file's words are as good as another's.
            if (said := (each.entity, each.keys, each.doubt, each.named)) in known:
                continue
            known.append(said)
            if each.doubt:
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


def _harms(suggestion: Suggestion, other: FileCheck) -> bool:
    """Tell whether keys that are declared for one file make another one of the entity worse."""
    before = other.settled or other.read
    assert other.entity
    assert before
    trial = with_keys(before.declaration, suggestion.keys)
    if before.refusal or trial == before.declaration:
        return False
    with FileReader(other.path, other.source) as reader:
        after, _ = reader.read(other.entity, trial)
        if after.refusal or after.unread > before.unread:
            return True
        if "encoding" in suggestion.keys and not before.declaration.encoding:
            return not reader.text("utf-8").isascii()
    is_month_first = any(MONTH_FIRST in forms.counts for forms in before.times.values())
    return suggestion.keys.get("dates") in ("dmy", "ymd") and is_month_first


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


def _checked(
    reader: FileReader, contract: Mapping[str, Entity], declarations: Declarations
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
    reader: FileReader,
    entity: Entity,
    declaration: Declaration,
    contract: Mapping[str, Entity],
) -> None:
    """Read a file, and again with what may be declared, until nothing makes it any better."""
    now, written = reader.read(entity, declaration)
    check.read = now
    tried: list[Keys] = []
    for _ in range(_TRIALS):
        for options in proposals(reader, entity, now, written, contract):
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
        check.suggestions += likely_headers(reader, entity, now.declaration)[0]


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


def _suggest_name(
    check: FileCheck,
    reader: FileReader,
    contract: Mapping[str, Entity],
    declarations: Declarations,
) -> None:
    """Suggest what a file is whose name doesn't tell, if a preset or its header does."""
    for preset in fitting_presets(reader, None, contract):
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
