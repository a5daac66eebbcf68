"""The server's catalogue: sys.* and INFORMATION_SCHEMA as tables and views in the DuckDB file.

Statements that define something keep the tables with T-SQL's types; queries over them translate
like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from tests.support.tsql_server import functions
from tests.support.tsql_server.errors import UnknownSqlError
from tests.support.tsql_server.translate import INFORMATION_SCHEMA

# name: system_type_id, bytes of a value, precision, scale, DuckDB's type
_TYPES: dict[str, tuple[int, int, int, int, str]] = {
    "bigint": (127, 8, 19, 0, "bigint"),
    "bit": (104, 1, 1, 0, "boolean"),
    "char": (175, 1, 0, 0, "varchar"),
    "date": (40, 3, 10, 0, "date"),
    "datetime": (61, 8, 23, 3, "timestamp"),
    "datetime2": (42, 8, 27, 7, "timestamp"),
    "decimal": (106, 9, 18, 0, "decimal"),
    "float": (62, 8, 53, 0, "double"),
    "int": (56, 4, 10, 0, "integer"),
    "nchar": (239, 2, 0, 0, "varchar"),
    "numeric": (108, 9, 18, 0, "decimal"),
    "nvarchar": (231, 2, 0, 0, "varchar"),
    "smallint": (52, 2, 5, 0, "smallint"),
    "sysname": (256, 256, 0, 0, "varchar"),
    "time": (41, 5, 16, 7, "time"),
    "tinyint": (48, 1, 3, 0, "utinyint"),
    "uniqueidentifier": (36, 16, 0, 0, "uuid"),
    "varbinary": (165, 1, 0, 0, "blob"),
    "varchar": (167, 1, 0, 0, "varchar"),
}
UNKNOWN_LENGTH = 4000
_BY_DUCKDB = {
    "BIGINT": "bigint",
    "BLOB": "varbinary(8000)",
    "BOOLEAN": "bit",
    "DATE": "date",
    "DOUBLE": "float",
    "HUGEINT": "decimal(38,0)",
    "INTEGER": "int",
    "JSON": f"nvarchar({UNKNOWN_LENGTH})",
    "SMALLINT": "smallint",
    "TIMESTAMP": "datetime2(7)",
    "TIMESTAMP_NS": "datetime2(7)",
    "TINYINT": "smallint",
    "UBIGINT": "decimal(20,0)",
    "UTINYINT": "tinyint",
    "UUID": "uniqueidentifier",
    "VARCHAR": f"nvarchar({UNKNOWN_LENGTH})",
    '"NULL"': "int",
}
DEFAULT_COLLATION = "SQL_Latin1_General_CP1_CI_AS"
_TEXTS = ("char", "nchar", "nvarchar", "sysname", "varchar")


@dataclass(frozen=True)
class ColumnType:
    """A T-SQL type as sys.columns describes it; max_length in bytes, -1 for max."""

    name: str
    max_length: int
    precision: int
    scale: int

    @classmethod
    def parse(cls, text: str) -> ColumnType:
        """Read a type such as nvarchar(200), decimal(10, 2), datetime2(0) or nvarchar(max)."""
        match = re.fullmatch(r"\s*\[?(\w+)\]?\s*(?:\(([\w\s,]+)\))?\s*", text)
        name = match[1].lower() if match else ""
        name = {"integer": "int", "dec": "decimal", "real": "float"}.get(name, name)
        if not match or name not in _TYPES:
            raise UnknownSqlError(f"no rule for the type {text}")
        _, length, precision, scale, _ = _TYPES[name]
        sizes = [size.strip().lower() for size in (match[2] or "").split(",") if size.strip()]
        if name in ("decimal", "numeric"):
            precision = int(sizes[0]) if sizes else 18
            scale = int(sizes[1]) if len(sizes) > 1 else 0
            length = 5 if precision < 10 else 9 if precision < 20 else 13 if precision < 29 else 17
        elif name in ("datetime2", "time"):
            scale = int(sizes[0]) if sizes else 7
            # A time has three bytes and the eleven characters of a date less.
            length = (6 if scale < 3 else 7 if scale < 5 else 8) - 3 * (name == "time")
            precision = 19 + scale + bool(scale) - 11 * (name == "time")
        elif name in ("char", "nchar", "nvarchar", "varbinary", "varchar"):
            size = sizes[0] if sizes else "1"
            length = -1 if size == "max" else length * int(size)
        return cls(name, length, precision, scale)

    @classmethod
    def of_duckdb(cls, type_: str) -> ColumnType:
        """Return the T-SQL type of a column that a query on DuckDB gave."""
        if type_.startswith("DECIMAL"):
            return cls.parse(type_.lower())
        if type_ not in _BY_DUCKDB:
            raise UnknownSqlError(f"no rule for DuckDB's type {type_}")
        return cls.parse(_BY_DUCKDB[type_])

    @property
    def is_text(self) -> bool:
        """Whether it has a collation."""
        return self.name in _TEXTS

    @property
    def characters(self) -> int | None:
        """How many characters a text may have; None when that is not limited."""
        if not self.is_text or self.max_length < 0:
            return None
        return (
            self.max_length // 2
            if self.name in ("nchar", "nvarchar", "sysname")
            else self.max_length
        )

    @property
    def duckdb(self) -> str:
        """DuckDB's type."""
        type_ = _TYPES[self.name][4]
        return f"decimal({self.precision}, {self.scale})" if type_ == "decimal" else type_

    @property
    def type_id(self) -> int:
        """Its user_type_id in sys.types."""
        return _TYPES[self.name][0]


