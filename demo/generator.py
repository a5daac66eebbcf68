"""Writes a made-up retailer's nine CSV files, the newest rows for the sample API, and the ledger.

Rows are made and written a chunk at a time, so that memory doesn't grow with their number. A share
of them is spoiled on the way out; the ledger tells which, where, and what has to become of each.

With `declared`, they are such files as can only be read right when something is declared of them,
as `SOURCES` does: online orders have lines, and people who buy without an account are customer 0,
who is in Customers.csv. Customers, products and online orders then arrive in two files each: one of
everything, and one of the day after, with what is new and what has changed on it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from math import ceil
from pathlib import Path
from random import Random
from typing import BinaryIO

import numpy as np

from demo.answers import Answers, Texts
from demo.columns import Column, joined, packed, texts
from demo.defects import FIELDS, HIDES_WHO, Layout, Raw, Spoiled, kept_rows, spoil
from demo.ledger import Defect, Ledger, Value, WrittenFile
from demo.retailer import DAYS, ENTITIES, Ints, Retailer, Rows

LEDGER_FILE = "ledger.json"
API_FOLDER = ".api"  # not among the files that arrive: landing leaves hidden folders alone
API_ENTITIES = ("online_transactions", "customer_service_interactions")
SOURCES = Path(__file__).with_name("sources.yml")

_DAILY = ("customers", "products", "online_transactions")
_GUEST = "0,Guest,,"
_REPEATED_SHARE = 0.02  # of a file's rows, those that a later file brings again
_MOST_REPEATED = 100_000


def generate(
    out_dir: Path,
    *,
    transactions: int = 20_000,
    seed: int = 360,
    dirt: float = 0.02,
    newest_share: float = 0.05,
    batch: int = 1,
    end: date = date(2026, 10, 31),
    declared: bool = False,
) -> Ledger:
    """Write the files of a retailer with so many transactions to `out_dir`; return the ledger.

    `dirt` is the share of rows that get a defect, `newest_share` that of the newest online orders
    and service contacts that the API has instead of the files. `end` is the first batch's last day.
    What `declared` files are is told above.

    `batch=2`, with the other arguments as for the first batch, writes what came after it: new rows,
    changed ones and some that are sent again unchanged. Its API files hold what is new or changed
    since, and there is no Stores.csv.
    """
    if batch not in (1, 2):
        raise ValueError("There are two batches, 1 and 2.")
    if transactions < 100:
        raise ValueError("A retailer needs 100 transactions or more.")
    if not 0 <= dirt <= 0.5 or not 0 <= newest_share <= 1:
        raise ValueError("dirt lies between 0 and 0.5, newest_share between 0 and 1.")
    out_dir.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out_dir / API_FOLDER, ignore_errors=True)
    retailer = Retailer(transactions, seed, end, with_lines=declared)
    ledger = Ledger(seed, batch, transactions, dirt, newest_share, declared)
    answers = Answers() if declared and batch == 1 else None
    for entity in ENTITIES:
        if batch == 2 and entity == "stores":
            continue
        for part in _parts(retailer, entity, ledger, batch):
            path = out_dir / part.path
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                _Writer(file, part, retailer, ledger, answers).write()
    ledger.persons = retailer.persons(batch)
    if answers:
        ledger.sales, ledger.notes = answers.sales, answers.notes
    ledger.save(out_dir / LEDGER_FILE)
    return ledger


@dataclass(frozen=True)
class _Part:
    """The new rows of a batch that one file gets: those from one position to another."""

    layout: Layout
    path: str
    start: int
    stop: int
    batch: int
    corrects: _Part | None = None
    """The file some of whose rows come again in this one."""

    @property
    def delivery(self) -> int:
        """Number those that bring rows again: 2 is the second batch, 3 the first one's last day."""
        return 3 if self.batch == 1 and self.corrects else self.batch

    def dirty(self, rows: int, ledger: Ledger) -> Ints:
        """Choose which of the file's rows get a defect."""
        entity = ENTITIES.index(self.layout.entity)
        random = np.random.default_rng([ledger.seed, entity, self.delivery, self.layout.is_json])
        count = ceil(rows * ledger.dirt)
        return np.sort(random.choice(rows, count, replace=False, shuffle=False))


