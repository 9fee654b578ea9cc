import { type Kysely, sql } from 'kysely';

/** Rollout requests that came without a key and may come again, and the processes whose connections wait for their results. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table unkeyed_requests (
      id text primary key,
      fingerprint text not null,
      rollouts text[] not null,
      connection text,
      process text,
      delivered_at timestamptz,
      created_at timestamptz not null default now()
    )`,
    'create index unkeyed_requests_undelivered on unkeyed_requests (fingerprint) where delivered_at is null',
    'create table api_processes (id text primary key, seen_at timestamptz not null)',
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