@dataclass(frozen=True)
class Column:
    """A column of a table or view, as it was defined."""

    name: str
    type: ColumnType
    nullable: bool = True
    collation: str | None = None
    mask: str | None = None

    @property
    def stored_collation(self) -> str | None:
        """The collation that sys.columns shows."""
        return (self.collation or DEFAULT_COLLATION) if self.type.is_text else None

    def nullable_as(self, nullable: bool) -> Column:
        """Return it with another nullability."""
        return replace(self, nullable=nullable)


def column_sql(column: Column) -> str:
    """Return a column's definition in DuckDB; a text's length is a check.

    nvarchar(4000) is not checked: it also stands for a length that is not known.
    """
    quoted = '"' + column.name.replace('"', '""') + '"'
    most = column.type.characters
    check = f" check (length({quoted}) <= {most})" if most and most < UNKNOWN_LENGTH else ""
    return f"{quoted} {column.type.duckdb}{'' if column.nullable else ' not null'}{check}"


def type_text(type_: ColumnType) -> str:
    """Return a type as T-SQL writes it."""
    if type_.characters is not None and type_.name != "sysname":
        return f"{type_.name}({type_.characters})"
    if type_.is_text and type_.name != "sysname":
        return f"{type_.name}(max)"
    if type_.name in ("decimal", "numeric"):
        return f"{type_.name}({type_.precision},{type_.scale})"
    return f"{type_.name}({type_.scale})" if type_.name in ("datetime2", "time") else type_.name


