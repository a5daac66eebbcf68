{#- A text as it came, trimmed and then as clean_value has it. Example: clean_raw('"Amount"', 'decimal(18,2)') -#}
{% macro clean_raw(text, data_type) -%}
    {{ return(adapter.dispatch('clean_raw')(text, data_type)) }}
{%- endmacro %}


{#-
    What it costs to look at a value decides: a text that needs neither trim nor cut (bytes are counted faster than
    characters), and a value that reads the same when it is written back, is taken at once (never so a 12.5 as an integer,
    1e3 as a number or 24:00 as a time; only a time without a fraction in the years 0001 to 9999 has 19 characters), then
    one that is in order as it came, and only what is left and not blank is trimmed. The lambda has the trimmed text
    computed once.
-#}
{% macro duckdb__clean_raw(text, data_type) -%}
    {%- set type = contract_type(data_type) -%}
    {%- set words = null_words(data_type) -%}
    {%- set no_word -%}
        {%- if words -%} not {{ is_null_word(text, words) }} {%- else -%} true {%- endif -%}
    {%- endset -%}
    {%- set trimmed -%}
        list_transform([{{ trim_text(text) }}], lambda trimmed: {{ clean_value('trimmed', data_type) }})[1]
    {%- endset -%}
    {%- if type.startswith('varchar') -%}
    case
        when strlen({{ text }}) <= {{ type[8:-1] }} and not {{ duckdb_is_padded(text) }}
            then case when {{ no_word }} then nullif({{ text }}, '') end
        else {{ trimmed }}
    end
    {%- else -%}
    coalesce(
        {%- if type != 'date' %}
        case
            when
                {% if type == 'timestamp' %}strlen({{ text }}) = 19 and {% endif -%}
                cast(try_cast({{ text }} as {{ type }}) as varchar) = {{ text }} and {{ no_word }}
                then try_cast({{ text }} as {{ type }})
        end,
        {%- endif %}
        case when {{ text }} <> '' then coalesce({{ clean_value(text, data_type) }}, {{ trimmed }}) end
    )
    {%- endif -%}
{%- endmacro %}


{% macro sqlserver__clean_raw(text, data_type) -%}
    {{ return(clean_value(trim_text(text), data_type)) }}
{%- endmacro %}


{% macro fabric__clean_raw(text, data_type) -%}
    {{ return(sqlserver__clean_raw(text, data_type)) }}
{%- endmacro %}
