{#-
    What the model that is being built can take in instead of being built anew: `since`, by input the version up to which it
    has it; `unchanged`, whether there is nothing new. None when it has to be built anew: it never was, another code built it,
    an input was built anew, what it was made from is no longer there (a batch was taken back, or read again), its version
    would not come after the one that is there, or --full-refresh asks for it.
-#}
{% macro increment() -%}
    {%- if not execute or graph.nodes is not defined or not adapter.dispatch('takes_increments')() -%}{{ return(none) }}{%- endif -%}
    {%- set known = graph.setdefault('c360_increments', {}) -%}
    {%- if model.name not in known -%}
        {%- do known.update({model.name: found_increment(built(model.name), inputs_now())}) -%}
    {%- endif -%}
    {{ return(known[model.name]) }}
{%- endmacro %}


{% macro found_increment(state, inputs) -%}
    {%- if dbt.should_full_refresh() or not state or state.code != project_code(layer_of_model()) -%}{{ return(none) }}{%- endif -%}
    {#- Views over parts name the lake's place: in another one, as when a home was moved, they are made anew. -#}
    {%- if state.lake is defined and state.lake != lake_place() -%}{{ return(none) }}{%- endif -%}
    {%- if state.inputs.keys() | sort != inputs.keys() | sort -%}{{ return(none) }}{%- endif -%}
    {%- set since = {} -%}
    {%- set news = [] -%}
    {%- for name, now in inputs.items() -%}
        {%- set then = state.inputs[name] -%}
        {%- if then.epoch != now.epoch or then.version < now.deletions_since -%}{{ return(none) }}{%- endif -%}
        {%- do since.update({name: then.version}) -%}
        {%- if then.version != now.version -%}{%- do news.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {#- Versions are compared: after a clock was put back none may come before one that is there. -#}
    {%- if news and not model.name.startswith('stg_') and state.version >= silver_version() -%}{{ return(none) }}{%- endif -%}
    {{ return({'since': since, 'unchanged': not news}) }}
{%- endmacro %}


{#-
    The inputs of the model that is being built: bronze for staging, else the models that it refers to and that keep a state.
    What bronze had up to a batch is known by a digest; `taken` gives that of all that is there.
-#}
{% macro inputs_now(taken=false) -%}
    {%- set inputs = {} -%}
    {%- if model.name.startswith('stg_') -%}
        {%- set arrived = arrivals(model.name[4:]) -%}
        {%- do inputs.update({'bronze': {
            'epoch': arrived.digest if taken else arrived.digest_before, 'version': arrived.version, 'deletions_since': ''
        }}) -%}
    {%- else -%}
        {%- for unique_id in model.depends_on.nodes -%}
            {%- set name = unique_id.split('.') | last -%}
            {%- set state = built(name) -%}
            {%- if state -%}
                {%- do inputs.update({name: {
                    'epoch': state.epoch, 'version': state.version, 'deletions_since': state.deletions_since
                }}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(inputs) }}
{%- endmacro %}


{% macro layer_of_model() -%}
    {{ return('silver' if model.config.materialized == 'external' else 'gold') }}
{%- endmacro %}


{% macro duckdb__takes_increments() -%}{{ return(true) }}{%- endmacro %}


{% macro default__takes_increments() -%}{{ return(false) }}{%- endmacro %}
