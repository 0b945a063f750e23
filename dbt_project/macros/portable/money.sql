{#- Arithmetic on amounts that never raises an error: one absurd record must not stop a run. -#}

{#-
The product of two amounts as an amount; NULL where it does not fit. DuckDB multiplies two decimals
of 18 digits in 18 digits and raises an error above ten thousand million: with 19 on one side it
takes 38.
-#}
{% macro product(left, right) -%}
    {{ return(adapter.dispatch('product', 'segmentry')(left, right)) }}
{%- endmacro %}

{% macro default__product(left, right) -%}
    try_cast(try_cast({{ left }} as decimal(19, 4)) * {{ right }} as {{ type_amount() }})
{%- endmacro %}

{#- Whether a text is a JSON array of objects. NULL for NULL. -#}
{% macro is_list_of_objects(text) -%}
    {{ return(adapter.dispatch('is_list_of_objects', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__is_list_of_objects(text) -%}
    case
        when {{ text }} is not null
            then coalesce(json_type(try_cast({{ text }} as json)) = 'ARRAY', false)
                and len(list_filter(
                    json_extract(try_cast({{ text }} as json), '$[*]'),
                    element -> json_type(element) <> 'OBJECT'
                )) = 0
    end
{%- endmacro %}
