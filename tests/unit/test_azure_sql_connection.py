"""Azure SQL Database: what a failure says, what is tried again, and how long all may take."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from lake.errors import C360Error
from warehouse import azure_sql

HOST = "shop.database.windows.net"


def _credentials(host: str = HOST) -> Any:
    return SimpleNamespace(
        host=host, database="customer360", login_timeout=60, query_timeout=14_400
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure_sql, "WAITS_SECONDS", (0.0, 0.0))


def _failing(monkeypatch: pytest.MonkeyPatch, *errors: str) -> list[str]:
    """Let attempts to connect fail with these errors, then succeed; return those that are left."""
    left = list(errors)

    def connect(credentials: Any) -> str:
        if left:
            raise RuntimeError(left.pop(0))
        return "a connection"

    monkeypatch.setattr(azure_sql, "_open", connect)
    return left


# What the server and the driver say, as Microsoft documents it, and what the user is told.
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "Cannot open server 'shop' requested by the login. Client with IP address "
            "'203.0.113.7' is not allowed to access the server.",
            "firewall rule does (its address there is 203.0.113.7)",
        ),
        (
            "Login failed for user '<token-identified principal>'. Token is expired.",
            "has expired. Sign in again",
        ),
        ("AADSTS700082: The refresh token has expired due to inactivity.", "has expired"),
        (
            "DefaultAzureCredential failed to retrieve a token from the included credentials.",
            "Sign in (az login)",
        ),
        (
            'Cannot open database "customer360" requested by the login. The login failed.',
            "has no database customer360 that this user may open",
        ),
        ("Login failed for user 'c360'.", "refused the login. Check C360_SQL_USER"),
        (
            "SSL Provider: The certificate chain was issued by an authority that is not trusted.",
            "C360_SQL_TRUST_CERTIFICATE=true",
        ),
        ("Login timeout expired", "cannot be reached. Check C360_SQL_SERVER"),
        (
            "A network-related or instance-specific error has occurred while establishing a "
            "connection. Server is not found or not accessible.",
            "cannot be reached. Check C360_SQL_SERVER",
        ),
    ],
)
def test_a_refused_connection_is_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: str, told: str
) -> None:
    left = _failing(monkeypatch, error, "a second attempt that nobody should make")
    with pytest.raises(C360Error) as caught:
        azure_sql.connect(_credentials())
    message = str(caught.value)
    assert message.startswith(HOST)
    assert told in message
    assert error in message
    assert "\n" not in message
    assert not caught.value.passing
    assert len(left) == 1


def test_without_a_server_the_message_names_the_variable() -> None:
    with pytest.raises(C360Error, match="C360_SQL_SERVER is not set"):
        azure_sql.connect(_credentials(host=""))


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(C360Error, match="make setup"):
        azure_sql.connect(_credentials())


@pytest.mark.parametrize(
    "error",
    [
        "Database 'customer360' on server 'shop' is not currently available. Please retry the "
        "connection later.",
        "The service has encountered an error processing your request. Please try again. Error "
        "code 4815.",
        "The service is currently busy. Retry the request after 10 seconds.",
        "Resource ID: 1. The request limit for the database is 60 and has been reached.",
        "Cannot process request. Not enough resources to process request.",
        "Transaction (Process ID 71) was deadlocked on lock resources with another process",
        "TCP Provider: An existing connection was forcibly closed by the remote host. (10054)",
        "Communication link failure",
    ],
)
def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    left = _failing(monkeypatch, error, error)
    assert azure_sql.connect(_credentials()) == "a connection"
    assert left == []


def test_what_does_not_pass_in_time_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = "The service is currently busy. Retry the request after 10 seconds."
    _failing(monkeypatch, *[busy] * 9)
    with pytest.raises(C360Error, match="currently busy") as caught:
        azure_sql.connect(_credentials())
    assert caught.value.passing


@pytest.mark.parametrize(
    "error",
    [
        "('HYT00', '[HYT00] [Microsoft][ODBC Driver 18 for SQL Server]Query timeout expired (0)')",
        "Driver Error: Timeout expired; DDBC Error: [Microsoft][SQL Server]Query timeout expired",
        "Bulk copy operation timed out after 14400 seconds",
    ],
)
def test_what_took_too_long_is_told_and_not_tried_again(error: str) -> None:
    assert azure_sql.time_limit(error, _credentials()) == (
        " It took longer than 14,400 seconds; set C360_STATEMENT_TIMEOUT to more."
    )
    assert not azure_sql.passes(error)
    assert azure_sql.time_limit("Login timeout expired", _credentials()) == ""


class PanicException(BaseException):
    """As the native part of the driver raises it."""


@pytest.mark.parametrize("raised", [PanicException("index out of bounds"), KeyboardInterrupt()])
def test_a_bulk_copy_signs_in_and_ends_in_time_and_a_panic_is_an_error(
    raised: BaseException,
) -> None:
    connection: Any = SimpleNamespace(timeout=14_400)
    connection.cursor = lambda: SimpleNamespace(
        connection=connection, signs_in_within=connection.timeout, bulkcopy_arrow=copy
    )
    given: dict[str, Any] = {}

    def copy(table: str, rows: Any, **options: Any) -> None:
        given.update(options)
        raise raised

    cursor = azure_sql.bulk_cursor(connection, _credentials())
    rows = pa.table({"a": [1]}).to_reader()
    expected = RuntimeError if isinstance(raised, PanicException) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        azure_sql.bulk_copy(cursor, "silver_load.stores", rows)
    assert ("index out of bounds" in str(caught.value)) == (expected is RuntimeError)
    assert (cursor.signs_in_within, given["timeout"]) == (60, 14_400)
