"""A sources file as it is written: what it says, checked as a whole.

`sources.schema.json` lists and explains its keys; what a schema cannot check is checked here.
"""

import codecs
import difflib
import json
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from ingest.contract import CURRENCY, Entity
from ingest.expressions import expression_problem
from lake.errors import InputError

SCHEMA = Path(__file__).with_name("sources.schema.json")

OF_ENTITY = ("rows", "load", "keys", "keep")
"""Keys that say what the rows of an entity are, wherever they come from."""

_LONGEST_NAME = 50  # of a column beyond the contract: as the YAML of silver's attributes has it
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Path = tuple[str | int, ...]


def read_sources(path: Path, contract: Mapping[str, Entity]) -> dict[str, Any]:
    """Return what a sources file says.

    Raises InputError that lists everything wrong in it, each with its line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"Cannot read the sources file {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The sources file {path} is not saved as UTF-8.") from error
    document = _Document(path, text)
    said = document.content
    if not isinstance(said, dict):
        document.refuse([((), "the file must hold defaults:, files: or apis:")])
    said = {key: value for key, value in said.items() if value is not None}
    if isinstance(said.get("files"), dict):  # all that was declared may be a comment by now
        said["files"] = {name: {} if e is None else e for name, e in said["files"].items()}
    document.refuse(_schema_problems(said))
    document.refuse(_Check(said, contract).problems())
    return said


def api_entries(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the API endpoints; a file of an earlier version has them under `sources`."""
    entries: list[dict[str, Any]] = said.get("apis") or said.get("sources") or []
    return entries


def with_defaults(
    defaults: Mapping[str, Any], entry: Mapping[str, Any], entity: Entity
) -> dict[str, Any]:
    """Return what holds for an entry: its own keys, and the defaults of all others."""
    merged = {**defaults, **entry}
    if not entity.has_lines and merged.get("rows") == "lines":
        del merged["rows"]
    if CURRENCY not in entity.columns:
        merged.pop("currency", None)
    for key in ("columns", "expressions"):
        if key not in entry and key in merged:
            merged[key] = {c: said for c, said in merged[key].items() if c in entity.columns}
    # What one way of an entry says of a column replaces what the other says by default.
    for own, default in (("columns", "expressions"), ("expressions", "columns")):
        if own in entry and default not in entry and default in merged:
            merged[default] = {c: s for c, s in merged[default].items() if c not in entry[own]}
    return merged


def extra_names(said: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return the header of each column that `extra` declares, by its standard name.

    >>> extra_names(["BirthDate", "LoyaltyID", "Phone (home)"])
    {'birth_date': 'BirthDate', 'loyalty_id': 'LoyaltyID', 'phone_home': 'Phone (home)'}
    """
    return dict(said) if isinstance(said, Mapping) else {_snake_case(name): name for name in said}


def _snake_case(header: str) -> str:
    composed = unicodedata.normalize("NFC", header)
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", composed)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


class _Document:
    """A YAML file as plain values, and the line of each."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines: dict[_Path, int] = {}
        self._doubled: list[tuple[_Path, str]] = []
        try:
            node = yaml.compose(text, Loader=_Loader)
            self.content = self._value(node, ()) if node else {}
        except yaml.MarkedYAMLError as error:
            line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
            tab = "; lines are indented with blanks, not tabs" if "\n\t" in text else ""
            raise InputError(f"{path}{line}: this is not YAML: {error.problem}{tab}.") from error
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{path}: this is not YAML: {error}.") from error
        self.refuse(self._doubled)

    def refuse(self, problems: Sequence[tuple[_Path, str]]) -> None:
        """Raise InputError when there are problems."""
        found = sorted({(self._line(at), what) for at, what in problems})
        if found:
            raise InputError(
                "\n".join(f"{self._path} line {line}: {what.rstrip('.')}." for line, what in found)
            )

    def _line(self, at: _Path) -> int:
        while at and at not in self._lines:
            at = at[:-1]
        return self._lines.get(at, 1)

    def _value(self, node: yaml.Node, at: _Path) -> Any:
        self._lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*at, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key, value in node.value:
                name = str(key.value)
                if name in found:
                    self._doubled.append(((*at, name, 0), f"the key {name} is there twice"))
                    self._lines[(*at, name, 0)] = key.start_mark.line + 1
                self._lines[(*at, name)] = key.start_mark.line + 1
                found[name] = self._value(value, (*at, name))
            return found
        return _scalar(node)


def _scalar(node: Any) -> Any:
    """Return a scalar as YAML 1.2 reads it, in which a header `No` is no boolean."""
    text: str = node.value
    if node.style:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?\d+", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+)", text, re.ASCII):
        return float(text)
    return text


