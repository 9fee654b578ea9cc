import { type Kysely, sql } from 'kysely';

/**
 * What a next worker needs to go on with an attempt: which commands its agent's session had, whether the agent's processes
 * were ended, when the tests began; and when interceptors were away, for whoever asks why an agent gave up.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    `alter table attempts
      add column resumes jsonb not null default '[]',
      add column quiesced_at timestamptz,
      add column tests_started_at timestamptz,
      add column paused_before_tests_ms double precision not null default 0`,
    'alter table interceptors add column settled_at timestamptz',
    `create table interceptor_absences (
      interceptor text not null references interceptors (id),
      since timestamptz not null,
      until timestamptz not null,
      primary key (interceptor, since)
    )`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
