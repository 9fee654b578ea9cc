import { type Kysely, sql } from 'kysely';

/** Batches; what of them is still to be done follows from `cursor` and `total`, what was done from their rollouts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table batches (
    id text primary key,
    organization text not null,
    deployment_id text not null,
    deployment_name text not null,
    name text,
    status text not null default 'running',
    stop_reason text,
    planned integer not null,
    total integer not null,
    cursor integer not null default 0,
    concurrency integer not null,
    priority integer not null,
    generation integer not null,
    snapshot_name text not null,
    plan jsonb not null,
    created_at timestamptz not null default now(),
    closed_at timestamptz
  )`,
  `create index batches_newest on batches (organization, created_at desc)`,
  `create table batch_generations (
    batch_id text not null references batches (id),
    generation integer not null,
    first integer not null,
    cells jsonb not null,
    primary key (batch_id, generation)
  )`,
  `alter table rollouts
    add column batch_cell integer,
    add column batch_generation integer,
    add column sample integer,
    add column policy_index integer,
    add column retry_of text`,
  `create index rollouts_batch_cells on rollouts (batch_id, batch_cell, batch_generation desc) where batch_id is not null`,
  `create index rollouts_batch_open on rollouts (batch_id) where batch_id is not null and closed_at is null`,
];