_TABLES = {
    "schemas": "name varchar, schema_id integer, principal_id integer",
    "objects": "name varchar, object_id integer, principal_id integer, schema_id integer, "
    "parent_object_id integer, type varchar, type_desc varchar, create_date timestamp, "
    "modify_date timestamp, is_ms_shipped boolean",
    "columns": "object_id integer, name varchar, column_id integer, system_type_id integer, "
    "user_type_id integer, max_length integer, precision integer, scale integer, "
    "collation_name varchar, is_nullable boolean, is_identity boolean, is_computed boolean, "
    "is_masked boolean, masking_function varchar",
    "types": "name varchar, system_type_id integer, user_type_id integer, schema_id integer, "
    "max_length integer, precision integer, scale integer, is_user_defined boolean",
    "sql_modules": "object_id integer, definition varchar",
    "indexes": "object_id integer, name varchar, index_id integer, type integer, "
    "type_desc varchar, is_unique boolean, is_primary_key boolean, is_unique_constraint boolean, "
    "is_disabled boolean, has_filter boolean, filter_definition varchar, "
    "fill_factor integer default 0, ignore_dup_key boolean default false",
    "index_columns": "object_id integer, index_id integer, index_column_id integer, "
    "column_id integer, key_ordinal integer, is_descending_key boolean, is_included_column boolean",
    "key_constraints": "name varchar, object_id integer, schema_id integer, "
    "parent_object_id integer, type varchar, type_desc varchar, unique_index_id integer",
    "foreign_keys": "name varchar, object_id integer, schema_id integer, "
    "parent_object_id integer, referenced_object_id integer, type varchar, type_desc varchar, "
    "is_disabled boolean, is_not_trusted boolean",
    "foreign_key_columns": "constraint_object_id integer, constraint_column_id integer, "
    "parent_object_id integer, parent_column_id integer, referenced_object_id integer, "
    "referenced_column_id integer",
    "extended_properties": "class integer, class_desc varchar, major_id integer, "
    "minor_id integer, name varchar, value varchar",
    "external_table_locations": "object_id integer, location varchar, data_source_id integer, "
    "file_format_id integer",
    "external_data_sources": "data_source_id integer, name varchar, location varchar, "
    "type_desc varchar, credential_id integer",
    "external_file_formats": "file_format_id integer, name varchar, format_type varchar, "
    "data_compression varchar",
    "database_scoped_credentials": "credential_id integer, name varchar, "
    "credential_identity varchar",
    "symmetric_keys": "name varchar, symmetric_key_id integer",
    "databases": "name varchar, database_id integer, collation_name varchar, state_desc varchar",
    "database_principals": "name varchar, principal_id integer, type varchar, type_desc varchar, "
    "is_fixed_role boolean",
    "database_role_members": "role_principal_id integer, member_principal_id integer",
    "database_permissions": "class integer, class_desc varchar, major_id integer, "
    "minor_id integer, grantee_principal_id integer, grantor_principal_id integer, type varchar, "
    "permission_name varchar, state varchar, state_desc varchar",
    "sql_expression_dependencies": "referencing_id integer, referencing_class integer, "
    "referenced_id integer, referenced_database_name varchar, referenced_schema_name varchar, "
    "referenced_entity_name varchar",
}  # fmt: skip

