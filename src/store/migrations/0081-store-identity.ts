import { type Kysely, sql } from 'kysely';

/** Tells this database from any other, so that nobody sweeps the blobs of another one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    'create table store_identity (id uuid not null, one boolean primary key default true check (one))',
    'insert into store_identity (id) values (gen_random_uuid())',
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
