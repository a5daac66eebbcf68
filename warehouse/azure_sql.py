"""Azure SQL Database: connections with the credentials of dbt's profile, bulk copies, errors told.

No statement waits for ever: each has as long as the profile says.
"""

import importlib.util
import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lake.errors import C360Error

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# As Microsoft advises: five seconds, then longer. A database that was paused takes up to a minute.
WAITS_SECONDS = (5.0, 10.0, 20.0, 40.0)

COMMIT_ROWS = 524_288  # what is lost when a connection breaks, and what the log has to hold

# The driver leaves the server's error numbers out of most messages, so each error is known by its
# number or its text. These pass: the service moves a database, is busy, or a connection breaks.
_TRANSIENT = re.compile(
    r"\b(1205|4221|10053|10054|10060|10928|10929|40197|40501|40613|49918|49919|49920)\b"
    r"|deadlock"
    r"|login to read-secondary failed|could not find database id"
    r"|transport-level error|communication link failure|connection was forcibly closed"
    r"|connection (is|was) (broken|reset|closed)|connection reset by peer|broken pipe"
    r"|the \w+ limit for the database is|minimum guarantee is"
    r"|service has encountered an error processing your request"
    r"|service is currently busy|is not currently available"
    r"|not enough resources to process|too many (create or update )?operations in progress",
    re.IGNORECASE,
)

# A statement or a bulk copy that took longer than it may. That does not pass: it would again.
_TOO_LONG = re.compile(r"query timeout expired|bulk copy operation timed out", re.IGNORECASE)

# What keeps a connection from being made, and what to do about it; the first that fits is told.
_REASONS = (
    (
        r"\b40615\b|is not allowed to access the server",
        "lets this machine in only when a firewall rule does{address}. Add one to the server "
        "(Networking in the portal), or connect from a network that it trusts",
    ),
    (
        r"token[^.]{0,40}expired|expired[^.]{0,20}token|AADSTS(70008|700082|70043|50173)",
        "was shown a sign-in to Microsoft Entra ID that has expired. Sign in again (az login), or "
        "renew the secret of the service principal",
    ),
    (
        r"DefaultAzureCredential|CredentialUnavailable|ClientAuthenticationError|AADSTS",
        "wants a sign-in to Microsoft Entra ID, and none could be had. Sign in (az login), or set "
        "C360_SQL_AUTHENTICATION, C360_SQL_USER and C360_SQL_PASSWORD to another way",
    ),
    (
        r"\b4060\b|cannot open database",
        "has no database {database} that this user may open. Check C360_SQL_DATABASE, and that the "
        "user was created in it (create user … from external provider)",
    ),
    (
        r"\b18456\b|login failed",
        "refused the login. Check C360_SQL_USER and C360_SQL_PASSWORD, or the identity that "
        "C360_SQL_AUTHENTICATION stands for",
    ),
    (
        r"certificate",
        "showed a certificate that is not trusted. For a server of your own without one, set "
        "C360_SQL_TRUST_CERTIFICATE=true",
    ),
    (
        r"",
        "cannot be reached. Check C360_SQL_SERVER and C360_SQL_PORT, and that this network lets "
        "connections out",
    ),
)


def connect(credentials: Any) -> Any:
    """Connect to a database with dbt's credentials for it; each statement commits itself."""
    if importlib.util.find_spec("mssql_python") is None:
        raise C360Error(
            "Azure SQL Database needs packages that are not installed (mssql_python). Run `make "
            "setup` in the project's folder."
        )
    if not credentials.host:
        raise C360Error(
            "C360_SQL_SERVER is not set, so there is no database to go to. Set it to the server's "
            "name, such as <name>.database.windows.net."
        )
    try:
        return retried(lambda: _open(credentials), f"connecting to {credentials.host}")
    except C360Error:
        raise
    except Exception as error:
        raise C360Error(_told(str(error), credentials), passes(error)) from error


def retried(action: Callable[[], Result], what: str) -> Result:
    """Do it, and do it again after a while when it fails for a reason that passes.

    Some twenty lines, for which a dependency would be one more thing to install and to trust.
    """
    for wait in WAITS_SECONDS:
        try:
            return action()
        except C360Error:
            raise
        except Exception as error:
            if not passes(error):
                raise
            logger.warning("%s failed, next attempt in %g s: %s", what, wait, error)
            time.sleep(wait)
    return action()


def passes(error: BaseException | str) -> bool:
    """Tell whether the same attempt may succeed a little later; takes the error or its text."""
    return bool(_TRANSIENT.search(str(error)))


def time_limit(error: BaseException | str, credentials: Any) -> str:
    """Say so, as a sentence to add to an error or its text, when it took longer than it may."""
    if not _TOO_LONG.search(str(error)):
        return ""
    return (
        f" It took longer than {credentials.query_timeout:,} seconds; set C360_STATEMENT_TIMEOUT "
        "to more."
    )


def bulk_cursor(connection: Any, credentials: Any) -> Any:
    """Return a cursor for bulk copies, each of which signs in on a connection of its own.

    The driver gives that sign-in as long as a statement of the cursor may take, not as long as a
    sign-in may.
    """
    limit, connection.timeout = connection.timeout, credentials.login_timeout or 0
    try:
        return connection.cursor()
    finally:
        connection.timeout = limit


def bulk_copy(cursor: Any, table: str, rows: "pa.RecordBatchReader") -> None:
    """Copy rows into the columns of a table that have their names, with a `bulk_cursor`."""
    try:
        cursor.bulkcopy_arrow(
            table,
            rows,
            batch_size=COMMIT_ROWS,
            timeout=cursor.connection.timeout,
            column_mappings=rows.schema.names,
            table_lock=True,
            keep_nulls=True,
        )
    except BaseException as error:
        # The driver's part in Rust, when it gives up, raises what is no Exception.
        if type(error).__name__ == "PanicException":
            raise RuntimeError(f"the driver gave up: {error}") from error
        raise


def _open(credentials: Any) -> Any:
    import mssql_python
    from dbt.adapters.sqlserver.sqlserver_backend import build_mssql_python_connection_string

    connection = mssql_python.connect(
        build_mssql_python_connection_string(credentials),
        autocommit=True,
        timeout=credentials.login_timeout or 0,
    )
    connection.timeout = credentials.query_timeout or 0  # of each statement
    with connection.cursor() as cursor:
        cursor.execute("set xact_abort on")
    return connection


def _told(error: str, credentials: Any) -> str:
    """Say in one sentence why there is no connection, and what to do."""
    address = re.search(r"IP address '([^']+)'", error)
    advice = next(advice for pattern, advice in _REASONS if re.search(pattern, error, re.I))
    advice = advice.format(
        database=credentials.database,
        address=f" (its address there is {address[1]})" if address else "",
    )
    reason = " ".join(error.split())
    return f"{credentials.host} {advice}. The server or driver says: {reason[:300]}"
