import { type Kysely, sql } from 'kysely';

/** Every query by batch is served by `rollouts_batch_cells` or `rollouts_batch_open`: a third index only costs writes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`drop index rollouts_batch`).execute(db);
}
