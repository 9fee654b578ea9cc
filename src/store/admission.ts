import { type RawBuilder, sql } from 'kysely';
import type { Capacity } from '../model/capacity.ts';

/** Whose share a rollout counts to: its batch's, or that of all single rollouts of its organization. */
const owner = sql`coalesce('batch ' || batch_id, 'single ' || organization)`;

/** What each owner holds now. `provisioning` is who makes a sandbox: it gives its starting slot back by going on. */
export const heldByOwner = sql`
  select ${owner} as owner, count(*) as n, count(*) filter (where status = 'provisioning') as starting,
    sum(cpu_cores) as cpu_cores, sum(memory_mb) as memory_mb
  from rollouts where admitted_at is not null and released_at is null group by 1`;

/** The sums of `held`, as one row. */
export const heldInAll = sql`
  select coalesce(sum(n), 0) as n, coalesce(sum(starting), 0) as starting,
    coalesce(sum(cpu_cores), 0) as cpu_cores, coalesce(sum(memory_mb), 0) as memory_mb from held`;

/**
 * Those who wait, `ahead` of each and what these and it take together. The more urgent come first; among equals whose
 * owner would hold least if it came next; among these the oldest. So a batch of thousands does not keep out ten that came
 * later, and who stands first is passed by nobody, however much it needs: what is free is kept for it.
 */
export const queue = (asking: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  select id, count(*) over line - 1 as ahead, sum(cpu_cores) over line as cpu_cores, sum(memory_mb) over line as memory_mb
  from (
    select w.*, coalesce(held.n, 0)
      + row_number() over (partition by w.owner order by w.priority desc, w.created_at, w.id) as share
    from (
      select id, ${owner} as owner, priority, created_at, cpu_cores, memory_mb from rollouts
      where closed_at is null and admitted_at is null and ${asking}
    ) w left join held on held.owner = w.owner
  ) waiting
  window line as (order by priority desc, share, created_at, id rows unbounded preceding)`;

/**
 * Whether what is held (`taken`) leaves room for the one in the queue (`place`) and all before it. One that is larger than
 * all there is runs alone.
 */
export const fits = ({ running, starting, cpuCores, memoryMb }: Capacity): RawBuilder<boolean> => sql`(
  place.ahead < ${running} - taken.n and place.ahead < ${starting} - taken.starting
  and (
    (taken.n = 0 and place.ahead = 0)
    or (place.cpu_cores <= ${cpuCores} - taken.cpu_cores and place.memory_mb <= ${memoryMb} - taken.memory_mb)
  )
)`;
