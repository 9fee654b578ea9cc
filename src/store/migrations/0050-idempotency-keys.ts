import { type Kysely, sql } from 'kysely';

/** The Idempotency-Keys that callers sent, and the ids of what their requests make. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `create table idempotency_keys (
      organization text not null,
      key text not null,
      request text not null,
      body_hash text not null,
      effect_id text not null,
      created_at timestamptz not null default now(),
      primary key (organization, key)
    )`,
    'create index idempotency_keys_by_age on idempotency_keys (created_at)',
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
