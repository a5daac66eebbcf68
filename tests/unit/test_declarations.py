"""The sources file: what it says, and what is told of mistakes in it."""

import json
from pathlib import Path

import pytest

from ingest.declarations import (
    SOURCES,
    Declaration,
    Incremental,
    Keep,
    Pages,
    load_declarations,
)
from ingest.sources_file import SCHEMA
from lake.errors import InputError
from lake.versions import Retention
from tests.support.reading import CONTRACT


@pytest.fixture
def sources(tmp_path):
    """Write a sources file and load it."""
    path = tmp_path / "my sources.yml"

    def load(text):
        path.write_text(text, encoding="utf-8")
        return load_declarations(path, CONTRACT)

    load.path = path
    return load


def problems(sources, text):
    """Return what is told of a file: a line each, without the file's name."""
    with pytest.raises(InputError) as caught:
        sources(text)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{sources.path}") for line in lines)
    return [line.removeprefix(f"{sources.path} ") for line in lines]


# What it says ----------------------------------------------------------------------------------


def test_the_shipped_file_declares_the_two_endpoints():
    declarations = load_declarations(None, CONTRACT)
    assert declarations.path == SOURCES
    assert [(api.name, api.entity, api.path) for api in declarations.apis] == [
        ("online_transactions", "online_transactions", "/online-transactions"),
        (
            "customer_service_interactions",
            "customer_service_interactions",
            "/customer-service-interactions",
        ),
    ]
    api = declarations.apis[0]
    assert api.pages == Pages("next_cursor", "cursor", limit_param="limit", limit=500)
    assert api.incremental == Incremental("UpdatedAt", "updated_since")
    assert (api.data, api.token_env, api.token_over_http) == ("data", "C360_API_TOKEN", False)
    assert (api.connect_timeout, api.read_timeout, api.attempts) == (3, 8, 5)
    assert (api.backoff, api.longest_wait, api.max_pages) == (0.5, 15, 100_000)
    assert api.declaration == Declaration(order_by="UpdatedAt", api=api.name)
    assert all(declarations.for_entity(name) == Declaration() for name in CONTRACT)


def test_the_file_is_the_one_given_or_that_of_the_environment(sources, tmp_path, monkeypatch):
    sources("files: {stores: {keys: integer}}")
    other = tmp_path / "other.yml"
    other.write_text("files: {stores: {keys: text}}")
    monkeypatch.setenv("C360_SOURCES", str(other))
    assert load_declarations(None, CONTRACT).for_entity("stores").keys == "text"
    assert load_declarations(sources.path, CONTRACT).for_entity("stores").keys == "integer"
    monkeypatch.setenv("C360_SOURCES", str(tmp_path / "none.yml"))
    with pytest.raises(InputError, match=r"Cannot read the sources file .*none\.yml: No such file"):
        load_declarations(None, CONTRACT)


def test_every_key_of_a_file_is_understood(sources):
    declarations = sources("""
        files:
          online_transactions:
            files: ["orders_export*"]
            columns: {OrderID: No, DateTime: [Date, Time]}
            expressions: {Amount: '"Unit price" * Quantity'}
            fill_down: {No: [Status]}
            rows: lines
            load: full
            order_by: UpdatedAt
            encoding: cp1252
            delimiter: ";"
            decimal: ","
            thousands: "."
            currency_signs: ["€"]
            negatives: [parentheses, trailing]
            dates: dmy
            datetime_formats: ["%d-%b-%Y"]
            epoch: seconds
            timezone: Europe/Berlin
            skip_lines: 3
            null_words: ["-", no]
            unknown_keys: [0, guest]
            keys: text
            keep: {for: 7 years, by: arrival}
            currency: {column: Paid in}
    """)
    assert declarations.for_entity("online_transactions") == Declaration(
        files=("orders_export*",),
        columns={"OrderID": ("No",), "DateTime": ("Date", "Time"), "Currency": ("Paid in",)},
        expressions={"Amount": '"Unit price" * Quantity'},
        fill_down={"No": ("Status",)},
        rows="lines",
        load="full",
        order_by="UpdatedAt",
        encoding="cp1252",
        delimiter=";",
        decimal=",",
        thousands=".",
        currency_signs=("€",),
        negatives=("parentheses", "trailing"),
        dates="dmy",
        datetime_formats=("%d-%b-%Y",),
        epoch="seconds",
        timezone="Europe/Berlin",
        skip_lines=3,
        null_words=("-", "no"),
        unknown_keys=("0", "guest"),
        keys="text",
        keep=Keep("7 years", "arrival"),
    )
    declared = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    keys = set(declared["reading"]["properties"]) | set(declared["file"]["properties"])
    assert keys == set(Declaration.__dataclass_fields__) - {"api"} | {"currency"}


