import { type Kysely, sql } from 'kysely';

/** What of a host a rollout takes while it holds a place: its generation's limits, beside it so that admission joins nothing. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `alter table rollouts add column cpu_cores double precision not null default 2,
        add column memory_mb integer not null default 4096`,
    )
    .execute(db);
  await sql
    .raw(
      `update rollouts set cpu_cores = (g.limits ->> 'cpu_cores')::double precision, memory_mb = (g.limits ->> 'memory_mb')::integer
      from generations g
      where g.deployment_id = rollouts.deployment_id and g.generation = rollouts.generation and rollouts.released_at is null`,
    )
    .execute(db);
  await sql
    .raw(`create index rollouts_waiting on rollouts (created_at) where closed_at is null and admitted_at is null`)
    .execute(db);
}
