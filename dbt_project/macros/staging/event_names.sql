{#-
Names of events that the product reads or that the Segment Spec has (E-commerce, B2B SaaS, Mobile,
Email, Live Chat), with names that older versions of it had.
-#}
{% macro event_names() -%}
    {%- set names = [
        'Products Searched', 'Product List Viewed', 'Product List Filtered', 'Promotion Viewed',
        'Promotion Clicked',
        'Product Clicked', 'Product Viewed', 'Product Added', 'Product Removed', 'Cart Viewed',
        'Checkout Started',
        'Checkout Step Viewed', 'Checkout Step Completed', 'Payment Info Entered',
        'Order Completed', 'Order Updated',
        'Order Refunded', 'Order Cancelled', 'Coupon Entered', 'Coupon Applied', 'Coupon Denied',
        'Coupon Removed',
        'Product Added to Wishlist', 'Product Removed from Wishlist',
        'Wishlist Product Added to Cart', 'Product Shared',
        'Cart Shared', 'Product Reviewed', 'Account Created', 'Account Deleted', 'Signed Up',
        'Signed In', 'Signed Out',
        'Invite Sent', 'Account Added User', 'Account Removed User', 'Trial Started', 'Trial Ended',
        'Application Installed', 'Application Opened', 'Application Updated',
        'Application Backgrounded',
        'Application Crashed', 'Application Uninstalled', 'Push Notification Received',
        'Push Notification Tapped',
        'Push Notification Bounced', 'Install Attributed', 'Deep Link Opened', 'Deep Link Clicked',
        'Email Delivered',
        'Email Opened', 'Email Link Clicked', 'Email Bounced', 'Email Marked as Spam',
        'Unsubscribed',
        'Live Chat Conversation Started', 'Live Chat Conversation Ended', 'Live Chat Message Sent',
        'Live Chat Message Received', 'Page Viewed', 'Screen Viewed', 'Demo Requested'
    ] -%}
    {%- for journey in var('journeys') -%}
        {%- for stage in journey.stages -%}
            {%- for name in stage.get('events', [])
                if name not in names -%}{%- do names.append(name) -%}{%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- Names of the Segment Spec before its second version. -#}
{% macro former_event_names() -%}
    {{ return({'Viewed Product': 'Product Viewed', 'Added Product': 'Product Added',
        'Removed Product': 'Product Removed',
        'Completed Order': 'Order Completed', 'Viewed Product Category': 'Product List Viewed',
        'Viewed Cart': 'Cart Viewed',
        'Started Checkout': 'Checkout Started', 'Searched Products': 'Products Searched'}) }}
{%- endmacro %}

{#- The known name that a text spells, in any case, with any blanks, hyphens and underscores; any
    other text as it is. -#}
{% macro event_name(text) -%}
    case
        when {{ text }} in ('{{ event_names() | join("', '") }}') then {{ text }}
        else case {{ event_name_key(text) }}
            {%- for name in event_names() %} when '{{ plain_event_name(name) }}'
                then '{{ name }}'{% endfor %}
            {%- for name, now in former_event_names().items() %} when '{{ plain_event_name(name) }}'
                then '{{ now }}'{% endfor %}
            else {{ text }}
        end
    end
{%- endmacro %}

{% macro plain_event_name(name) -%} {{ return(name | lower | replace(' ', '')) }} {%- endmacro %}

{% macro event_name_key(text) -%} lower({{ regex_replace(text, "'[\\s\\p{Z}_-]+'",
    "''") }}) {%- endmacro %}
