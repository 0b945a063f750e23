with spine as (

    select * from {{ ref('spine') }}

),

category_days as (

    select * from {{ ref('category_days') }}

),

aged as (

    select
        spine.profile_id,
        spine.as_of,
        category_days.days_before_clock - spine.days_before_clock as age_days,
        {{ all_but('category_days', ['profile_id', 'days_before_clock']) }}
    from spine
    left join category_days
        on spine.profile_id = category_days.profile_id
        and spine.days_before_clock <= category_days.days_before_clock

),

by_category as (

    select
        profile_id,
        as_of,
        category,
        {{ count_in('views', 90) }} as views_90d,
        {{ sum_in('items') }} as items,
        -- More returned than bought is nothing bought: shares of a whole stay within it.
        {{ not_below_zero('coalesce(sum(amount), 0)') }} as amount
    from aged
    group by profile_id, as_of, category

),

placed as (

    select
        *,
        row_number() over (partition by profile_id, as_of order by views_90d desc, category)
            as view_place,
        row_number() over (partition by profile_id, as_of order by amount desc, category)
            as amount_place
    from by_category

),

favourites as (

    select
        profile_id,
        as_of,
        max(category) filter (where view_place = 1 and views_90d > 0) as top_viewed_category_90d,
        {{ share('max(views_90d)', 'sum(views_90d)') }} as top_viewed_category_share_90d,
        count(*) filter (where views_90d > 0) as categories_viewed_90d,
        max(category) filter (where amount_place = 1 and amount > 0) as top_purchased_category,
        {{ share('max(amount)', 'sum(amount)') }} as top_purchased_category_share,
        count(*) filter (where items > 0) as categories_purchased_lifetime
    from placed
    group by profile_id, as_of

),

interests as (

    select
        profile_id,
        as_of,
        {{ share(
            not_below_zero('sum(amount) filter (where is_luxury)'),
            not_below_zero('coalesce(sum(amount) filter (where is_luxury), 0)') ~ ' + '
            ~ not_below_zero('coalesce(sum(amount) filter (where not is_luxury), 0)')
        ) }} as luxury_revenue_share,
        coalesce(sum(items) filter (where is_luxury), 0)::bigint as luxury_items_lifetime,
        coalesce(sum(views) filter (where is_luxury and age_days < 90), 0)::bigint
            as luxury_views_90d,
        {{ interest_features() }}
    from aged
    group by profile_id, as_of

)

select
    favourites.*,
    {{ all_but('interests', ['profile_id', 'as_of']) }}
from favourites
inner join interests
    on favourites.profile_id = interests.profile_id
    and favourites.as_of = interests.as_of
