"""What a home holds, so that two homes can be compared: batches by number, no times, no paths."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from lake.versions import Published
from tests.support.compare import normalise

State = dict[str, Any]

SCHEMAS = ("silver", "gold", "marts", "reference")
# What differs between two runs over the same data: when somebody was found to be who they are.
TIMES = ("matched_at", "merged_at", "ended_at")

_NOTES = "lake/silver/versions"
_FOLDER = re.compile(r"/lake/(silver/[^']*)/[^/']*\.parquet'")


def batches(home: Path) -> list[str]:
    """Return the committed batches, oldest first."""
    return sorted(path.stem for path in (home / "lake/bronze/manifests").glob("*.json"))


def published(home: Path) -> State | None:
    """Return what `published.json` says, None where nothing is published."""
    path = home / "lake/silver/published.json"
    return json.loads(path.read_bytes()) if path.exists() else None


def relations(home: Path) -> State:
    """Return the rows of every relation of the published warehouse, read as a user would."""
    numbers = {batch: f"batch {number}" for number, batch in enumerate(batches(home), 1)}
    found: State = {}
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            f"where table_schema in {SCHEMAS} and table_name <> 'run_history' order by all"
        ).fetchall()
        for schema, name in names:
            cursor = connection.execute(f'from "{schema}"."{name}"')
            columns = [column[0] for column in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            found[f"{schema}.{name}"] = columns, Counter(_comparable(row, numbers) for row in rows)
    return found


def _comparable(row: State, numbers: dict[str, str]) -> tuple[Any, ...]:
    if "_batch_id" in row:
        row = {**row, "_batch_id": numbers.get(row["_batch_id"], row["_batch_id"])}
    return tuple(normalise(value) for name, value in row.items() if name not in TIMES)


def bronze(home: Path) -> State:
    """Return everything in bronze: a digest of each file, the control files as they read."""
    folder = home / "lake" / "bronze"
    numbers = {batch: f"batch {number}" for number, batch in enumerate(batches(home), 1)}
    found: State = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        is_control = path.suffix == ".json"
        for batch, number in numbers.items():
            name = name.replace(batch, number)
            if is_control:
                content = content.replace(batch.encode(), number.encode())
        if is_control:
            value = json.loads(content)
            _without_times(value)
            found[name] = value
        elif path.suffix == ".parquet":
            found[name] = _rows_as_read(path)
        else:
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def _rows_as_read(path: Path) -> Counter[tuple[Any, ...]]:
    """Return the rows of a file as it was read, whenever that was."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select * exclude (_batch_id, _as_of) from read_parquet($file)", {"file": str(path)}
        ).fetchall()
    return Counter(rows)


def _without_times(value: Any) -> None:
    if isinstance(value, dict):
        for name in ("created_at", "updated_at", "as_of"):
            value.pop(name, None)
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            _without_times(each)


def state(home: Path) -> State:
    """Return all that must be the same after a run that was cut short and one that was not."""
    record = published(home)
    assert record
    return {
        "relations": relations(home),
        "bronze": bronze(home),
        "published rows": {name: each["rows"] for name, each in record["entities"].items()},
        "published batches": len(record["batches"]),
        "pages": sorted(
            path.relative_to(home).as_posix()
            for folder in ("docs", "report")
            for path in (home / folder).rglob("*")
        ),
    }


def differences(found: State, expected: State, limit: int = 5) -> list[str]:
    """Say where two states differ, for a failed test's message."""
    told = []
    for part in sorted(found.keys() | expected.keys()):
        have, want = found.get(part), expected.get(part)
        if isinstance(have, dict) and isinstance(want, dict):
            names = [n for n in sorted(have.keys() | want.keys()) if have.get(n) != want.get(n)]
            told += [
                f"{part}, {name}: {_told(have.get(name), want.get(name))}" for name in names[:limit]
            ]
        elif have != want:
            told.append(f"{part}: {_told(have, want)}")
    return told


def _told(have: Any, want: Any) -> str:
    if isinstance(have, tuple) and isinstance(want, tuple):
        (columns, rows), (_, wanted) = have, want
        extra, missing = list((rows - wanted).items())[:2], list((wanted - rows).items())[:2]
        return f"columns {columns}; only found {extra}; only expected {missing}"
    return f"found {have!r:.500}, expected {want!r:.500}"


def check_readable(home: Path) -> None:
    """Assert that a reader's view is whole: all is there that views read, and that is published."""
    record = _record(home)
    assert record
    for folder in _shown(home):
        assert list((home / "lake" / folder).glob("*.parquet")), f"nothing is in {folder}"
    for name, entity in record.entities.items():
        files = [str(path) for part in entity.parts for path in (home / "lake" / part).iterdir()]
        with duckdb.connect() as connection:
            rows = connection.execute(
                "select count(*) from read_parquet($files)", {"files": files}
            ).fetchone()
        told = f"{name} of {record.version} has {rows} rows"
        assert rows == (entity.rows + entity.replaced,), told


def _record(home: Path) -> Published | None:
    place = home / "lake/silver/published.json"
    return Published.from_json(place.read_bytes()) if place.exists() else None


def _shown(home: Path) -> set[str]:
    """Return the folders that the views of the warehouse read."""
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        views = connection.execute("select sql from duckdb_views() where not internal").fetchall()
    return {folder for (sql,) in views for folder in _FOLDER.findall(sql)}


def leftovers(home: Path) -> list[str]:
    """Return what no finished run leaves: temporary files, versions and batches nobody needs."""
    found = [
        path
        for pattern in (".tmp-*", "*.new", "*.wal", "staging/*.duckdb*")
        for path in home.rglob(pattern)
    ]
    found += [path for path in (home / "staging", home / "publish.json") if path.exists()]
    record = _record(home)
    folders = {*record.folders, *record.kept, *_shown(home)} if record else set()
    notes = {path.stem: json.loads(path.read_bytes()) for path in (home / _NOTES).glob("*")}
    folders.update(*(note["folders"] for note in notes.values()))
    needed = {home / "lake" / folder for folder in folders} | {home / _NOTES}
    for layer in ("silver", "staging"):
        for path in (home / "lake" / layer).rglob("*"):
            if path.is_file() and path.name != "published.json" and path.parent not in needed:
                found.append(path)
    kept = {path.name for path in (home / "versions").glob("*")}
    found += [home / "versions" / name for name in kept ^ notes.keys()]
    found += [home / _NOTES / name for name in notes if record and name == record.version]
    found += (home / "lake/bronze/manifests").glob("begun/*")
    named = set()
    for batch in batches(home):
        manifest = json.loads((home / f"lake/bronze/manifests/{batch}.json").read_bytes())
        for record in manifest["files"]:
            if record["path"]:
                named.add(record["path"])
    for path in (home / "lake" / "bronze").rglob("*"):
        name = path.relative_to(home / "lake").as_posix()
        if path.is_dir():
            if not any(path.iterdir()):
                found.append(path)
        elif re.match("bronze/(rows|malformed|quarantine)/", name):
            if not any(f"/{batch}/" in name for batch in batches(home)):
                found.append(path)
        elif not re.match(r"bronze/(manifests/|state/|declared\.json)", name) and name not in named:
            found.append(path)
    return sorted({path.relative_to(home).as_posix() for path in found})