def _parts(retailer: Retailer, entity: str, ledger: Ledger, batch: int) -> list[_Part]:
    """Divide an entity's rows into the file's and the API's."""
    source = retailer.source(entity, batch)
    rows = len(source)
    newest = round(rows * ledger.newest_share) if entity in API_ENTITIES else 0
    header = tuple(column.bronze for column in FIELDS[entity])
    ordered = header
    if entity == "loyalty_accounts" and ledger.dirt:  # other columns first, as another system would
        ordered = (header[1], header[0], header[3], header[4], header[2])
    lines = retailer.with_lines and entity == "online_transactions"
    layout = Layout(entity, ordered, has_lines=lines)
    name = "".join(word.capitalize() for word in entity.split("_"))
    if retailer.with_lines and entity in _DAILY:
        parts = _daily(retailer, layout, name, rows - newest, batch)
        newest = rows - parts[-1].stop
    else:
        parts = [_Part(layout, f"{name}.csv", 0, rows - newest, batch)]
    if newest:
        layout = Layout(entity, header, is_json=True, has_lines=lines)
        path = f"{API_FOLDER}/{entity}.jsonl"
        parts.append(_Part(layout, path, rows - newest, rows, batch))
    if batch == 2:
        earlier = _parts(retailer, entity, ledger, 1)
        whole = {part.layout.is_json: part for part in earlier if not part.corrects}
        parts = [replace(part, corrects=whole.get(part.layout.is_json)) for part in parts]
    return parts


def _daily(retailer: Retailer, layout: Layout, name: str, stop: int, batch: int) -> list[_Part]:
    """Divide an entity's rows up to about `stop` into those of the last day and those before."""
    source = retailer.source(layout.entity, batch)
    days = source.ends_of_days
    if len(days):
        last = int(np.searchsorted(days, stop))
        before, stop = (int(days[last - 1]) if last else 0), int(days[last])
    else:
        last, before = len(retailer.days(batch)) - 1, stop - ceil(stop / DAYS)
    day = retailer.first_day + timedelta(days=int(retailer.days(batch)[last]))

    def part(on: date, start: int, stop: int, corrects: _Part | None = None) -> _Part:
        return _Part(layout, f"{name}_{on}.csv", start, stop, batch, corrects)

    if batch == 2:
        return [part(day, 0, stop)]
    whole = part(day - timedelta(days=1), 0, before)
    return [whole, part(day, before, stop, whole)]


