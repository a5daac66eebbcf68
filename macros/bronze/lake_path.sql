{#-
    Absolute path of a place in the lake: C360_LAKE, or the folder lake/ in C360_HOME (default .c360 in the project).
    Raises when C360_LAKE is no folder but an address. Example: lake_path('bronze/manifests')
-#}
{% macro lake_path(path) -%}
    {%- set lake = env_var('C360_LAKE', '') or (env_var('C360_HOME', '') or '.c360') ~ '/lake' -%}
    {%- if execute and '://' in lake -%}
        {{ exceptions.raise_compiler_error(
            'The target ' ~ target.name ~ ' reads a lake in a local folder, but C360_LAKE is ' ~ lake.split('?')[0] ~ '. Unset C360_LAKE, or '
            ~ 'build silver where that lake is: --target synapse.'
        ) }}
    {%- endif -%}
    {%- if execute and not lake.startswith('/') -%}
        {#- Relative to the project's folder, which dbt works in. -#}
        {%- set lake = run_query('select absolute_path(' ~ sql_text(lake) ~ ')').rows[0][0] -%}
    {%- endif -%}
    {{ return(lake ~ '/' ~ path) }}
{%- endmacro %}


{#-
    The lake's address for a pool: abfss://<filesystem>@<account host>/<folder> as an https URL of the dfs endpoint, which is
    the one that CETAS can write to.
-#}
{% macro lake_url() -%}
    {%- set lake = env_var('C360_LAKE', '').rstrip('/') -%}
    {#- A ? begins a token, which belongs into no address and no message. -#}
    {%- set parts = modules.re.match('abfss?://([^@/?]+)@([^/?]+)(/[^?]*)?$', lake) -%}
    {%- if not parts -%}
        {{ exceptions.raise_compiler_error(
            'Set C360_LAKE to the lake in the cloud, as abfss://<filesystem>@<account>.dfs.core.windows.net/<folder>; it is '
            ~ (lake.split('?')[0] or 'not set') ~ '.'
        ) }}
    {%- endif -%}
    {{ return('https://' ~ parts[2] ~ '/' ~ parts[1] ~ (parts[3] or '')) }}
{%- endmacro %}


{#- Where the lake is, as the engine that builds silver knows it. -#}
{% macro lake_place() -%}
    {{ return(adapter.dispatch('lake_place')()) }}
{%- endmacro %}


{% macro duckdb__lake_place() -%}{{ return(lake_path('')) }}{%- endmacro %}


{% macro default__lake_place() -%}{{ return(lake_url()) }}{%- endmacro %}


{#- The silver version that this invocation writes: C360_VERSION, or one of its own that sorts by time like a batch. -#}
{% macro silver_version() -%}
    {{ return(env_var('C360_VERSION', run_started_at.strftime('%Y%m%dT%H%M%SZ') ~ '-' ~ invocation_id[:6])) }}
{%- endmacro %}