def test_defaults_hold_where_nothing_else_is_declared(sources):
    declarations = sources("""
        defaults:
          dates: dmy
          decimal: ","
          columns: {CustomerID: Customer, Name: Title}
          attempts: 2
          token_env: TOKEN
        files:
          stores: {dates: ymd}
          customers: {expressions: {CustomerID: "'C' || Number"}}
        apis:
          - {name: a, entity: agents, path: /a}
          - {name: b, entity: agents, path: /b, attempts: 7, decimal: "."}
    """)
    assert declarations.for_entity("agents").dates == "dmy"
    assert declarations.for_entity("agents").columns == {"Name": ("Title",)}
    stores = declarations.for_entity("stores")
    assert (stores.dates, stores.decimal, stores.columns) == ("ymd", ",", {})
    # A column is computed or renamed: what an entry says replaces what the defaults say of it.
    assert declarations.for_entity("customers").columns == {"Name": ("Title",)}
    first, second = declarations.apis
    assert (first.attempts, first.token_env, first.declaration.decimal) == (2, "TOKEN", ",")
    assert (second.attempts, second.token_env, second.declaration.decimal) == (7, "TOKEN", ".")
    assert (first.data, first.pages, first.incremental) == ("$", Pages(), None)


def test_a_file_of_an_earlier_version_means_the_same(sources):
    declarations = sources("""
        defaults: {attempts: 3}
        sources:
          - name: orders
            entity: online_transactions
            path: /orders
            data: data
            pages: {cursor: next, cursor_param: cursor}
            incremental: {field: Changed, param: since}
    """)
    (api,) = declarations.apis
    assert (api.name, api.attempts, api.data) == ("orders", 3, "data")
    assert api.pages == Pages("next", "cursor")
    assert api.incremental == Incremental("Changed", "since")
    assert api.declaration.order_by == "Changed"


@pytest.mark.parametrize(
    ("lag", "seconds"),
    [(90, 90), (0.5, 0.5), ("5 minutes", 300), ("1 day", 86400), ("1.5 hours", 5400)],
)
def test_a_lag_is_in_seconds_or_in_words(sources, lag, seconds):
    declarations = sources(
        f"apis: [{{name: a, entity: stores, path: /a, incremental: "
        f"{{field: At, param: since, lag: {lag}}}}}]"
    )
    assert declarations.apis[0].incremental == Incremental("At", "since", seconds)


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("{cursor: a, cursor_param: b}", Pages(cursor="a", cursor_param="b")),
        ("{next_url: links.next}", Pages(next_url="links.next")),
        ("{link_header: true}", Pages(link_header=True)),
        ("{page_param: p, first_page: 0, total_pages: n}", Pages(
            page_param="p", first_page=0, total_pages="n"
        )),
        ("{offset_param: o, total: n, limit_param: l, limit: 9, more: m}", Pages(
            offset_param="o", total="n", limit_param="l", limit=9, more="m"
        )),
    ],
)  # fmt: skip
def test_the_ways_from_page_to_page(sources, text, pages):
    declarations = sources(f"apis: [{{name: a, entity: stores, path: /a, pages: {text}}}]")
    assert declarations.apis[0].pages == pages


