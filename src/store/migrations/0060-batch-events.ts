import { type Kysely, sql } from 'kysely';

/** What happens in batches, in the order in which it is seen, and how many events each has. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table batch_events (
    batch_id text not null,
    seq integer not null,
    at timestamptz not null default now(),
    rollout_id text,
    attempt integer,
    status text not null,
    reward double precision,
    failure_class text,
    stop_reason text,
    concurrency integer,
    total integer,
    primary key (batch_id, seq)
  )`,
  `create table batch_positions (
    batch_id text primary key,
    position integer not null
  ) with (fillfactor = 50)`,
];