class _Writer:
    """Writes one file and its entries in the ledger."""

    def __init__(
        self,
        file: BinaryIO,
        part: _Part,
        retailer: Retailer,
        ledger: Ledger,
        answers: Answers | None,
    ) -> None:
        self.file, self.part, self.retailer, self.ledger = file, part, retailer, ledger
        self.answers = answers
        self.layout = part.layout
        self.random = Random(f"{ledger.seed} {part.path} {part.batch}")
        self.defects: list[Defect] = []
        self.extras_at_end: list[tuple[Spoiled, Defect]] = []
        self.line = 1  # the one that is written next
        header = list(self.layout.header)
        if ledger.dirt and self.layout.entity == "loyalty_accounts":
            header = [name.upper() if n % 2 else name.lower() for n, name in enumerate(header)]
        self.written = WrittenFile(self.layout.entity, part.path, 0, header)
        if ledger.dirt and part.path == "Stores.csv":
            self.written.byte_order_mark = True
        if ledger.dirt and self.layout.entity == "products":
            self.written.line_end = "\r\n"

    def write(self) -> None:
        """Write the header, the rows with the defects among them, and the ledger's entries."""
        if self.written.byte_order_mark:
            self.file.write(b"\xef\xbb\xbf")
        if not self.layout.is_json:
            self._write_text(",".join(self.written.header))
            self.written.rows = 0
            is_first = not self.part.corrects
            if self.layout.entity == "customers" and self.retailer.with_lines and is_first:
                self._write_text(_GUEST)
        repeated = self._repeated()
        new = self.retailer.source(self.layout.entity, self.part.batch)
        comes_again = sum(len(rows) for rows in repeated)
        # Whether a spoiled row replaces its earlier version would be hard to tell of orders' lines.
        sound = comes_again if self.ledger.declared else 0
        rows_in_all = comes_again + self.part.stop - self.part.start
        dirty = self.part.dirty(rows_in_all - sound, self.ledger) + sound
        kinds = self.layout.kinds()
        if rows_in_all == 1:  # a field that no record has would be a column that is missing
            kinds = [kind for kind in kinds if kind != "field_absent"]

        first = nth = lost = 0
        for rows in chain(repeated, new.between(self.part.start, self.part.stop)):
            lines = self._lines(rows)
            kept: dict[int, list[dict[str, Value]]] = {}
            done = 0
            while nth < len(dirty) and dirty[nth] < first + len(rows):
                at = int(dirty[nth]) - first
                self._write_lines(lines[done:at])
                kind = self._kind(kinds[nth % len(kinds)], rows.take(np.array([at])))
                good, spoiled = self._write_spoiled(lines[at : at + 1], kind)
                kept[at] = kept_rows(self.layout, good, spoiled)
                if dirty[nth] < comes_again and not spoiled.is_extra:
                    lost += spoiled.outcome != "kept"
                done = at + 1
                nth += 1
            self._write_lines(lines[done:])
            if self.answers:
                self._add(rows, lines, kept)
            first += len(rows)
        for extra, defect in self.extras_at_end:
            self._write_extra(extra, defect)
        supersedes_earlier = comes_again - lost if self.part.batch == 2 else 0
        self.ledger.record(self.written, self.defects, supersedes_earlier)

    def _kind(self, kind: str, row: Rows) -> str:
        """Return a kind of defect that leaves it clear whose record a customer's is."""
        is_customer = self.layout.entity == "customers"
        if is_customer and kind in HIDES_WHO and self.retailer.has_several_records(row).any():
            return "text_padded"
        return kind

    def _repeated(self) -> list[Rows]:
        """Return an earlier file's rows that come again: good ones, of the newest in it."""
        part, entity = self.part.corrects, self.layout.entity
        if not part or part.start == part.stop:
            return []
        earlier = self.retailer.source(entity)
        rows = part.stop - part.start
        start = max(part.start, earlier.chunk_start(part.stop - 1))
        newest = next(earlier.between(start, part.stop))
        orders = newest.orders()
        spoiled = part.dirty(rows, self.ledger) + part.start - start
        candidates = np.setdiff1d(orders, orders[spoiled[spoiled >= 0]])
        count = min(ceil(rows * _REPEATED_SHARE), _MOST_REPEATED, len(candidates))
        if not count:
            return []
        random = np.random.default_rng(
            [self.ledger.seed, ENTITIES.index(entity), self.part.delivery]
        )
        chosen = random.choice(candidates[-4 * count :], count, replace=False)
        before = newest.take(np.flatnonzero(np.isin(orders, chosen)))
        after = self.retailer.changed(entity, before, self.part.delivery)
        stays = np.ones(len(before), bool)
        if self.layout.has_lines:
            stays = ~self.retailer.taken_out(before)
        if self.part.batch == 1:
            same = np.all(
                [texts(before.columns[n]) == texts(after.columns[n]) for n in self.layout.header],
                axis=0,
            )
            identical = int((same & stays).sum())
            self.ledger.supersede(entity, len(before) - identical, identical)
            if self.answers:
                self.answers.add(entity, self._columns(before), sign=-1)
        return [after.take(np.flatnonzero(stays))]

    def _add(self, rows: Rows, lines: Column, kept: dict[int, list[dict[str, Value]]]) -> None:
        """Add what is kept of some rows to the answers: in `kept`, what is of the spoiled ones."""
        assert self.answers
        orders = rows.orders()
        touched = np.isin(orders, orders[list(kept)])
        columns = self._columns(rows)
        good = {name: values[~touched] for name, values in columns.items()}
        self.answers.add(self.layout.entity, good)
        others: list[dict[str, Value]] = []
        for at in np.flatnonzero(touched):
            whole = {name: values[at].decode() for name, values in columns.items()}
            others += kept.get(int(at), [whole])
        written = {
            name: ["" if row[name] is None else str(row[name]) for row in others]
            for name in columns
        }
        encoded = {
            name: np.array([value.encode() for value in values], np.bytes_)
            for name, values in written.items()
        }
        self.answers.add(self.layout.entity, encoded)

    def _columns(self, rows: Rows) -> dict[str, Texts]:
        """Return what counts of good rows as silver has it, columns by name."""
        return {
            field.silver: texts(rows.columns[field.bronze])
            for field in self.layout.fields
            if field.role != "text"
        }

    def _lines(self, rows: Rows) -> Column:
        """Write rows out, still padded."""
        parts: list[Column | bytes] = []
        if not self.layout.is_json:
            for name in self.layout.header:
                parts += [rows.columns[name], b","]
            return joined([*parts[:-1], self.written.line_end.encode()])
        numbers = self.layout.numbers
        for name in self.layout.header:
            quote = b"" if name in numbers else b'"'
            parts += [b'"%s":%s' % (name.encode(), quote), rows.columns[name], quote + b","]
        updated_at = self.retailer.updated_at(rows, self.part.batch)
        return joined([b"{", *parts, b'"UpdatedAt":"', updated_at, b'"}\n'])

    def _write_lines(self, lines: Column) -> None:
        self.file.write(packed(lines))
        self.line += len(lines)
        self.written.rows += len(lines)

    def _write_text(self, text: str) -> int:
        """Write a row; return the line it begins at."""
        line = self.line
        self.file.write((text + self.written.line_end).encode())
        self.line += 1 + text.count("\n")
        self.written.rows += 1
        return line

    def _write_spoiled(self, line: Column, kind: str) -> tuple[Raw, Spoiled]:
        """Write a defect in place of a good row, or beside it; return both."""
        good_text = packed(line).decode().removesuffix(self.written.line_end)
        good = self.layout.read(good_text)
        spoiled = spoil(self.layout, kind, good, self.random)
        good_loses = spoiled.outcome == "superseded"  # since the other one comes after it
        defect = Defect(
            entity=self.layout.entity,
            file=self.part.path,
            line=self.line,
            kind=kind,
            column=spoiled.column,
            outcome=spoiled.outcome,
            reason=spoiled.reason,
            unreadable=spoiled.unreadable,
            key=spoiled.key,
            cleaned=spoiled.cleaned,
            text=good_text if good_loses else spoiled.text,
            values=good if good_loses else spoiled.values,
        )
        self.defects.append(defect)
        if not spoiled.is_extra:
            self._write_text(spoiled.text)
            return good, spoiled
        self._write_text(good_text)
        if self.random.random() < 0.5:
            self._write_extra(spoiled, defect)
        else:
            self.extras_at_end.append((spoiled, defect))
        return good, spoiled

    def _write_extra(self, spoiled: Spoiled, defect: Defect) -> None:
        line = self._write_text(spoiled.text)
        if spoiled.outcome == "superseded":
            defect.winner_line = line
        else:
            defect.line = line
