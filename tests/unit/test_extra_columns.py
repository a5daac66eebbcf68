"""Columns of customers beyond the contract, declared by `extra`: read of every kind of file."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.check import check_folder
from ingest.declarations import Declaration, load_declarations
from ingest.extra import packed
from lake.local import LocalLake
from tests.support.reading import CONTRACT, Delivery, deliver
from tests.support.xlsx import workbook

DECLARED = "files: {customers: {extra: [Phone, BirthDate]}}"
HEADER = ["CustomerID", "Name", "Email", "Address"]


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    """Do not wait for the disk: nobody pulls the plug here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    return LocalLake(tmp_path / "lake")


def extra(delivery: Delivery) -> list[str | None]:
    assert not delivery.refused
    return delivery.column("customers", "_extra")


def parquet(columns: dict[str, pa.Array]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


FILES: dict[str, str | bytes] = {
    "Customers.csv": (
        "CustomerID;Name;Email;Address;birth date;Card;PHONE\n"
        '1;Ann;;;1980-02-29;x;="0049 30 1"\n2;Bob;;; ;y;\n'
    ),
    "Customers.jsonl": (
        '{"CustomerID": 1, "Name": "Ann", "Email": "", "Address": "", "phone": "0049 30 1",'
        ' "Birth-Date": "1980-02-29", "Card": {}}\n'
        '{"CustomerID": 2, "Name": "Bob", "Email": "", "Address": "", "phone": null}\n'
    ),
    "Customers.parquet": parquet(
        {
            **{name: pa.array(["1", "2"]) for name in HEADER},
            "Phone": pa.array(["0049 30 1", None]),
            "BirthDate": pa.array([date(1980, 2, 29), None]),
            "Card": pa.array(["x", "y"]),
        }
    ),
    "Customers.xlsx": workbook(
        [
            [*HEADER, "Phone", "Birth_Date"],
            [1, "Ann", "", "", "0049 30 1", "1980-02-29"],
            [2, "Bob"],
        ]
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_they_are_read_by_their_standard_names_from_every_kind_of_file(
    lake: LocalLake, tmp_path: Path, name: str
) -> None:
    delivery = deliver(lake, tmp_path / "in", {name: FILES[name]}, DECLARED)
    assert extra(delivery) == ['{"birth_date":"1980-02-29","phone":"0049 30 1"}', None]
    assert "BirthDate" not in delivery.warnings
    assert "Phone" not in delivery.warnings


def test_columns_that_nobody_declared_are_told_of_as_before(
    lake: LocalLake, tmp_path: Path
) -> None:
    content = FILES["Customers.csv"]
    delivery = deliver(lake, tmp_path / "in", {"Customers.csv": content}, DECLARED)
    assert delivery.warnings == "Customers.csv: nobody asked for its columns Card."
    undeclared = deliver(LocalLake(tmp_path / "other"), tmp_path / "in", {})
    assert extra(undeclared) == [None, None]
    assert undeclared.warnings == (
        "Customers.csv: nobody asked for its columns birth date, Card, PHONE."
    )


def test_a_mapping_gives_them_their_names_and_an_object_s_field_is_one(
    lake: LocalLake, tmp_path: Path
) -> None:
    record = dict.fromkeys(HEADER, "1") | {"contact": {"mobile": 491}, "DOB": "x"}
    declared = "files: {customers: {extra: {phone: contact.mobile, birth_date: DOB}}}"
    delivery = deliver(lake, tmp_path / "in", {"Customers.jsonl": json.dumps(record)}, declared)
    assert extra(delivery) == ['{"birth_date":"x","phone":"491"}']


def test_a_column_that_a_file_lacks_is_told_of_and_the_file_is_read(
    lake: LocalLake, tmp_path: Path
) -> None:
    content = "CustomerID,Name,Email,Address,Phone\n1,Ann,,,030 1\n"
    delivery = deliver(lake, tmp_path / "in", {"Customers.csv": content}, DECLARED)
    assert extra(delivery) == ['{"phone":"030 1"}']
    assert delivery.warnings == "Customers.csv: it has no column BirthDate, which `extra` names."


def test_a_column_that_is_there_twice_is_refused_when_it_is_declared(
    lake: LocalLake, tmp_path: Path
) -> None:
    files = {"Customers.csv": "CustomerID,Name,Email,Address,Phone,phone\n1,Ann,,,1,2\n"}
    assert not deliver(lake, tmp_path / "in", files).refused
    refused = deliver(LocalLake(tmp_path / "other"), tmp_path / "in", files, DECLARED).refused
    assert "its column Phone, which the declaration names, is there more than once" in str(refused)


def test_other_entities_have_no_such_column(lake: LocalLake, tmp_path: Path) -> None:
    content = "StoreID,Location,Manager,OpenHours,Phone\n1,Leeds,,,030 1\n"
    delivery = deliver(lake, tmp_path / "in", {"Stores.csv": content}, DECLARED)
    assert "_extra" not in delivery.rows("stores")[0]


def of(values: list[str | None], **declared: tuple[str, ...]) -> list[str | None]:
    declaration = Declaration(extra={"phone": "Phone"}, **declared)  # type: ignore[arg-type]
    return packed(declaration, pa.table({"Phone": pa.array(values, pa.string())})).to_pylist()


@pytest.mark.parametrize("value", [None, "", "  ", "\t\n", "\u00a0", "\u200b", "\0", " \ufeff "])
def test_what_nobody_sees_is_no_value(value: str | None) -> None:
    assert of([value]) == [None]


def test_a_word_that_is_declared_to_be_no_value_is_none() -> None:
    assert of([" - ", "NULL", "--"], null_words=("-",)) == [
        None, '{"phone":"NULL"}', '{"phone":"--"}',
    ]  # fmt: skip


def test_a_value_is_what_came_without_the_blanks_around_it() -> None:
    awkward = ["a\"b\\c/d'e", "a\nb\tc\x01", "Zoe\u0301 😀", "{}", "[1]", "null", "a\0b"]
    found = of([f" {value}\u200b " for value in awkward])
    assert [json.loads(each or "")["phone"] for each in found] == [
        *awkward[:2], "Zoé 😀", *awkward[3:6], "ab",
    ]  # fmt: skip
    ((long,),) = [[json.loads(each or "")["phone"]] for each in of(["ß" * 5000])]
    assert long == "ß" * 1000


def test_the_same_values_are_the_same_text_in_whatever_order_they_are_declared() -> None:
    table = pa.table({"b": ["1"], "a": ["2"]})
    both = [Declaration(extra=said) for said in ({"x": "a", "y": "b"}, {"y": "b", "x": "a"})]
    assert [packed(each, table).to_pylist() for each in both] == [['{"x":"2","y":"1"}']] * 2
    assert both[0].fingerprint == both[1].fingerprint != Declaration().fingerprint


def test_a_check_tells_of_them_and_does_not_suggest_them_for_columns_that_are_missing(
    tmp_path: Path,
) -> None:
    sources = tmp_path / "sources.yml"
    sources.write_text("files: {customers: {extra: [E-Mail address, Phone]}}")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "Customers.csv").write_text(
        "CustomerID,Name,Address,E-Mail address,Phone,Card\n1,Ann,,a@example.org,1,x\n"
    )
    (check,) = check_folder(tmp_path / "in", CONTRACT, load_declarations(sources, CONTRACT))
    assert check.header
    assert check.header.extra == ["Card"]
    assert check.is_refused
    assert not any("E-Mail address" in str(each.keys) for each in check.suggestions)
