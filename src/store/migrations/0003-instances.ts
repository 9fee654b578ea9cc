import { type Kysely, sql } from 'kysely';

/** The seeds that were asked for as instances. How ready one is follows from its deployment, and is not kept. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `create table instances (
        deployment_id text not null references deployments (id),
        seed integer not null,
        created_at timestamptz not null default now(),
        primary key (deployment_id, seed)
      )`,
    )
    .execute(db);
}