_VIEWS = {
    "sys.tables": "select objects.*, external.object_id is not null as is_external"
    " from sys.objects left join sys.external_table_locations as external using (object_id)"
    " where objects.type = 'U'",
    "sys.views": "select * from sys.objects where type = 'V'",
    "sys.external_tables": "select objects.*, external.location, external.data_source_id,"
    " external.file_format_id from sys.objects"
    " join sys.external_table_locations as external using (object_id)",
    "sys.partitions": "select object_id, index_id, 1 as partition_number,"
    " case type when 5 then 'COLUMNSTORE' else 'NONE' end as data_compression_desc"
    " from sys.indexes",
    "sys.masked_columns": "select * from sys.columns where is_masked",
    "sys.all_objects": "select * from sys.objects",
    "sys.all_columns": "select * from sys.columns",
    f"{INFORMATION_SCHEMA}.schemata": "select db_name() as catalog_name, name as schema_name,"
    " 'dbo' as schema_owner from sys.schemas",
    f"{INFORMATION_SCHEMA}.tables": "select db_name() as table_catalog,"
    " schemas.name as table_schema, objects.name as table_name,"
    " case objects.type when 'U' then 'BASE TABLE' else 'VIEW' end as table_type"
    " from sys.objects join sys.schemas using (schema_id) where objects.type in ('U', 'V')",
    f"{INFORMATION_SCHEMA}.views": "select db_name() as table_catalog,"
    " schemas.name as table_schema, views.name as table_name,"
    " sql_modules.definition as view_definition"
    " from sys.views join sys.schemas using (schema_id) join sys.sql_modules using (object_id)",
    f"{INFORMATION_SCHEMA}.columns": "select db_name() as table_catalog,"
    " schemas.name as table_schema, objects.name as table_name, columns.name as column_name,"
    " columns.column_id as ordinal_position, cast(null as varchar) as column_default,"
    " case when columns.is_nullable then 'YES' else 'NO' end as is_nullable,"
    " types.name as data_type,"
    " case when types.name in ('nchar', 'nvarchar') and columns.max_length > 0"
    " then columns.max_length // 2"
    " when types.name in ('char', 'varchar', 'varbinary', 'nchar', 'nvarchar')"
    " then columns.max_length end as character_maximum_length,"
    " case when types.name"
    " in ('bigint', 'decimal', 'int', 'numeric', 'smallint', 'tinyint', 'float')"
    " then columns.precision end as numeric_precision,"
    " case when types.name in ('bigint', 'decimal', 'int', 'numeric', 'smallint', 'tinyint')"
    " then columns.scale end as numeric_scale,"
    " case when types.name in ('date', 'datetime2') then columns.scale end as datetime_precision,"
    " columns.collation_name"
    " from sys.columns join sys.objects using (object_id) join sys.schemas using (schema_id)"
    " join sys.types using (user_type_id) where objects.type in ('U', 'V')",
}


def _find(value: str, source: str, **keys: str) -> str:
    """Return the query for a value by keys, whose columns' names cannot hide an argument's."""
    columns = ", ".join(f"{key} as _by_{key}" for key in keys)
    where = " and ".join(f"_by_{key} = {argument}" for key, argument in keys.items())
    return f"(select _value from (select {value} as _value, {columns} from {source}) where {where})"


# A name of one to three parts, without its quotes, as a list.
_PARTS = "string_split(regexp_replace(full_name, '[\\[\\]\"]', '', 'g'), '.')"
_OBJECTS = (
    "(select object_id, lower(objects.name) as name, lower(schemas.name) as schema, objects.type"
    " from sys.objects join sys.schemas using (schema_id))"
)
_NAME = {"name": f"lower({_PARTS}[-1])", "schema": f"lower(coalesce({_PARTS}[-2], 'dbo'))"}
_MACROS = {
    "db_name": {"": "getvariable('tsql_database')"},
    "db_id": {"": "1"},
    "object_id": {
        "full_name": _find("object_id", _OBJECTS, **_NAME),
        "full_name, kind": _find("object_id", _OBJECTS, **_NAME, type="trim(kind)"),
    },
    "object_name": {"id": _find("name", "sys.objects", object_id="id")},
    "object_schema_name": {
        "id": _find(
            "schemas.name", "sys.objects join sys.schemas using (schema_id)", object_id="id"
        )
    },
    "object_definition": {"id": _find("definition", "sys.sql_modules", object_id="id")},
    "schema_id": {
        "": "1",
        "schema_name": _find(
            "schema_id",
            "(select schema_id, lower(name) as name from sys.schemas)",
            name="lower(schema_name)",
        ),
    },
    "schema_name": {"": "'dbo'", "id": _find("name", "sys.schemas", schema_id="id")},
    "type_name": {"id": _find("name", "sys.types", user_type_id="id")},
    "col_name": {"id, place": _find("name", "sys.columns", object_id="id", column_id="place")},
    "columnproperty": {
        "id, col, property": "case lower(property) when 'allowsnull' then"
        f" {_find('cast(is_nullable as integer)', 'sys.columns', object_id='id', name='col')}"
        f" else error('{functions.NO_RULE}COLUMNPROPERTY') end",
    },
    "objectproperty": {
        "id, property": "case when id is null then null"
        " when lower(property) = 'tablehasprimarykey' then cast(coalesce("
        + _find("true", "sys.key_constraints", parent_object_id="id", type="'PK'")
        + f", false) as integer) else error('{functions.NO_RULE}OBJECTPROPERTY') end",
    },
    "indexproperty": {
        "id, index_name, property": "case lower(property) when 'indexid' then"
        f" {_find('index_id', 'sys.indexes', object_id='id', name='index_name')} end",
    },
    "serverproperty": {
        "property": "case lower(property) when 'productversion' then '12.0.2000.8'"
        " when 'edition' then 'SQL Azure' when 'engineedition' then '5' end",
    },
    "database_principal_id": {
        "": "1",
        "principal": _find(
            "principal_id",
            "(select principal_id, lower(name) as name from sys.database_principals)",
            name="lower(principal)",
        ),
    },
    "has_perms_by_name": {"securable, class, permission": "1"},  # to an administrator
}  # fmt: skip


