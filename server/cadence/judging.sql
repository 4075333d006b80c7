-- The state of every obligation of a bureau as known by a moment and judged at it: rules.judge as one statement.
--
-- It reads facts and the deciding days of each window (:windows, worked out by the rulebook), never what is kept. Each
-- part names the function of rules.py and matching.py whose twin it is.
with recursive
span as materialized (
    select *
    from json_to_recordset(cast(:windows as json)) as span (
        tier text, first_day date, last_day date, due_from date, grace_last_day date, waived_by_rule boolean,
        provisional boolean, min_gap_days integer, longest_gap_days integer, checklists integer
    )
),
asked as materialized (
    select * from json_to_recordset(cast(:keys as json)) as asked (tier text, key text)
),
owed as materialized (
    select
        o.id, o.subject_id, o.key, o.voided_at is not null as voided, span.*,
        cast(:keys as json) is null or (o.tier, o.key) in (select tier, key from asked) as wanted
    from obligation o
    join span on span.tier = o.tier and span.first_day = o.first_day and span.last_day = o.last_day
    where o.bureau_id = :bureau_id and o.subject_kind = 'outlet'
),
subject as materialized (
    select subject_id, tier, bit_or(checklists) as checklists from owed group by subject_id, tier
),
-- inactivities: when a subject was out of business or without the licence's scope.
word as (
    select outlet_id, 'status' as line, from_day, status = 'active' as active, known_at, 0 as seq
    from outlet_status
    where bureau_id = :bureau_id and known_at <= :as_of
    union all
    select outlet_id, 'scope', from_day, :scope = any(licence_scope), known_at, seq
    from outlet_registration
    where bureau_id = :bureau_id and known_at <= :as_of
),
change as (
    select distinct on (outlet_id, line, from_day) outlet_id, line, from_day, active
    from word
    where outlet_id in (select subject_id from subject)
    order by outlet_id, line, from_day, known_at desc, seq desc, active desc
),
turn as (
    select *, lag(active, 1, true) over (partition by outlet_id, line order by from_day) as before
    from change
),
stretch as (
    select
        outlet_id, active, from_day as since,
        lead(from_day, 1, date 'infinity') over (partition by outlet_id, line order by from_day) as until
    from turn
    where active <> before
),
overlap as (
    select
        outlet_id, since, until,
        max(until) over (
            partition by outlet_id order by since, until rows between unbounded preceding and 1 preceding
        ) as covered
    from stretch
    where not active
),
island as (
    select
        outlet_id, since, until,
        count(*) filter (where covered is null or covered < since)
            over (partition by outlet_id order by since, until rows unbounded preceding) as number
    from overlap
),
inactivity as (
    select outlet_id, min(since) as since, max(until) as until from island group by outlet_id, number
),
suspended as (
    select o.id, min(i.since) as since
    from owed o
    join inactivity i on i.outlet_id = o.subject_id and i.since <= o.last_day and o.first_day < i.until
    group by o.id
),
-- Term: an obligation with what decides whether a visit can meet it.
term as materialized (
    select
        o.*, o.waived_by_rule or o.id in (
            select obligation_id
            from waiver
            where bureau_id = :bureau_id and known_at <= :as_of and (revoked_at is null or :as_of < revoked_at)
        ) as waived,
        case when o.voided then o.first_day else s.since end as void_from
    from owed o
    left join suspended s on s.id = o.id
),
-- facts_known: the latest word on each record and checklist. The primary key has it in this order.
fact as materialized (
    select
        record_id, subject_id, performed_at, timezone(:zone, performed_at)::date as day, makes_up,
        array_position(cast(:performed as text[]), tier) as done
    from (
        select distinct on (record_id, tier) *
        from visit_fact
        where bureau_id = :bureau_id and known_at <= :as_of
        order by record_id desc, tier desc, known_at desc
    ) as latest
    where valid and performed_at <= :as_of
),
-- visits_of: a record counts once in a tier, with all its checklists.
visit as materialized (
    select distinct on (subject_id, tier, record_id) *
    from (
        select
            s.tier, f.*,
            bit_or(1 << f.done) over (partition by s.subject_id, s.tier, f.record_id) as checklists
        from fact f
        join subject s on s.subject_id = f.subject_id and s.checklists & (1 << f.done) <> 0
    ) as seen
    order by subject_id, tier, record_id, performed_at, done
),
-- match: every pair of a visit and an obligation that it could meet, in the order in which they are tried.
open_day as materialized (
    select tier, first_day, last_day, first_day + n as day
    from span, generate_series(0, grace_last_day - first_day) as n
),
pair as (
    select
        v.subject_id, v.tier, v.performed_at, v.record_id, v.day, t.id as obligation_id, t.first_day, t.key,
        t.last_day < v.day as late, t.min_gap_days,
        greatest(t.grace_last_day, v.day + t.longest_gap_days - 1) as reach
    from visit v
    join open_day d on d.tier = v.tier and d.day = v.day
    join term t
        on t.subject_id = v.subject_id and t.tier = v.tier
        and t.first_day = d.first_day and t.last_day = d.last_day
    where t.checklists & v.checklists <> 0
        and not t.waived and (t.void_from is null or v.day < t.void_from)
),
-- Nothing that came before can matter once the day is past whatever the earlier visits could meet and past every gap.
-- There the walk begins afresh, so that it goes on in many short pieces at once. The first pair of a piece always fits.
reached as (
    select
        *,
        max(reach) over (
            partition by subject_id, tier order by performed_at, record_id
            groups between unbounded preceding and 1 preceding
        ) as reached,
        row_number() over (
            partition by subject_id, tier, performed_at, record_id
            order by late desc, first_day, key collate "C"
        ) as nth
    from pair
),
step as materialized (
    select
        row_number() over (
            order by subject_id, tier, performed_at, record_id, late desc, first_day, key collate "C"
        ) as number,
        reached is null or day > reached as fresh, obligation_id, record_id, performed_at, day, late, min_gap_days
    from reached
    where nth = 1 or day <= reached
),
walk as (
    select number, obligation_id, record_id, performed_at, true as meets, array[obligation_id] as met, day as last_met
    from step
    where fresh
    union all
    select
        s.number, s.obligation_id, case when fits.meets then s.record_id else w.record_id end, s.performed_at,
        fits.meets, case when fits.meets then w.met || s.obligation_id else w.met end,
        case when fits.meets then s.day else w.last_met end
    from walk w
    join step s on s.number = w.number + 1 and not s.fresh
    cross join lateral (
        select
            s.record_id <> w.record_id and s.obligation_id <> all (w.met)
            and (s.late or s.day - w.last_met >= s.min_gap_days) as meets
    ) as fits
),
met as materialized (
    select obligation_id as id, record_id, performed_at, last_met as day from walk where meets
),
made_up as (
    select distinct on (t.id) t.id, v.record_id, v.performed_at, v.day
    from visit v
    join term t on t.subject_id = v.subject_id and t.tier = v.tier and t.key = v.makes_up
    where t.checklists & v.checklists <> 0
        and not t.waived and t.void_from is null and t.grace_last_day < v.day
        and not exists (select from met where met.id = t.id)
        and not exists (
            select
            from met
            join term other on other.id = met.id
            where met.record_id = v.record_id and other.tier = v.tier and other.subject_id = v.subject_id
        )
    order by t.id, v.performed_at, v.record_id
),
-- attempts_known; an attempt is told once.
tried as (
    select o.id, array_agg(a.record_id order by a.attempted_at, a.record_id) as attempts
    from (
        select subject_id, record_id, attempted_at, timezone(:zone, attempted_at)::date as day
        from attempt_fact
        where bureau_id = :bureau_id and known_at <= :as_of and attempted_at <= :as_of
    ) as a
    join owed o on o.subject_id = a.subject_id and a.day between o.first_day and o.last_day
    where o.wanted
    group by o.id
),
-- cell_on: the last word on each day holds until the next one; before the first day, the first word on it.
told as (
    select outlet_id, from_day, known_at, seq, cell_id
    from outlet_registration
    where bureau_id = :bureau_id and known_at <= :as_of and outlet_id in (select subject_id from subject)
),
place as (
    select
        outlet_id, cell_id, from_day,
        lead(from_day, 1, date 'infinity') over (partition by outlet_id order by from_day) as until
    from (
        select distinct on (outlet_id, from_day) *
        from told
        order by outlet_id, from_day, known_at desc, seq desc
    ) as last_word
    union all
    (
        select distinct on (outlet_id) outlet_id, cell_id, date '-infinity', from_day
        from told
        order by outlet_id, from_day, known_at, seq desc
    )
),
-- Of the assignments that had begun, the one last known decides: each holds until a later day brings a later word.
charge as (
    select
        cell_id, squad_id, lead_person_id, from_day,
        lead(from_day, 1, date 'infinity') over (partition by cell_id order by from_day) as until
    from duty_fact f
    where bureau_id = :bureau_id and known_at <= :as_of and not exists (
        select
        from duty_fact other
        where other.cell_id = f.cell_id and other.from_day <= f.from_day and other.known_at <= :as_of
            and (other.known_at, other.from_day, other.id) > (f.known_at, f.from_day, f.id)
    )
)
select
    t.id as obligation_id, t.subject_id, place.cell_id, charge.squad_id, charge.lead_person_id as officer_id,
    t.tier, t.key, t.first_day, t.last_day, t.grace_last_day,
    case
        when met.id is not null then case when met.day <= t.last_day then 'met' else 'met_late' end
        when t.void_from is not null then 'void'
        when :today < t.first_day then 'upcoming'
        when t.waived then 'waived'
        when :today > t.grace_last_day then case when made_up.id is not null then 'made_up' else 'missed' end
        when :today >= t.due_from then 'due'
        when tried.id is not null then 'attempted'
        else 'open'
    end as state,
    met.record_id as met_by, made_up.record_id as made_up_by,
    coalesce(met.performed_at, made_up.performed_at) as performed_at,
    greatest(0, coalesce(met.day, made_up.day) - t.last_day) as days_late,
    coalesce(tried.attempts, '{}') as attempts, t.provisional
from term t
left join met on met.id = t.id
left join made_up on made_up.id = t.id
left join tried on tried.id = t.id
left join place
    on place.outlet_id = t.subject_id
    and place.from_day <= coalesce(met.day, least(t.grace_last_day, :today))
    and coalesce(met.day, least(t.grace_last_day, :today)) < place.until
left join charge
    on charge.cell_id = place.cell_id
    and charge.from_day <= least(t.last_day, :today) and least(t.last_day, :today) < charge.until
where t.wanted