def _schema_problems(said: Mapping[str, Any]) -> list[tuple[_Path, str]]:
    errors = sorted(_validator().iter_errors(said), key=relevance, reverse=True)
    return [problem for error in errors for problem in _explained(error)]


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(_schema())


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


def _explained(error: ValidationError) -> Iterator[tuple[_Path, str]]:
    """Say an error of the schema in the words of this file."""
    at: _Path = tuple(error.absolute_path)
    where = _name(at)
    value: Any = error.instance
    said: Any = error.validator_value  # what the schema says, by the kind of its keyword
    schema: Any = error.schema
    match error.validator:
        case _ if value is None:
            yield at, f"{where} has no value"
        case "additionalProperties" | "unevaluatedProperties":
            allowed = sorted(_allowed(schema))
            for key in value:
                if key not in allowed:
                    yield (*at, key), f"{where} has no key {key}{_choices(key, allowed, 'keys')}"
        case "enum":
            yield at, f"{where} is {value!r}{_choices(value, said, 'values')}"
        case "required":
            missing = [key for key in said if key not in value]
            yield at, f"{where} lacks {' and '.join(missing)}"
        case "dependentRequired":
            for key, needed in said.items():
                if key in value:
                    for other in needed:
                        if other not in value:
                            yield (*at, key), f"{where}.{key} needs {other} beside it"
        case "type":
            kinds = [_KINDS[kind] for kind in ([said] if isinstance(said, str) else said)]
            quote = "; put it in quotes" if isinstance(value, int | float) else ""
            yield at, f"{where} must be {' or '.join(kinds)}{quote if 'text' in kinds else ''}"
        case "oneOf":
            # Of the alternatives, the one of the value's own type says what is wrong.
            found = list(error.context or ())
            own = [cause for cause in found if cause.validator != "type" or cause.path]
            for cause in own or found[:1]:
                yield from _explained(cause)
        case "minLength" | "minItems" | "minProperties":
            yield at, f"{where} is empty"
        case "minimum" | "exclusiveMinimum":
            yield at, f"{where} is {value}, which is too small"
        case "pattern":
            yield at, f"{where} is {value!r}, which is no {_PATTERNS[said]}"
        case _:
            yield at, f"{where}: {error.message}"


