{#- An e-mail address in the one form it is compared in, or NULL where it is none. Plus-tags are kept. -#}
{% macro normalize_email(x) -%}
    {%- set bare = regex_replace("lower(trim(" ~ x ~ "))", "'^mailto:|^<|>$'", "''") -%}
    {%- set word = "[^@\\s,;:<>\"().]+" -%}
    {{ regex_whole(bare, word ~ "([.]" ~ word ~ ")*@[a-z0-9-]+([.][a-z0-9-]+)*[.][a-z]{2,}") }}
{%- endmacro %}

{#-
A phone number in E.164 (+ and 7 to 15 digits), or NULL where none can be made of it. A national number needs its
country (ISO 3166 alpha-2). 7 is the shortest number in use with its country code, 15 the longest E.164 allows.
-#}
{% macro normalize_phone(x, country) -%}
    {%- set text = "replace(trim(" ~ x ~ "), '(0)', '')" -%}
    {%- set digits = regex_replace(text, "'[^0-9]'", "''") -%}
    {%- set code = calling_code(country) -%}
    {%- set international -%}
        case
            when {{ regex_matches(x, "'[a-zA-Z]{2,}'") }} then null
            when {{ text }} like '+%' then {{ digits }}
            when {{ digits }} like '00%' then substr({{ digits }}, 3)
            when length({{ digits }}) >= 11 and {{ digits }} like {{ code }} || '%' then {{ digits }}
            when {{ digits }} like '0%' and upper({{ country }}) <> 'IT' then {{ code }} || substr({{ digits }}, 2)
            else {{ code }} || {{ digits }}
        end
    {%- endset -%}
    {{ regex_whole("'+' || " ~ international, "[+][1-9][0-9]{6,14}") }}
{%- endmacro %}

{#- An opaque key (cookie, user id, CRM id, device id, loyalty id): trimmed; case is kept, two keys may differ by it. -#}
{% macro normalize_key(x) -%}
    nullif(trim({{ x }}), '')
{%- endmacro %}

{#- The form in which an identifier is stored, or NULL where it is refused. type is a quoted name or an expression. -#}
{% macro normalize_identifier(type, x, country='null') -%}
    {%- if type == "'email'" -%}
    {{ normalize_email(x) }}
    {%- elif type == "'phone'" -%}
    {{ normalize_phone(x, "cast(" ~ country ~ " as varchar)") }}
    {%- elif type[0] == "'" -%}
    {{ normalize_key(x) }}
    {%- else -%}
    case {{ type }}
        when 'email' then {{ normalize_email(x) }}
        when 'phone' then {{ normalize_phone(x, "cast(" ~ country ~ " as varchar)") }}
        else {{ normalize_key(x) }}
    end
    {%- endif -%}
{%- endmacro %}

{#- The calling code of a country (ISO 3166 alpha-2, ITU E.164), or NULL for one that is not listed. -#}
{% macro calling_code(country) -%}
    {%- set codes = "|US1|CA1|EG20|ZA27|GR30|NL31|BE32|FR33|ES34|HU36|IT39|RO40|CH41|AT43|GB44|UK44|DK45|SE46|NO47"
        ~ "|PL48|DE49|PE51|MX52|AR54|BR55|CL56|CO57|MY60|AU61|ID62|PH63|NZ64|SG65|TH66|JP81|KR82|VN84|CN86|TR90|IN91"
        ~ "|PK92|MA212|NG234|KE254|PT351|LU352|IE353|IS354|MT356|CY357|FI358|BG359|LT370|LV371|EE372|UA380|HR385"
        ~ "|SI386|CZ420|SK421|HK852|TW886|SA966|AE971|IL972|" -%}
    nullif(split_part(split_part('{{ codes }}', '|' || upper({{ country }}), 2), '|', 1), '')
{%- endmacro %}
