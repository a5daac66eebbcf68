"""What the views of a Synapse serverless SQL pool say of silver: the parts that it consists of."""

import json
import re
from typing import Any

from warehouse.connection import Query

_DEFINITIONS = """
select made.name, modules.definition
from sys.views as made
inner join sys.sql_modules as modules on made.object_id = modules.object_id
where made.schema_id in (schema_id(N'staging'), schema_id(N'silver'))
"""


def built_states(query: Query) -> dict[str, dict[str, Any]]:
    """Return what each relation was built from, as the macro `built` tells."""
    return {
        name: json.loads(state[1])
        for name, definition in query(_DEFINITIONS)
        if (state := re.search(r"/\* c360 (\{.*?\}) \*/", definition, re.DOTALL))
    }