class Catalog:
    """Writes the catalogue, on the connection and so in the transaction of a session."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    @staticmethod
    def install(connection: duckdb.DuckDBPyConnection, database: str, collation: str) -> None:
        """Make the catalogue of a new server, with its first database."""
        connection.begin()
        functions.install(connection)
        connection.execute("create schema if not exists sys")
        connection.execute("create schema if not exists dbo")
        connection.execute(f"create schema if not exists {INFORMATION_SCHEMA}")
        connection.execute("create sequence if not exists sys.object_ids start 1000001")
        for name, columns in _TABLES.items():
            connection.execute(f"create table sys.{name} ({columns})")
        connection.execute("create or replace macro main.db_name() as getvariable('tsql_database')")
        for name, query in _VIEWS.items():
            connection.execute(f"create view {name} as {query}")
        for name, bodies in _MACROS.items():
            overloads = ", ".join(f"({names}) as {body}" for names, body in bodies.items())
            connection.execute(f"create or replace macro main.{name} {overloads}")
        catalog = Catalog(connection)
        for name, (id_, length, precision, scale, _) in _TYPES.items():
            catalog.add("types", name=name, system_type_id=231 if name == "sysname" else id_,
                        user_type_id=id_, schema_id=4, max_length=length, precision=precision,
                        scale=scale, is_user_defined=False)  # fmt: skip
        for id_, name in ((1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")):
            catalog.add("schemas", name=name, schema_id=id_, principal_id=id_)
            catalog.add("database_principals", name=name, principal_id=id_, type="S",
                        type_desc="SQL_USER", is_fixed_role=False)  # fmt: skip
        for id_, name in ((1, "master"), (5, database)):
            if id_ == 1 or name != "master":
                catalog.add("databases", name=name, database_id=id_, state_desc="ONLINE",
                            collation_name=collation)  # fmt: skip
        connection.commit()

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run DuckDB's SQL."""
        return self._connection.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first value of the first row, or None."""
        rows = self.query(sql, *parameters)
        return rows[0][0] if rows else None

    def add(self, table: str, **values: Any) -> None:
        """Add a row to a table of schema sys."""
        marks = ", ".join("?" * len(values))
        self.query(
            f"insert into sys.{table} ({', '.join(values)}) values ({marks})", *values.values()
        )

    def next_id(self) -> int:
        """Return a new object_id."""
        return int(self.value("select nextval('sys.object_ids')"))

    def schema_id(self, schema: str) -> int | None:
        """Return a schema's id."""
        return self.value("select schema_id from sys.schemas where lower(name) = lower(?)", schema)

    def find(self, schema: str, name: str) -> tuple[int, str] | None:
        """Return an object's id and type (U, V, …)."""
        rows = self.query(
            "select object_id, type from sys.objects join sys.schemas using (schema_id)"
            " where lower(objects.name) = lower(?) and lower(schemas.name) = lower(?)",
            name,
            schema,
        )
        return rows[0] if rows else None

    def add_object(
        self, schema: str, name: str, type_: str, parent: int = 0, columns: Iterable[Column] = ()
    ) -> int:
        """Add an object with its columns; return its id."""
        descriptions = {"U": "USER_TABLE", "V": "VIEW", "PK": "PRIMARY_KEY_CONSTRAINT",
                        "F": "FOREIGN_KEY_CONSTRAINT", "UQ": "UNIQUE_CONSTRAINT",
                        "P": "SQL_STORED_PROCEDURE",
                        "C": "CHECK_CONSTRAINT", "D": "DEFAULT_CONSTRAINT"}  # fmt: skip
        id_ = self.next_id()
        self.query(
            "insert into sys.objects"
            " values (?, ?, null, ?, ?, ?, ?, now()::timestamp, now()::timestamp, false)",
            name, id_, self.schema_id(schema), parent, type_, descriptions[type_],
        )  # fmt: skip
        self.add_columns(id_, columns)
        if type_ == "U":
            self.add("indexes", object_id=id_, index_id=0, type=0, type_desc="HEAP",
                     is_unique=False, is_primary_key=False, is_unique_constraint=False,
                     is_disabled=False, has_filter=False)  # fmt: skip
        return id_

    def add_columns(self, object_id: int, columns: Iterable[Column]) -> None:
        """Add columns after those that the object has."""
        place = self.value(
            "select coalesce(max(column_id), 0) from sys.columns where object_id = ?", object_id
        )
        for column in columns:
            place += 1
            type_ = column.type
            self.add("columns", object_id=object_id, name=column.name, column_id=place,
                     system_type_id=type_.type_id, user_type_id=type_.type_id,
                     max_length=type_.max_length, precision=type_.precision, scale=type_.scale,
                     collation_name=column.stored_collation, is_nullable=column.nullable,
                     is_identity=False, is_computed=False, is_masked=column.mask is not None,
                     masking_function=column.mask)  # fmt: skip

    def columns_of(self, object_id: int) -> list[Column]:
        """Return an object's columns in their order."""
        return [
            Column(name, ColumnType(type_, length, precision, scale), nullable, collation, mask)
            for name, type_, length, precision, scale, nullable, collation, mask in self.query(
                "select columns.name, types.name, columns.max_length, columns.precision,"
                " columns.scale, is_nullable, collation_name, masking_function"
                " from sys.columns join sys.types using (user_type_id)"
                " where object_id = ? order by column_id",
                object_id,
            )
        ]

    def columns_by_name(self, schema: str, name: str) -> list[Column]:
        """Return the columns of a table or view; none when there is no such thing."""
        found = self.find(schema, name)
        return self.columns_of(found[0]) if found else []

    def remove_permissions(self, object_id: int) -> None:
        """Take back what was granted on an object."""
        self.query(
            "delete from sys.database_permissions where class = 1 and major_id = ?", object_id
        )

    def remove_object(self, object_id: int) -> None:
        """Remove an object with all that belongs to it."""
        for (child,) in self.query(
            "select object_id from sys.objects where parent_object_id = ?", object_id
        ):
            self.remove_object(child)
        for table, column in (
            ("objects", "object_id"), ("columns", "object_id"), ("sql_modules", "object_id"),
            ("indexes", "object_id"), ("index_columns", "object_id"),
            ("key_constraints", "object_id"),
            ("foreign_keys", "object_id"), ("foreign_key_columns", "constraint_object_id"),
            ("external_table_locations", "object_id"),
            ("sql_expression_dependencies", "referencing_id"),
        ):  # fmt: skip
            self.query(f"delete from sys.{table} where {column} = ?", object_id)
        self.remove_permissions(object_id)
        self.query(
            "delete from sys.extended_properties where class = 1 and major_id = ?", object_id
        )
        self.query(
            "delete from sys.database_permissions where class = 1 and major_id = ?", object_id
        )
