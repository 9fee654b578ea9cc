import { type Kysely, sql } from 'kysely';

/** Budgets that several interceptors spend from, and the slice that each of them has of one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table budgets (
    id text primary key,
    used_at timestamptz not null
  )`,
  `create table budget_slices (
    budget text not null references budgets (id) on delete cascade,
    interceptor text not null,
    version integer not null,
    held_usd double precision not null,
    held_tokens double precision not null,
    held_calls double precision not null,
    is_final boolean not null,
    wanting_at timestamptz,
    primary key (budget, interceptor)
  )`,
  `create index budget_slices_wanting on budget_slices (budget) where wanting_at is not null`,
  `create index budget_slices_returnable on budget_slices (interceptor) where not is_final`,
];
