import { type Kysely, sql } from 'kysely';

/** Which batch a rollout belongs to, and how urgent it is among those that wait for a place. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(`alter table rollouts add column batch_id text, add column priority integer not null default 0`)
    .execute(db);
  await sql.raw(`create index rollouts_batch on rollouts (batch_id) where batch_id is not null`).execute(db);
}
