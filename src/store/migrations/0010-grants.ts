import { type Kysely, sql } from 'kysely';

/** Which attempts may make calls, which interceptors serve, and which of them were told of which attempt. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const statements = [
  `create table grants (
    rollout_id text not null,
    attempt integer not null,
    content jsonb,
    granted_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (rollout_id, attempt)
  )`,
  `create table interceptors (
    id text primary key,
    seen_at timestamptz not null
  )`,
  `create table grant_leases (
    rollout_id text not null,
    attempt integer not null,
    interceptor text not null references interceptors (id),
    acknowledged_at timestamptz,
    drained_at timestamptz,
    primary key (rollout_id, attempt, interceptor),
    foreign key (rollout_id, attempt) references grants (rollout_id, attempt)
  )`,
  `create index grant_leases_undrained on grant_leases (interceptor) where drained_at is null`,
];
