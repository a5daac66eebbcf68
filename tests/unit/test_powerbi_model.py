"""The semantic model of Power BI: what it reads is what dbt builds, and it holds together.

Nothing here can run DAX or open the model; docs/powerbi.md says what that leaves open.
"""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import dax
from tests.support.render import PROJECT
from tests.support.tmdl import (
    Thing,
    described,
    descriptions,
    read_model,
    reference,
    source_of,
    unquoted,
)

MODEL = read_model()
TABLES = MODEL.all("table")
MEASURES = TABLES["Measures"].all("measure")
RELATIONSHIPS = {
    (reference(each.properties["fromColumn"]), reference(each.properties["toColumn"])): each
    for each in MODEL.all("relationship").values()
}
COLUMNS = {name: set(table.all("column")) for name, table in TABLES.items()}

# The type of a column in the model, by the type that it has in the contract. Power BI's fixed
# decimals have four places. Keys are numbers unless they are declared to be text.
TYPES = {
    "key": "int64",
    "bigint": "int64",
    "integer": "int64",
    "varchar": "string",
    "timestamp": "dateTime",
    "date": "dateTime",
    "boolean": "boolean",
}
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("powerbi")
    (folder / "profiles.yml").write_bytes((PROJECT / "profiles.example.yml").read_bytes())
    subprocess.run(
        [
            Path(sys.executable).with_name("dbt"),
            *("--quiet", "--no-use-colors", "parse", "--profiles-dir", folder),
            *("--target-path", folder / "target", "--log-path", folder / "logs"),
        ],
        cwd=PROJECT,
        env=os.environ | {"C360_HOME": str(folder), "C360_TARGET": "local"},
        check=True,
    )
    return json.loads((folder / "target/manifest.json").read_text(encoding="utf-8"))


