"""Runs Customer 360: from files and an API to published answers.

In the order in which a run passes through them:

- `cli` is the `c360` command, `asked` checks what a run is asked to do.
- `run` is a run in this process. `base_run` holds the steps that every run begins with, `local_run`
  and `azure_run` list and hold what each target does; `steps` says what a step is and what is told
  when one fails, `azure_settings` what Azure needs.
- `flow` is the Prefect flow: it goes through the same steps, a task each.
- `rejections` keeps a build from being published when most of what arrived cannot be used.
- `progress` tells what a run is doing; `headlines` makes small tables of the answers, which
  `summary` prints at the end and `artifacts` keeps in Prefect; `terminal` keeps what is printed
  from being taken for instructions.
- `batches`, `customer`, `demo`, `person`, `powerbi`, `sources` and `status` are behind the commands
  of those names, `audit_log` behind `c360 audit`, `rewrite` behind `c360 docs` and `c360 report`.
"""

import os

# Before Prefect or dbt is imported: nothing is sent to anyone. What a user has set stays.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
