{#- Whether a trimmed text is one of some words, exactly so spelled. Example: is_null_word('tier', null_words('varchar')) -#}
{% macro is_null_word(text, words) -%}
    {{ return(adapter.dispatch('is_null_word')(text, words)) }}
{%- endmacro %}


{#- Not with IN, which DuckDB makes a join of that looks at every row. -#}
{% macro duckdb__is_null_word(text, words) -%}
    {%- set ns = namespace(longest=0) -%}
    {%- for word in words -%}{%- set ns.longest = [ns.longest, word.encode() | length] | max -%}{%- endfor -%}
    (strlen({{ text }}) <= {{ ns.longest }} and (
        {%- for word in words %}{{ ' or ' if not loop.first }}{{ text }} = {{ sql_text(word) }}{% endfor -%}
    ))
{%- endmacro %}


{% macro sqlserver__is_null_word(text, words) -%}
    ({{ sqlserver_exact_text(text) }} in (
        {%- for word in words %}{{ ', ' if not loop.first }}N{{ sql_text(word) }}{% endfor -%}
    ))
{%- endmacro %}


{% macro fabric__is_null_word(text, words) -%}
    {{ return(sqlserver__is_null_word(text, words)) }}
{%- endmacro %}
