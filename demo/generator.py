"""Writes a made-up retailer's nine CSV files, the newest rows for the sample API, and the ledger.

Rows are made and written a chunk at a time, so that memory doesn't grow with their number. A share
of them is spoiled on the way out; the ledger tells which, where, and what has to become of each.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from itertools import chain
from math import ceil
from pathlib import Path
from random import Random
from typing import BinaryIO

import numpy as np

from demo.columns import Column, joined, packed
from demo.defects import FIELDS, Layout, Spoiled, spoil
from demo.ledger import Defect, Ledger, WrittenFile
from demo.retailer import ENTITIES, Ints, Retailer, Rows

LEDGER_FILE = "ledger.json"
API_FOLDER = ".api"  # not among the files that arrive: landing leaves hidden folders alone
API_ENTITIES = ("online_transactions", "customer_service_interactions")

_REPEATED_SHARE = 0.02  # of a file's rows in the first batch, those that the second brings again
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
) -> Ledger:
    """Write the files of a retailer with so many transactions to `out_dir`; return the ledger.

    `dirt` is the share of rows that get a defect, `newest_share` that of the newest online orders
    and service contacts that the API has instead of the files. `end` is the first batch's last day.

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
    retailer = Retailer(transactions, seed, end)
    ledger = Ledger(seed, batch, transactions, dirt, newest_share)
    for entity in ENTITIES:
        if batch == 2 and entity == "stores":
            continue
        for part in _parts(retailer, entity, ledger, batch):
            path = out_dir / part.path
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                _Writer(file, part, retailer, ledger).write()
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

    def dirty(self, rows: int, ledger: Ledger) -> Ints:
        """Choose which of the file's rows get a defect."""
        entity = ENTITIES.index(self.layout.entity)
        random = np.random.default_rng([ledger.seed, entity, self.batch, self.layout.is_json])
        count = ceil(rows * ledger.dirt)
        return np.sort(random.choice(rows, count, replace=False, shuffle=False))


def _parts(retailer: Retailer, entity: str, ledger: Ledger, batch: int) -> list[_Part]:
    """Divide an entity's rows into the file's and the API's."""
    rows = len(retailer.source(entity, batch))
    newest = round(rows * ledger.newest_share) if entity in API_ENTITIES else 0
    header = tuple(column.bronze for column in FIELDS[entity])
    ordered = header
    if entity == "loyalty_accounts" and ledger.dirt:  # other columns first, as another system would
        ordered = (header[1], header[0], header[3], header[4], header[2])
    file = "".join(word.capitalize() for word in entity.split("_")) + ".csv"
    parts = [_Part(Layout(entity, ordered), file, 0, rows - newest, batch)]
    if newest:
        layout = Layout(entity, header, is_json=True)
        parts.append(_Part(layout, f"{API_FOLDER}/{entity}.jsonl", rows - newest, rows, batch))
    return parts


class _Writer:
    """Writes one file and its entries in the ledger."""

    def __init__(self, file: BinaryIO, part: _Part, retailer: Retailer, ledger: Ledger) -> None:
        self.file, self.part, self.retailer, self.ledger = file, part, retailer, ledger
        self.layout = part.layout
        self.random = Random(f"{ledger.seed} {part.path} {part.batch}")
        self.defects: list[Defect] = []
        self.extras_at_end: list[tuple[Spoiled, Defect]] = []
        self.line = 1  # the one that is written next
        header = list(self.layout.header)
        if ledger.dirt and part.path == "LoyaltyAccounts.csv":
            header = [name.upper() if n % 2 else name.lower() for n, name in enumerate(header)]
        self.written = WrittenFile(self.layout.entity, part.path, 0, header)
        if ledger.dirt and part.path == "Stores.csv":
            self.written.byte_order_mark = True
        if ledger.dirt and part.path == "Products.csv":
            self.written.line_end = "\r\n"

    def write(self) -> None:
        """Write the header, the rows with the defects among them, and the ledger's entries."""
        if self.written.byte_order_mark:
            self.file.write(b"\xef\xbb\xbf")
        if not self.layout.is_json:
            self._write_text(",".join(self.written.header))
            self.written.rows = 0
        repeated = self._repeated()
        new = self.retailer.source(self.layout.entity, self.part.batch)
        comes_again = sum(len(rows) for rows in repeated)
        dirty = self.part.dirty(comes_again + self.part.stop - self.part.start, self.ledger)
        kinds = self.layout.kinds()

        first = nth = lost = 0
        for rows in chain(repeated, new.between(self.part.start, self.part.stop)):
            lines = self._lines(rows)
            done = 0
            while nth < len(dirty) and dirty[nth] < first + len(rows):
                at = int(dirty[nth]) - first
                self._write_lines(lines[done:at])
                spoiled = self._write_spoiled(lines[at : at + 1], kinds[nth % len(kinds)])
                if dirty[nth] < comes_again and not spoiled.is_extra:
                    lost += spoiled.outcome != "kept"
                done = at + 1
                nth += 1
            self._write_lines(lines[done:])
            first += len(rows)
        for extra, defect in self.extras_at_end:
            self._write_extra(extra, defect)
        self.ledger.record(self.written, self.defects, comes_again - lost)

    def _repeated(self) -> list[Rows]:
        """Return the first batch's rows that come again: good ones, of the newest in its file."""
        if self.part.batch == 1:
            return []
        entity = self.layout.entity
        earlier = self.retailer.source(entity)
        parts = _parts(self.retailer, entity, self.ledger, 1)
        part = next(part for part in parts if part.path == self.part.path)
        rows = part.stop - part.start
        start = max(part.start, earlier.chunk_start(part.stop - 1))
        spoiled = part.dirty(rows, self.ledger) + part.start
        candidates = np.setdiff1d(np.arange(start, part.stop), spoiled)
        count = min(ceil(rows * _REPEATED_SHARE), _MOST_REPEATED, len(candidates))
        if not count:
            return []
        random = np.random.default_rng([self.ledger.seed, ENTITIES.index(entity), 2])
        chosen = np.sort(random.choice(candidates[-4 * count :], count, replace=False)) - start
        newest = next(earlier.between(start, part.stop))
        return [self.retailer.changed(entity, newest.take(chosen))]

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
        assert rows.moments is not None
        updated_at = self.retailer.updated_at(rows.moments, self.part.batch)
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

    def _write_spoiled(self, line: Column, kind: str) -> Spoiled:
        """Write a defect in place of a good row, or beside it."""
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
            key=spoiled.key,
            cleaned=spoiled.cleaned,
            text=good_text if good_loses else spoiled.text,
            values=good if good_loses else spoiled.values,
        )
        self.defects.append(defect)
        if not spoiled.is_extra:
            self._write_text(spoiled.text)
            return spoiled
        self._write_text(good_text)
        if self.random.random() < 0.5:
            self._write_extra(spoiled, defect)
        else:
            self.extras_at_end.append((spoiled, defect))
        return spoiled

    def _write_extra(self, spoiled: Spoiled, defect: Defect) -> None:
        line = self._write_text(spoiled.text)
        if spoiled.outcome == "superseded":
            defect.winner_line = line
        else:
            defect.line = line