def test_an_endpoint_has_its_own_order_before_its_incremental_field(sources):
    declarations = sources(
        "apis: [{name: a, entity: stores, path: /a, order_by: Version, "
        "incremental: {field: At, param: since}}]"
    )
    assert declarations.apis[0].declaration.order_by == "Version"


@pytest.mark.parametrize("written", [r"\t", r"'\t'", r'"\t"'])
def test_a_tab_can_be_written_as_one_expects(sources, written):
    found = sources(f"files: {{stores: {{delimiter: {written}}}}}")
    assert found.for_entity("stores").delimiter == "\t"


def test_what_an_entitys_rows_are_holds_for_its_files_and_its_endpoints(sources):
    declarations = sources("""
        files:
          online_transactions: {rows: lines}
        apis:
        - {name: shop, entity: online_transactions, path: /orders, keys: text, unknown_keys: [0]}
        - {name: people, entity: customers, path: /customers, load: full}
    """)
    files = declarations.for_entity("online_transactions")
    shop, people = (api.declaration for api in declarations.apis)
    assert (files.rows, files.keys) == (shop.rows, shop.keys) == ("lines", "text")
    assert declarations.for_entity("customers").load == people.load == "full"


def test_columns_beyond_the_contract_are_named_by_their_headers_or_as_declared(sources):
    declarations = sources("""
        files:
          customers:
            extra: [Phone, BirthDate, LoyaltyID, Date of birth (DOB), HTTPAddress2, Téléphone]
        apis:
        - {name: a, entity: customers, path: /a, extra: {phone: contact.mobile, ort: Ort}}
        - {name: b, entity: customers, path: /b}
    """)
    assert declarations.for_entity("customers").extra == {
        "phone": "Phone",
        "birth_date": "BirthDate",
        "loyalty_id": "LoyaltyID",
        "date_of_birth_dob": "Date of birth (DOB)",
        "http_address2": "HTTPAddress2",
        "téléphone": "Téléphone",
    }
    # What one source has says nothing of another one.
    assert [api.declaration.extra for api in declarations.apis] == [
        {"phone": "contact.mobile", "ort": "Ort"},
        {},
    ]


def test_lines_and_a_currency_by_default_are_of_what_is_bought(sources):
    declarations = sources("defaults: {rows: lines, currency: EUR, keys: text}")
    bought, stores = map(declarations.for_entity, ("in_store_transactions", "stores"))
    assert bought == Declaration(rows="lines", keys="text", expressions={"Currency": "'EUR'"})
    assert stores == Declaration(keys="text")


def test_nothing_declared_is_no_mistake(sources):
    for text in ("", "# nothing\n", "files:\napis:\n", "files:\n  customers:\n    # later\n"):
        declarations = sources(text)
        assert declarations.apis == ()
        assert declarations.for_entity("customers") == Declaration()


def test_words_that_older_yaml_takes_for_something_else_are_words(sources):
    declaration = sources("""
        files:
          stores:
            columns: {StoreID: No, Location: Yes, OpenHours: 9:30, Manager: off}
            null_words: [n, 2024-05-01, "1"]
    """).for_entity("stores")
    assert declaration.columns == {
        "StoreID": ("No",),
        "Location": ("Yes",),
        "OpenHours": ("9:30",),
        "Manager": ("off",),
    }
    assert declaration.null_words == ("n", "2024-05-01", "1")


def test_how_many_versions_are_kept_is_declared_as_a_whole_or_in_part(sources):
    assert sources("").versions == Retention(keep=3, days=30)
    assert sources("versions: {keep: 5, days: 0.5}").versions == Retention(keep=5, days=0.5)
    assert sources("versions: {keep: 0}").versions == Retention(keep=0, days=30)


