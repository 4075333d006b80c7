-- The state of every obligation of a bureau as known by a moment and judged at it: rules.judge as one statement.
--
-- It reads facts and the deciding days of each window (:windows, worked out by the rulebook), never what is kept. Each
-- part names the function of rules.py and matching.py whose twin it is.
with recursive
span as materialized (
    select *
    from json_to_recordset(cast(:windows as json)) as span (
        tier text, first_day date, last_day date, due_from date, grace_last_day date, waived_by_rule boolean,
        provisional boolean, min_gap_days integer, checklists integer
    )
),
asked as materialized (
    select * from json_to_recordset(cast(:keys as json)) as asked (tier text, key text)
),
-- What the tiers ask for, or what something triggered: one has its window from the rulebook, the other carries it.
owed as materialized (
    select
        o.id, o.subject_kind, o.subject_id, o.rule, o.tier, o.tier as line, o.key, o.first_day, o.last_day,
        o.voided_at is not null as voided, span.due_from, span.grace_last_day, span.waived_by_rule, span.provisional,
        span.min_gap_days, span.checklists, null::uuid as trigger_id, null::timestamptz as triggered_at,
        false as withdrawn, null::uuid as cell_id,
        cast(:keys as json) is null or (o.tier, o.key) in (select tier, key from asked) as wanted
    from obligation o
    -- An outer join, for the planner then knows how many there are.
    left join span on span.tier = o.tier and span.first_day = o.first_day and span.last_day = o.last_day
    where not :triggered and o.bureau_id = :bureau_id and o.subject_kind = 'outlet' and o.trigger_id is null
        -- All of the tiers asked for: a visit that met a later period makes up for none of those asked for.
        and (cast(:keys as json) is null or o.tier in (select tier from asked))
    union all
    select
        id, subject_kind, subject_id, rule, null, rule || '/' || trigger_id, key, first_day, last_day, false, due_from,
        grace_last_day, false, provisional, min_gap_days::integer,
        (select bit_or(1 << array_position(cast(:performed as text[]), what)) from unnest(accepts) as what),
        trigger_id, triggered_at, withdrawn_at is not null and withdrawn_at <= :as_of,
        case when subject_kind <> 'outlet' then cell_id end, true
    from obligation
    where :triggered and bureau_id = :bureau_id and trigger_id is not null and known_at <= :as_of
),
-- Track: within one a record counts once, and meets one obligation at most.
track as materialized (
    select
        row_number() over () as track, subject_id, line, max(coalesce(tier, rule)) as kind,
        bit_or(checklists) as checklists, max(min_gap_days) as longest_gap_days
    from owed
    group by subject_id, line
),
-- superseded: a later trigger of the same rule ends what is still open of the one before it.
superseded as (
    select
        subject_id, rule, trigger_id,
        timezone(:zone, lead(triggered_at) over (partition by subject_id, rule order by triggered_at, trigger_id))::date
        as on_day
    from (
        select distinct on (subject_id, rule, trigger_id) *
        from owed
        where rule = any (cast(:superseding as text[])) and not withdrawn
    ) as trigger
),
-- inactivities: when a subject was out of business or, which does not matter to what something triggered, when its
-- licence did not cover e-cigarettes. Stretches may overlap: what counts is from which day of its own a check is void.
word as (
    select outlet_id, 'status' as line, from_day, status = 'active' as active, known_at, 0 as seq
    from outlet_status
    where bureau_id = :bureau_id and known_at <= :as_of
    union all
    select outlet_id, 'scope', from_day, :scope = any(licence_scope), known_at, seq
    from outlet_registration
    where not :triggered and bureau_id = :bureau_id and known_at <= :as_of
),
change as (
    select distinct on (outlet_id, line, from_day) outlet_id, line, from_day, active
    from word
    where outlet_id in (select subject_id from track)
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
suspended as (
    select o.id, min(i.since) as since
    from owed o
    join stretch i on i.outlet_id = o.subject_id and i.since <= o.last_day and o.first_day < i.until
    where not i.active
    group by o.id
),
-- Term: an obligation with what decides whether a visit can meet it.
term as materialized (
    select
        o.*, track.track, o.waived_by_rule or o.id in (
            select obligation_id
            from waiver
            where bureau_id = :bureau_id and known_at <= :as_of and (revoked_at is null or :as_of < revoked_at)
        ) as waived,
        case
            when o.voided or o.withdrawn then o.first_day
            else least(s.since, case when l.on_day <= o.last_day then l.on_day + 1 end)
        end as void_from
    from owed o
    left join track on track.subject_id = o.subject_id and track.line = o.line
    left join suspended s on s.id = o.id
    left join superseded l
        on l.subject_id = o.subject_id and l.rule = o.rule and l.trigger_id = o.trigger_id
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
-- visits_of: a record counts once in a track, with all its checklists.
visit as materialized (
    select distinct on (track, record_id) *
    from (
        select
            t.track, t.kind, t.longest_gap_days, f.record_id, f.performed_at, f.day, f.makes_up, f.done,
            bit_or(1 << f.done) over (partition by t.track, f.record_id) as checklists
        from fact f
        join track t on t.subject_id = f.subject_id and t.checklists & (1 << f.done) <> 0
    ) as seen
    order by track, record_id, performed_at, done
),
-- match: every pair of a visit and an obligation that it could meet, in the order in which they are tried.
open_day as materialized (
    select kind, first_day, grace_last_day, first_day + n as day
    from (
        select tier as kind, first_day, grace_last_day from span
        union
        select rule, first_day, grace_last_day from owed where trigger_id is not null
    ) as open, generate_series(0, grace_last_day - first_day) as n
),
open_to as materialized (
    select v.*, d.first_day, d.grace_last_day from visit v join open_day d on d.kind = v.kind and d.day = v.day
),
pair as (
    select
        v.track, v.performed_at, v.record_id, v.day, t.id as obligation_id, t.first_day, t.key,
        t.last_day < v.day as late, t.min_gap_days,
        greatest(t.grace_last_day, v.day + v.longest_gap_days - 1) as reach
    from open_to v
    join term t on t.track = v.track and t.first_day = v.first_day and t.grace_last_day = v.grace_last_day
    where t.checklists & v.checklists <> 0
        and not t.waived and (t.void_from is null or v.day < t.void_from)
),
-- Nothing that came before can matter once the day is past whatever the earlier visits could meet and past every gap.
-- There the walk begins afresh, so that it goes on in many short pieces at once. The first pair of a piece always fits.
reached as (
    select
        *,
        max(reach) over (
            partition by track order by performed_at, record_id
            groups between unbounded preceding and 1 preceding
        ) as reached,
        row_number() over (
            partition by track, performed_at, record_id
            order by late desc, first_day, key collate "C"
        ) as nth
    from pair
),
step as materialized (
    select
        row_number() over (
            order by track, performed_at, record_id, late desc, first_day, key collate "C"
        ) as number,
        reached is null or day > reached as fresh, track, obligation_id, record_id, performed_at, day, late, min_gap_days
    from reached
    where nth = 1 or day <= reached
),
walk as (
    select
        number, track, obligation_id, record_id, performed_at, true as meets, array[obligation_id] as met,
        day as last_met
    from step
    where fresh
    union all
    select
        s.number, s.track, s.obligation_id, case when fits.meets then s.record_id else w.record_id end, s.performed_at,
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
    select obligation_id as id, track, record_id, performed_at, last_met as day from walk where meets
),
made_up as (
    select distinct on (t.id) t.id, v.record_id, v.performed_at, v.day
    from visit v
    join term t on t.track = v.track and t.key = v.makes_up
    where v.makes_up is not null and t.checklists & v.checklists <> 0
        and not t.waived and t.void_from is null and t.grace_last_day < v.day
        and not exists (select from met where met.id = t.id)
        and not exists (select from met where met.track = v.track and met.record_id = v.record_id)
    order by t.id, v.performed_at, v.record_id
),
-- attempts_known; an attempt is told once.
attempt as materialized (
    select subject_id, record_id, attempted_at, timezone(:zone, attempted_at)::date as day
    from attempt_fact
    where bureau_id = :bureau_id and known_at <= :as_of and attempted_at <= :as_of
),
tried as (
    select o.id, array_agg(a.record_id order by a.attempted_at, a.record_id) as attempts
    from attempt a
    join owed o on o.subject_id = a.subject_id and a.day between o.first_day and o.last_day
    where o.wanted
    group by o.id
),
-- cell_on: the last word on each day holds until the next one; before the first day, the first word on it.
told as (
    select outlet_id, from_day, known_at, seq, cell_id
    from outlet_registration
    where bureau_id = :bureau_id and known_at <= :as_of and outlet_id in (select subject_id from track)
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
-- Of what had begun, the word last said decides: each holds until a later day brings a later word; of one that ended duty
-- squad and officer are null.
charge as (
    select
        cell_id, squad_id, lead_person_id, from_day,
        lead(from_day, 1, date 'infinity') over (partition by cell_id order by from_day) as until
    from duty_fact f
    where bureau_id = :bureau_id and known_at <= :as_of and not exists (
        select
        from duty_fact other
        where other.cell_id = f.cell_id and other.from_day <= f.from_day and other.known_at <= :as_of
            and (other.known_at, other.seq) > (f.known_at, f.seq)
    )
)
select
    t.id as obligation_id, t.subject_kind, t.subject_id, coalesce(place.cell_id, t.cell_id) as cell_id,
    charge.squad_id, charge.lead_person_id as officer_id, t.rule, t.trigger_id, t.tier, t.key, t.first_day, t.last_day, t.grace_last_day,
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
    on charge.cell_id = coalesce(place.cell_id, t.cell_id)
    and charge.from_day <= least(t.last_day, :today) and least(t.last_day, :today) < charge.until
where t.wanted