def models(manifest: Manifest) -> dict[str, Manifest]:
    return {
        node["name"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


def columns() -> Iterator[tuple[str, Thing]]:
    for name, table in TABLES.items():
        for column in table.all("column").values():
            yield name, column


def differences(manifest: Manifest) -> Iterator[str]:
    """Yield where the model reads something that dbt does not build."""
    known = models(manifest)
    for table in TABLES.values():
        if source_of(table) is None:
            continue
        schema, relation = source_of(table)
        query = table.all("partition")[table.name].properties["source"]
        if relation not in known or known[relation]["schema"] != schema:
            yield f"{table} reads {schema}.{relation}, which dbt does not build"
            continue
        selected = re.search(r"Table\.SelectColumns\(\w+, \{([^}]*)\}\)", query)
        assert selected, query
        names = re.findall(r'"(\w+)"', selected[1])
        for name in names:
            if name not in known[relation]["columns"]:
                yield f"{table} selects {name}, which {schema}.{relation} does not have"
        sources = [
            column.properties["sourceColumn"]
            for column in table.all("column").values()
            if not column.value
        ]
        if sources != names:
            yield f"{table} has the columns {sources}, but its query selects {names}"


def test_the_model_reads_what_dbt_builds(manifest: Manifest) -> None:
    assert list(differences(manifest)) == []


def test_a_renamed_column_breaks_the_build(manifest: Manifest) -> None:
    renamed = copy.deepcopy(manifest)
    columns = renamed["nodes"]["model.c360.dim_customers"]["columns"]
    columns["email_address"] = columns.pop("email")
    del renamed["nodes"]["model.c360.peak_transaction_times"]
    assert list(differences(renamed)) == [
        "Busiest hours.tmdl, line 2: table Busiest hours reads marts.peak_transaction_times,"
        " which dbt does not build",
        "Customers.tmdl, line 2: table Customers selects email, which gold.dim_customers does"
        " not have",
    ]


def test_types_are_those_of_the_contracts(manifest: Manifest) -> None:
    for name, column in columns():
        source = source_of(TABLES[name])
        if source and not column.value:
            contract = models(manifest)[source[1]]["columns"]
            kind = contract[column.properties["sourceColumn"]]["data_type"]
            places = re.fullmatch(r"decimal\(\d+, ?(\d+)\)", kind)
            expected = (
                ("decimal" if int(places[1]) <= 4 else "double")
                if places
                else TYPES[kind.split("(")[0]]
            )
            assert column.properties["dataType"] == expected, f"{column} is {kind}"


def test_the_guide_names_every_column_of_a_key_that_may_be_text(manifest: Manifest) -> None:
    guide = (PROJECT / "docs/powerbi.md").read_text(encoding="utf-8")
    section = guide.split("## When keys are text")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([\w, ]+) \| (.*) \|$", section, re.MULTILINE)
    told = {entity: cell for entities, cell in rows for entity in entities.split(", ")}
    found = set()
    for name, column in columns():
        source = source_of(TABLES[name])
        if source and not column.value:
            about = models(manifest)[source[1]]["columns"][column.properties["sourceColumn"]]
            key = re.fullmatch(r"key\((.*)\)", about["data_type"])
            for entity in key[1].split(", ") if key else ():
                assert f"`{column.name}` in " in told[entity], f"{column}, {entity}"
                assert name in told[entity], f"{column}, {entity}"
                found.add(entity)
    assert found == told.keys()
    compared = {name for name, measure in MEASURES.items() if "<> -1" in measure.value}
    assert {name for name in compared if name in told["customers"]} == compared


def test_descriptions_are_those_of_dbt(manifest: Manifest) -> None:
    """They are written once, in dbt's YAML; `tests/support/tmdl.py` brings them into the model."""
    stale = [
        f"{thing} says {thing.description}, dbt says {lines}"
        for thing, lines in descriptions(MODEL, manifest)
        if thing.description != lines
    ]
    assert stale == [], "to correct: .venv/bin/python -m tests.support.tmdl target/manifest.json"


def test_a_description_keeps_its_paragraphs_and_lists() -> None:
    text = "One,\nand more.\n\n1. first\nof it\n2. second\n\nThe end.\n"
    assert described(text) == ["One, and more.", "1. first of it", "2. second", "The end."]


def test_everything_is_described_and_has_a_lasting_tag() -> None:
    things = [
        part
        for table in TABLES.values()
        for part in (
            table,
            *table.all("column").values(),
            *table.all("measure").values(),
            *table.all("hierarchy").values(),
        )
    ] + list(MODEL.all("expression").values())
    assert [str(thing) for thing in things if not any(thing.description)] == []
    tags = [thing.properties["lineageTag"] for thing in things]
    assert len(set(tags)) == len(tags)
    assert {table.name for table in TABLES.values()} == {
        unquoted(name.removeprefix("table ")) for name in MODEL.all("ref")
    }
    assert all(table.file.stem == table.name for table in TABLES.values())


def test_relationships_are_golds_foreign_keys(manifest: Manifest) -> None:
    tables = {source_of(table): name for name, table in TABLES.items() if source_of(table)}
    # As dbt tests them: the contract has no key to the days, which are made from the facts.
    keys = set()
    for test in manifest["nodes"].values():
        if test.get("test_metadata", {}).get("name") == "relationships":
            node = manifest["nodes"][test["attached_node"]]
            key = test["test_metadata"]["kwargs"]
            (to,) = re.findall(r"ref\('(\w+)'\)", key["to"])
            # Whose person a customer is, customer_360 tells.
            if node["schema"] == "gold" and node["name"] != "customer_persons":
                relation = ("gold", node["name"])
                keys.add((relation, key["column_name"], ("gold", to), key["field"]))
    of_gold, others = set(), set()
    for (table, column), (to_table, to_column) in RELATIONSHIPS:
        names = (
            source_of(TABLES[table]),
            TABLES[table].all("column")[column].properties.get("sourceColumn"),
            source_of(TABLES[to_table]),
            TABLES[to_table].all("column")[to_column].properties.get("sourceColumn"),
        )
        if names in keys:
            of_gold.add(names)
        else:
            others.add((table, to_table, to_column))
    assert of_gold == keys
    assert tables.keys() >= {source for source, *_ in keys}
    assert others == {
        ("Customers", "Customer profiles", "Customer ID"),
        ("Customer timeline", "Customers", "Customer ID"),
        ("Customer profiles", "Persons", "Person ID"),
        *(
            (table, to, column)
            for table in ("Online orders", "Store purchases", "Busiest hours")
            for to, column in (("Hours", "Hour"), ("Channels", "Channel"))
        ),
    }


def test_filters_flow_one_way_along_one_path() -> None:
    two_way = {
        pair
        for pair, each in RELATIONSHIPS.items()
        if each.properties.keys() - {"fromColumn", "toColumn"}
    }
    # A customer and the profile are one row each: the profile of the unknown one is blank.
    assert two_way == {(("Customers", "Customer ID"), ("Customer profiles", "Customer ID"))}
    (profile,) = (RELATIONSHIPS[pair] for pair in two_way)
    assert profile.properties["crossFilteringBehavior"] == "bothDirections"
    assert profile.properties["fromCardinality"] == "one"

    def paths(table: str, to: str) -> int:
        return (table == to) + sum(
            paths(other[0], to) for one, other in RELATIONSHIPS if one[0] == table
        )

    assert max(paths(one, other) for one in TABLES for other in TABLES) == 1


def test_both_ends_of_a_relationship_have_one_type() -> None:
    for (table, column), (to_table, to_column) in RELATIONSHIPS:
        ends = TABLES[table].all("column")[column], TABLES[to_table].all("column")[to_column]
        assert len({end.properties["dataType"] for end in ends}) == 1, ends


def test_keys_and_what_only_measures_need_are_hidden() -> None:
    shown = {
        f"{table}[{column.name}]"
        for table, column in columns()
        if "isHidden" not in column.properties
    }
    foreign = {f"{table}[{column}]" for (table, column), _ in RELATIONSHIPS}
    assert foreign & shown == {
        "Customers[Customer ID]",  # the key by which people find a customer
        "Busiest hours[Hour]",
        "Busiest hours[Channel]",
    }
    assert not {name for name in shown if re.search(r"key\]|number\]|\[Amount\]", name)} - {
        "Customer timeline[Amount]"
    }
    for _, column in columns():
        assert column.properties["summarizeBy"] == "none", column
    assert "discourageImplicitMeasures" in MODEL.all("model")["Model"].properties


def test_numbers_and_times_have_a_format_without_a_currency() -> None:
    for _, column in columns():
        if column.properties["dataType"] not in ("string", "boolean"):
            assert column.properties.get("formatString"), column
    for measure in MEASURES.values():
        assert measure.properties.get("formatString") or measure.name == "Peak hour", measure
        assert measure.properties["displayFolder"], measure
    formats = {
        thing.properties["formatString"]
        for thing in [*MEASURES.values(), *(column for _, column in columns())]
        if "formatString" in thing.properties
    }
    assert not [each for each in formats if re.search(r"[$€£¥¤]", each)]


def test_the_date_table_is_marked_as_one() -> None:
    dates = TABLES["Dates"]
    assert [name for name, table in TABLES.items() if "dataCategory" in table.properties] == [
        "Dates"
    ]
    assert dates.properties["dataCategory"] == "Time"
    (key,) = (column for _, column in columns() if "isKey" in column.properties)
    assert (key.properties["sourceColumn"], key.properties["dataType"]) == ("date_day", "dateTime")
    # The key of a date table has no blanks.
    assert "each [date_key] <> -1" in dates.all("partition")["Dates"].properties["source"]
    assert "__PBI_TimeIntelligenceEnabled" in MODEL.all("annotation")


def test_names_of_days_and_months_are_sorted_by_their_numbers() -> None:
    sorted_by = {
        f"{table}[{column.name}]": unquoted(column.properties["sortByColumn"])
        for table, column in columns()
        if "sortByColumn" in column.properties
    }
    assert sorted_by == {
        "Dates[Month]": "Month number",
        "Dates[Weekday]": "Weekday number",
        "Busiest hours[Weekday]": "Weekday number",
    }
    for column in sorted_by:
        table, _ = column.split("[")
        assert sorted_by[column] in COLUMNS[table]
    for hierarchy in TABLES["Dates"].all("hierarchy").values():
        for level in hierarchy.all("level").values():
            assert unquoted(level.properties["column"]) in COLUMNS["Dates"]


def expressions() -> dict[str, str]:
    """Return all DAX of the model."""
    found = {f"[{name}]": measure.value for name, measure in MEASURES.items()}
    for table, column in columns():
        if column.value:
            found[f"{table}[{column.name}]"] = column.value
    for table in TABLES.values():
        (partition,) = table.all("partition").values()
        if partition.value == "calculated":
            found[table.name] = partition.properties["source"]
    return found


@pytest.mark.parametrize("name", expressions())
def test_dax_is_well_formed_and_names_what_is_there(name: str) -> None:
    assert list(dax.problems(expressions()[name], COLUMNS, set(MEASURES))) == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("SUM ( Orders[Amount] )", "there is no table Orders"),
        ("SUM ( 'Online orders'[Sum] )", "the table Online orders has no column Sum"),
        ("[Total revenues] * 2", "there is no measure Total revenues"),
        ("COUNTROWS ( Dates ", "( is never closed"),
        ("COUNTROWS ( Dates ) )", ") closes nothing"),
        ("COUNTROW ( Dates )", "COUNTROW is no function that is known here"),
        ("VAR A = 1 RETURN B", "B is neither a variable nor a table"),
        ("1 ; 2", "'; 2' is no DAX"),
    ],
)
def test_wrong_dax_is_found(expression: str, problem: str) -> None:
    assert list(dax.problems(expression, COLUMNS, set(MEASURES))) == [problem]