def test_a_fingerprint_tells_what_decides_the_rows():
    plain = Declaration().fingerprint
    assert plain == Declaration(files=("x*",), load="full", keys="text").fingerprint
    assert plain != Declaration(rows="lines").fingerprint  # which refuses or takes files
    assert plain == Declaration(unknown_keys=("0",)).fingerprint
    changed = {
        Declaration(**{key: value}).fingerprint
        for key, value in {
            "columns": {"OrderID": ("No",)},
            "expressions": {"OrderID": "No"},
            "fill_down": {"No": ("Status",)},
            "order_by": "UpdatedAt",
            "encoding": "cp1252",
            "delimiter": ";",
            "decimal": ",",
            "thousands": ",",
            "currency_signs": ("$",),
            "negatives": ("trailing",),
            "dates": "dmy",
            "datetime_formats": ("%d-%b-%Y",),
            "epoch": "seconds",
            "timezone": "UTC",
            "skip_lines": 1,
            "null_words": ("-",),
            "extra": {"phone": "Phone"},
        }.items()
    }
    assert len(changed | {plain}) == 18
    # It is written into manifests: another version must find the same.
    assert Declaration(dates="dmy", columns={"A": ("B",)}).fingerprint == "ecf10259d9ab69ed"


# Mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "files:\n  stores:\n    skip_line: 1",
            "line 3: files.stores has no key skip_line (did you mean skip_lines?); allowed keys: ",
        ),
        ("filess: {}", "line 1: the file has no key filess (did you mean files?); allowed keys: "),
        (
            "files:\n  store: {}",
            "line 2: there is no entity store (did you mean stores?); allowed entities: agents, ",
        ),
        (
            "files:\n  stores:\n    rows: line",
            "line 3: files.stores.rows is 'line' (did you mean lines?); allowed values: one, lin",
        ),
        (
            "files:\n  stores:\n    columns:\n      StoreId: Nr",
            "line 4: stores has no column StoreId (did you mean StoreID?); allowed columns: "
            "StoreID, Location, Manager, OpenHours.",
        ),
        ("files: {stores: {columns: {StoreID: 3}}}", "must be text; put it in quotes."),
        ("files: {stores: {columns: {StoreID: []}}}", "files.stores.columns.StoreID is empty."),
        ("files: {stores: {skip_lines: x}}", "files.stores.skip_lines must be a whole number."),
        ("files: {stores: {skip_lines: -1}}", "skip_lines is -1, which is too small."),
        ("files: {stores: {delimiter: '||'}}", r"is '||', which is no single sign of ASCII such"),
        ("files: {stores: {delimiter: §}}", r"such as ; or | (a tab is \t)."),
        ("files: {stores: {delimiter: '\"'}}", "is no single sign"),
        ("files: {stores: {delimiter: '\\n'}}", "is no single sign"),
        ("files: {stores: {rows: }}", "files.stores.rows has no value."),
        ("files: {stores: {order_by: ~}}", "files.stores.order_by has no value."),
        ("files: {stores: x}", "files.stores must be a list of `key: value`."),
        ("apis:\n- name: a", "line 2: apis[1] lacks entity and path."),
        ("files: {stores: {encoding: idna}}", "there is no encoding idna"),
        ("files: {stores: {encoding: undefined}}", "there is no encoding undefined"),
        ("files:\n\tstores: {}", "lines are indented with blanks, not tabs."),
        ("files: {stores: {currency: Euro}}", "'Euro', which is no currency code of three"),
        ("files: {stores: {currency_signs: $}}", "files.stores.currency_signs must be a list."),
        (
            "files:\n  customers:\n    rows: lines",
            "line 3: customers has no lines: `rows: lines` is for what is bought in several "
            "(online_transactions, in_store_transactions).",
        ),
        (
            "files:\n  customers:\n    currency: EUR",
            "line 3: customers has no amounts of a currency.",
        ),
        (
            "defaults: {currency: EUR}\nfiles:\n  online_transactions:\n    columns:\n"
            "      Currency: Paid in",
            "line 5: Currency is declared by currency and under columns.",
        ),
        (
            "files:\n  online_transactions: {rows: lines}\napis:\n"
            "- {name: a, entity: online_transactions, path: /a,\n   rows: one}",
            "line 5: apis[1].rows is one, but files.online_transactions.rows is lines: all rows of "
            "online_transactions must be declared alike.",
        ),
        (
            "defaults: {keys: text}\napis:\n- {name: a, entity: stores, path: /a, keys: integer}",
            "line 3: apis[1].keys is integer, but files.stores.keys is text",
        ),
        (
            "apis:\n- {name: a, entity: stores, path: /a}\n- name: b\n  entity: stores\n"
            "  path: /b\n  load: full\n  incremental: {field: At, param: since}",
            "line 7: apis[2] pulls changes only, but apis[2].load is full: what a pull lacks would "
            "be gone.",
        ),
        (
            "files: {stores: {load: full}}\napis:\n- {name: a, entity: stores, path: /a,\n"
            "   incremental: {field: At, param: since}}",
            "line 4: apis[1] pulls changes only, but files.stores.load is full",
        ),
        ("files: [stores]", "files must be a list of `key: value`."),
        ("- files", "line 1: the file must hold defaults:, files: or apis:."),
        (
            "files:\n  products: {decimal: ',', thousands: ','}",
            "line 2: decimal and thousands are the same sign",
        ),
        ("files:\n  products: {thousands: '.'}", "decimal and thousands are the same sign"),
        (
            "defaults: {decimal: ','}\nfiles:\n  products: {thousands: ','}",
            "line 3: decimal and thousands are the same sign",
        ),
        (
            "files:\n  stores:\n    timezone: Europe/Berln",
            "line 3: there is no time zone Europe/Berln (did you mean Europe/Berlin?)",
        ),
        ("files: {stores: {timezone: EEST}}", "allowed are IANA names such as Europe/Berlin"),
        ("files: {stores: {encoding: cp99}}", "there is no encoding cp99; usual ones are utf-8"),
        ("files: {stores: {encoding: hex}}", "there is no encoding hex"),
        (
            "files:\n  stores:\n    datetime_formats:\n    - '%Y-%m-%d'\n    - '%H:%M'",
            "line 5: '%H:%M' holds no whole day",
        ),
        ("files: {stores: {datetime_formats: ['%d.%m.']}}", "'%d.%m.' holds no whole day"),
        ("files: {stores: {datetime_formats: ['%Q']}}", "'%Q' is no format that can be read back"),
        ("files: {stores: {datetime_formats: [dd-mm-yy]}}", "'dd-mm-yy' holds no whole day"),
        (
            "files:\n  stores:\n    expressions: {Manager: First Last}",
            "line 3: this is no single SQL expression over the columns of a row.",
        ),
        ("files: {stores: {expressions: {Manager: 'a ||'}}}", "this is no SQL expression"),
        ("files: {stores: {expressions: {Manager: '(select 1)'}}}", "and nothing else."),
        ("files: {stores: {expressions: {Manager: 'a from b'}}}", "no single SQL expression"),
        ("files: {stores: {expressions: {Manager: 'nope(a)'}}}", "nope does not exist"),
        ("files: {stores: {expressions: {Manager: 'max(a)'}}}", "this is no SQL expression over"),
        ("files: {stores: {expressions: {Manager: 'a.b'}}}", 'write "a.b" for a column'),
        (
            "files: {stores: {columns: {Manager: a}, expressions: {Manager: b}}}",
            "Manager is declared under columns as well.",
        ),
        ("files:\n  stores: {rows: one}\n  stores: {}", "line 3: the key stores is there twice."),
        ("files: {a", "this is not YAML:"),
        ("apis: [{name: a, entity: stores}]", "apis[1] lacks path."),
        ("apis: [{name: a b, entity: stores, path: /}]", "is no name of letters, digits and _."),
        (
            "apis:\n- {name: a, entity: stores, path: /}\n- {name: a, entity: stores, path: /b}",
            "line 3: there are two endpoints named a.",
        ),
        ("apis: [{name: a, entity: store, path: /}]", "no entity store (did you mean stores?)"),
        (
            "apis: [{name: a, entity: stores, path: 'https://me:secret@host/x'}]",
            "a user name or password in a URL would be shown in messages",
        ),
        (
            "apis: [{name: a, entity: stores, path: /, pages: {next_url: n, link_header: true}}]",
            "pages says next_url and link_header; there is one way from page to page",
        ),
        (
            "apis: [{name: a, entity: stores, path: /, pages: {cursor: n}}]",
            "apis[1].pages.cursor needs cursor_param beside it.",
        ),
        (
            "apis: [{name: a, entity: stores, path: /, "
            "incremental: {field: a, param: b, lag: 1 w}}]",
            "lag is '1 w', which is no number of seconds and no such as `5 minutes`.",
        ),
        ("apis: [{name: a, entity: stores, path: /, files: [x]}]", "apis[1] has no key files"),
        ("defaults: {files: [x]}", "defaults has no key files"),
        ("defaults:\n  extra: [Phone]", "line 2: defaults has no key extra"),
        (
            "files:\n  stores:\n    extra: [Phone]",
            "line 3: stores has no key extra: only of customers more columns are read.",
        ),
        (
            "apis:\n- {name: a, entity: agents, path: /a,\n   extra: {phone: Phone}}",
            "line 3: agents has no key extra: only of customers",
        ),
        ("files: {customers: {extra: Phone}}", "files.customers.extra must be a list."),
        ("files: {customers: {extra: []}}", "files.customers.extra is empty."),
        ("files: {customers: {extra: {phone: 1}}}", "extra.phone must be text; put it in quotes."),
        (
            "files:\n  customers:\n    extra:\n    - Phone\n    - e-mail\n    - EMAIL",
            "line 6: Email is a column of customers and is read anyway.",
        ),
        (
            "files:\n  customers:\n    extra: {name: Nickname}",
            "line 3: Name is a column of customers and is read anyway.",
        ),
        (
            "files:\n  customers:\n    extra:\n    - Birth Date\n    - BirthDate",
            "line 5: Birth Date and BirthDate are both called birth_date.",
        ),
        (
            "files:\n  customers:\n    extra:\n      Phone: Mobile",
            "line 4: 'Phone' is no name for a column, which has lower-case letters, digits and _",
        ),
        ("files: {customers: {extra: ['#']}}", "'#' is no name for a column"),
        (
            f"files: {{customers: {{extra: [{'x' * 51}]}}}}",
            f"{'x' * 51} has more than 50 characters.",
        ),
        ("versions: {keep: -1}", "versions.keep is -1, which is too small"),
        ("versions: {kept: 2}", "versions has no key kept (did you mean keep?)"),
        ("versions:\n  days: 0", "line 2: versions.days is 0, which is too small"),
        ("apis: []\nsources: []", "line 2: sources is the former name of apis"),
    ],
)
def test_a_mistake_is_told_with_its_line(sources, text, expected):
    (line,) = problems(sources, text)
    assert expected in line
    assert line.startswith("line ")


