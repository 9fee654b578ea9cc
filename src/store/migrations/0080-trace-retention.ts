import { type Kysely, sql } from 'kysely';

/** When a rollout's trace was removed, and after how many days it was to be. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    'alter table rollouts add column trace_removed_at timestamptz, add column trace_kept_days integer',
    `create index rollouts_with_trace on rollouts (closed_at) where closed_at is not null and trace_removed_at is null`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