def test_measures_answer_what_business_users_ask() -> None:
    assert MEASURES.keys() >= {
        "Total revenue",
        "Orders",
        "Average order value",
        "Customers",
        "Resolution rate",
        "Peak hour",
        "Online share",
    }
    assert not set(MEASURES) & set().union(*(COLUMNS[name] for name in TABLES))


def test_values_that_measures_name_are_those_of_the_data() -> None:
    with (PROJECT / "seeds/segment_rules.csv").open(encoding="utf-8") as file:
        segments = {row["segment"] for row in csv.DictReader(file)}
    named = re.findall(r"\[Segment\] = \"([^\"]+)\"", MEASURES["High-value customers"].value)
    assert set(named) <= segments
    purchases = (PROJECT / "macros/marts/purchases_of.sql").read_text(encoding="utf-8")
    channels = re.findall(r"'(\w+)'\W+as channel", purchases)
    in_model = re.findall(r'\{ "(\w+)" \}', expressions()["Channels"])
    assert channels == in_model
    assert [
        expressions()[f"{table}[Channel]"] for table in ("Online orders", "Store purchases")
    ] == [f'"{channel}"' for channel in channels]


def test_personal_data_stands_in_one_table(manifest: Manifest) -> None:
    """Masked columns of the database are in Customers alone, so one place decides who sees them."""
    masked = {
        name
        for node in models(manifest).values()
        for name, column in node["columns"].items()
        if column["config"]["meta"].get("mask")
    }
    assert masked
    assert {
        table for table, column in columns() if column.properties.get("sourceColumn") in masked
    } == {"Customers"}