def test_every_mistake_is_told_at_once(sources):
    lines = problems(
        sources, "defaults: {delimeter: ';'}\nfiles:\n  stores:\n    rows: x\n    dates: y\n"
    )
    assert [line.partition(":")[0] for line in lines] == ["line 1", "line 4", "line 5"]
    lines = problems(
        sources, "files:\n  stores:\n    timezone: x\n    encoding: y\n    columns: {Z: z}\n"
    )
    assert {line.partition(":")[0] for line in lines} == {"line 3", "line 4", "line 5"}


def test_a_secret_in_a_url_is_not_repeated(sources):
    (line,) = problems(sources, "apis: [{name: a, entity: stores, path: 'https://me:s3cr3t@h/'}]")
    assert "s3cr3t" not in line


def test_a_file_that_is_no_text_is_told(sources):
    sources.path.write_bytes(b"files: \xff\xfe")
    with pytest.raises(InputError, match="is not saved as UTF-8"):
        load_declarations(sources.path, CONTRACT)


def test_the_schema_completes_the_entities_of_the_contract():
    schema = json.loads(Path(SCHEMA).read_text(encoding="utf-8"))
    assert set(schema["properties"]["files"]["properties"]) == set(CONTRACT)
    assert set(schema["$defs"]["api"]["properties"]["entity"]["examples"]) == set(CONTRACT)