_DELIMITER = _schema()["$defs"]["reading"]["properties"]["delimiter"]["pattern"]
_KINDS = {
    "object": "a list of `key: value`",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_PATTERNS = {
    "^[A-Z]{3}$": "currency code of three capital letters",
    "^[1-9][0-9]{0,3} (month|year)s?$": "number of months or years, such as 7 years",
    _DELIMITER: r"single sign of ASCII such as ; or | (a tab is \t)",
    "^[A-Za-z0-9_]+$": "name of letters, digits and _",
    "^[A-Za-z_][A-Za-z0-9_]*$": "name of an environment variable",
    r"^\d+(\.\d+)? (second|minute|hour|day)s?$": "number of seconds and no such as `5 minutes`",
}


def _name(at: _Path) -> str:
    text = ""
    for part in at:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"


def _allowed(schema: Mapping[str, Any]) -> set[str]:
    """Return the keys that a schema knows, its parts included."""
    defined = _schema()["$defs"]
    allowed = set(schema.get("properties", ()))
    for part in schema.get("allOf", ()):
        allowed |= set(defined[part["$ref"].rpartition("/")[2]]["properties"])
    return allowed - {"sources"}


def _choices(said: Any, allowed: Sequence[Any], kind: str) -> str:
    return f"{_meant(said, allowed)}; allowed {kind}: {', '.join(map(str, allowed))}"


def _meant(said: Any, allowed: Iterable[Any]) -> str:
    near = difflib.get_close_matches(str(said), list(map(str, allowed)), 1)
    return f" (did you mean {near[0]}?)" if near else ""


class _Check:
    """What a schema cannot check."""

    def __init__(self, said: Mapping[str, Any], contract: Mapping[str, Entity]) -> None:
        self._said, self._contract = said, contract
        self._problems: list[tuple[_Path, str]] = []

    def problems(self) -> list[tuple[_Path, str]]:
        defaults = self._said.get("defaults", {})
        everywhere = tuple(dict.fromkeys(c for e in self._contract.values() for c in e.columns))
        self._reading(("defaults",), defaults, everywhere, "the contract")
        self._pulling(("defaults",), defaults)
        for name, entry in self._said.get("files", {}).items():
            self._entry(("files", name), ("files", name), entry, name)
        if "apis" in self._said and "sources" in self._said:
            self._tell(("sources",), "sources is the former name of apis: put all under apis")
        key = "apis" if "apis" in self._said else "sources"
        self._agree(key)
        names: set[str] = set()
        for number, entry in enumerate(api_entries(self._said)):
            at: _Path = (key, number)
            if entry["name"] in names:
                self._tell((*at, "name"), f"there are two endpoints named {entry['name']}")
            names.add(entry["name"])
            self._entry(at, (*at, "entity"), entry, entry["entity"])
            self._pulling(at, entry)
            if re.match(r"\w+://[^/?#]*@", entry["path"]):
                self._tell(
                    (*at, "path"),
                    "a user name or password in a URL would be shown in messages: "
                    "put a token into an environment variable and name it as token_env",
                )
        return self._problems

    def _tell(self, at: _Path, what: str) -> None:
        self._problems.append((at, what))

    def _entry(self, at: _Path, named: _Path, entry: Mapping[str, Any], name: str) -> None:
        entity = self._contract.get(name)
        if entity is None:
            allowed = _choices(name, sorted(self._contract), "entities")
            self._tell(named, f"there is no entity {name}{allowed}")
            return
        self._reading(at, entry, entity.columns, name)
        merged = with_defaults(self._said.get("defaults", {}), entry, entity)
        if "decimal" in entry or "thousands" in entry:
            self._separators(at, merged)
        if "extra" in entry:
            self._extra((*at, "extra"), entry["extra"], entity)
        if entry.get("rows") == "lines" and not entity.has_lines:
            able = ", ".join(each.name for each in self._contract.values() if each.has_lines)
            self._tell(
                (*at, "rows"),
                f"{name} has no lines: `rows: lines` is for what is bought in several ({able})",
            )
        if "currency" in entry and CURRENCY not in entity.columns:
            self._tell((*at, "currency"), f"{name} has no amounts of a currency")
        for key in ("columns", "expressions"):
            if "currency" in merged and CURRENCY in merged.get(key, {}):
                own = (key, CURRENCY) if CURRENCY in entry.get(key, {}) else ("currency",)
                self._tell((*at, *own), f"{CURRENCY} is declared by currency and under {key}")

    def _extra(self, at: _Path, said: list[str] | dict[str, str], entity: Entity) -> None:
        if not entity.takes_extra:
            able = ", ".join(each.name for each in self._contract.values() if each.takes_extra)
            self._tell(at, f"{entity.name} has no key extra: only of {able} more columns are read")
            return
        is_list = isinstance(said, list)
        known = {_snake_case(column): column for column in entity.columns}
        first: dict[str, str] = {}
        for number, each in enumerate(said):
            place = (*at, number if is_list else each)
            name = _snake_case(each) if is_list else each
            if name in known:
                self._tell(place, f"{known[name]} is a column of {entity.name} and is read anyway")
            elif name in first:
                self._tell(place, f"{first[name]} and {each} are both called {name}")
            elif not name or name != _snake_case(name):
                self._tell(
                    place,
                    f"{each!r} is no name for a column, which has lower-case letters, digits and _ "
                    "only, such as birth_date",
                )
            elif len(name) > _LONGEST_NAME:
                self._tell(place, f"{name} has more than {_LONGEST_NAME} characters")
            first.setdefault(name, each)

    def _agree(self, apis: str) -> None:
        """See that what is said of an entity's rows is the same wherever they come from."""
        defaults, files = self._said.get("defaults", {}), self._said.get("files", {})
        entries: list[tuple[_Path, str, Mapping[str, Any]]] = [
            (("files", name), name, files.get(name, {})) for name in self._contract
        ]
        entries += [
            ((apis, number), entry["entity"], entry)
            for number, entry in enumerate(api_entries(self._said))
            if entry["entity"] in self._contract
        ]
        first: dict[tuple[str, str], tuple[str, str]] = {}
        for at, name, entry in entries:
            merged = with_defaults(defaults, entry, self._contract[name])
            for key in OF_ENTITY:
                if key not in merged:
                    continue
                value, place = first.setdefault((name, key), (merged[key], _name((*at, key))))
                if value != merged[key]:
                    self._tell(
                        (*at, key),
                        f"{_name((*at, key))} is {merged[key]}, but {place} is {value}: all rows "
                        f"of {name} must be declared alike",
                    )
            full, place = first.get((name, "load"), ("", ""))
            if full == "full" and "incremental" in merged:
                self._tell(
                    (*at, "incremental"),
                    f"{_name(at)} pulls changes only, but {place} is full: what a pull lacks would "
                    "be gone",
                )

    def _separators(self, at: _Path, said: Mapping[str, Any]) -> None:
        if said.get("thousands") == said.get("decimal", "."):
            own = "thousands" if "thousands" in said else "decimal"
            self._tell(
                (*at, own), "decimal and thousands are the same sign (decimal is . unless declared)"
            )

    def _reading(
        self, at: _Path, said: Mapping[str, Any], columns: Sequence[str], owner: str
    ) -> None:
        for key in ("columns", "expressions"):
            for column in said.get(key, {}):
                if column not in columns:
                    allowed = _choices(column, columns, "columns")
                    self._tell((*at, key, column), f"{owner} has no column {column}{allowed}")
        for column in said.get("expressions", {}):
            if column in said.get("columns", {}):
                self._tell(
                    (*at, "expressions", column), f"{column} is declared under columns as well"
                )
            self._try((*at, "expressions", column), said["expressions"][column], expression_problem)
        if at == ("defaults",):
            self._separators(at, said)
        for key, check in (("timezone", _check_timezone), ("encoding", _check_encoding)):
            if key in said:
                self._try((*at, key), said[key], check)
        for number, form in enumerate(said.get("datetime_formats", ())):
            self._try((*at, "datetime_formats", number), form, _check_datetime_format)

    def _try(self, at: _Path, value: str, check: Callable[[str], str | None]) -> None:
        if problem := check(value):
            self._tell(at, problem)

    def _pulling(self, at: _Path, said: Mapping[str, Any]) -> None:
        pages = said.get("pages", {})
        forms = [key for key in _PAGE_FORMS if key in pages]
        if len(forms) > 1:
            self._tell(
                (*at, "pages"),
                f"pages says {' and '.join(forms)}; there is one way from page to page, "
                f"one of {', '.join(_PAGE_FORMS)}",
            )


_PAGE_FORMS = ("cursor", "next_url", "link_header", "page_param", "offset_param")


def _check_timezone(name: str) -> str | None:
    if name in zoneinfo.available_timezones() - {"localtime"}:
        return None
    meant = _meant(name, sorted(zoneinfo.available_timezones()))
    return f"there is no time zone {name}{meant}; allowed are IANA names such as Europe/Berlin"


def _check_encoding(name: str) -> str | None:
    try:
        codecs.lookup(name)
        codecs.getincrementaldecoder(name)().decode(b"")
        b" ".decode(name, "replace")
    except (LookupError, UnicodeError):
        return (
            f"there is no encoding {name}; usual ones are utf-8, utf-16, cp1252 (Windows in "
            "Western Europe and America), cp1250, cp1251, iso-8859-1, shift_jis, gb18030"
        )
    return None


def _check_datetime_format(form: str) -> str | None:
    try:
        with duckdb.connect() as connection:
            day = connection.execute(
                "select strptime(strftime(timestamp '2024-03-15 13:14:15', $1), $1)::date::varchar",
                [form],
            ).fetchone()
    except duckdb.Error:
        return f"{form!r} is no format that can be read back, such as %d-%b-%Y %H:%M"
    if day != ("2024-03-15",):
        return f"{form!r} holds no whole day: it needs year, month and day, such as %d-%b-%Y"
    return None