def test_server_and_database_are_parameters() -> None:
    for name, expression in MODEL.all("expression").items():
        assert "IsParameterQuery = true" in expression.value, name
    for table in TABLES.values():
        (partition,) = table.all("partition").values()
        assert partition.properties["mode"] == "import"
        if source_of(table):
            query = partition.properties["source"]
            assert query.count("Sql.Database(Server, Database)") == 1
            assert query.count("Sql.") == 1
    assert set(MODEL.all("expression")) == {"Server", "Database"}


def test_the_exposure_names_what_the_model_reads(manifest: Manifest) -> None:
    exposure = manifest["exposures"]["exposure.c360.power_bi_report"]
    read = {source_of(table)[1] for table in TABLES.values() if source_of(table)}
    assert {name.split(".")[-1] for name in exposure["depends_on"]["nodes"]} == read


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("table A\n\tcolour: red\n", "unknown in table"),
        ("table A\n\t\tcolumn B\n", "indented too far"),
        ("table A\n    column B\n", "spaces around it"),
        ("table A\n\tcolumn B\n\tcolumn B\n", "there twice"),
        ("table A\n\tlineageTag: 1\n\tlineageTag: 2\n", "there twice"),
        ("table A\n\tmeasure B =\n\t\tformatString: 0\n", "an expression is missing"),
        ("table A\n\t/// About nothing\n\tlineageTag: 1\n", "a description of nothing"),
        ("tabel A\n", "neither an object nor a property"),
    ],
)
def test_wrong_tmdl_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.tmdl").write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match=problem):
        read_model(tmp_path)
