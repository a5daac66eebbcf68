"""Runs Customer 360: from files and an API to published answers.

In the order in which a run passes through them:

- `cli` is the `c360` command, `prefect_server` the server that it starts when you have none.
- `flow` is the Prefect flow, a task a step; `run` holds the steps themselves, without Prefect.
- `home` knows where everything of an installation is and lets one run in at a time.
- `dbt_run` builds a layer with dbt, `publish` makes the result visible at once, or not at all.
- `progress` tells what a run is doing, `summary` what came out.
- `customer`, `status` and `demo` are behind the commands of those names.
"""

import os

# Before Prefect or dbt is imported: nothing is sent to anyone. What a user has set stays.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
