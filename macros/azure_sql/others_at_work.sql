{#-
    After a build that found names taken: says who else works in the database, since two builds by hand get in each other's way.
    Sessions tell it, and not a note or a lock, which a build that is killed would leave. `results` are the invocation's.
-#}
{% macro name_others_at_work(results) -%}
    {%- if execute -%}{{ return(adapter.dispatch('name_others_at_work')(results)) }}{%- endif -%}
{%- endmacro %}


{% macro default__name_others_at_work(results) -%}{%- endmacro %}


{#- Errors 2714 and 15335. Sessions of one program are those of dbt and of c360. -#}
{% macro sqlserver__name_others_at_work(results) -%}
    {%- set taken = [] -%}
    {%- for result in results if modules.re.search("already an object named '[^']*__dbt_|already in use as a", result.message or '') -%}
        {%- do taken.append(result.node.name) -%}
    {%- endfor -%}
    {%- if taken -%}
        {%- set others = [] -%}
        {%- for login, host, since in run_query(
            'select others.login_name, others.host_name, min(others.login_time) as since from sys.dm_exec_sessions as others '
            ~ 'inner join sys.dm_exec_sessions as ours on ours.session_id = @@spid '
            ~ 'where others.database_id = db_id() and others.program_name = ours.program_name and '
            ~ '(others.host_name <> ours.host_name or others.host_process_id <> ours.host_process_id) '
            ~ 'group by others.login_name, others.host_name'
        ).rows -%}
            {%- do others.append(login ~ ' on ' ~ host ~ ', since ' ~ since ~ ' by the clock of the server') -%}
        {%- endfor -%}
        {%- do log(
            'Another build was at ' ~ taken | join(', ') ~ ' at the same time, and two get in each other\'s way. '
            ~ ('dbt or c360 is connected from elsewhere as well: ' ~ others | join('; ') ~ '. Build again when that has ended.'
                if others else 'No other dbt is to be seen any more: it has ended or was killed, or this login may not see it '
                ~ '(VIEW DATABASE STATE). Build again.'),
            info=true
        ) -%}
    {%- endif -%}
{%- endmacro %}
