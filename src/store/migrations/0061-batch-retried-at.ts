import { type Kysely, sql } from 'kysely';

/** When a batch was last retried: its rules for stopping look at what has ended since. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table batches add column retried_at timestamptz`).execute(db);
}
