import { type Kysely, sql } from 'kysely';

/** What happens in rollouts, in the order in which it is seen; how far streams of output were told; what was overlaid. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table events (
    rollout_id text not null,
    seq integer not null,
    key text not null,
    type text not null,
    attempt integer not null,
    at timestamptz not null default now(),
    data jsonb not null,
    primary key (rollout_id, seq),
    unique (rollout_id, key)
  )`,
  `create table event_streams (
    rollout_id text not null,
    stream text not null,
    position bigint not null,
    primary key (rollout_id, stream)
  )`,
  `alter table attempts add column overrides jsonb`,
  `alter table rollouts add column comparison text`,
  `create index rollouts_compared on rollouts (organization, comparison) where comparison is not null`,
  `alter table artifacts alter column ref drop not null`,
  `alter table artifacts add column omitted text`,
];
