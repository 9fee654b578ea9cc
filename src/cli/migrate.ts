import type { Command } from 'commander';
import { databaseUrl } from '../config.ts';
import { invalid } from '../model/errors.ts';
import { migrate, pendingMigrations } from '../store/migrate.ts';
import { openPostgresDatabase } from '../store/postgres-database.ts';

/** Milliseconds that a server which has only just been started gets. */
const patienceMs = 60_000;

interface MigrateOptions {
  /** Only says what is missing. */
  readonly check: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly output: NodeJS.WritableStream;
}

/** Brings the tables of DATABASE_URL up to date. Exit code 1: they are not, and were only looked at. */
async function runMigrate({ check, env, output }: MigrateOptions): Promise<number> {
  const url = databaseUrl(env);
  if (url === undefined) {
    throw invalid('DATABASE_URL', 'is not set', 'The embedded database is brought up to date by `harbor up` itself.');
  }
  const db = openPostgresDatabase({ url, patienceMs, onBroken: () => {} });
  try {
    const pending = check ? await pendingMigrations(db) : [];
    const applied = check ? [] : await migrate(db);
    output.write(`${JSON.stringify(check ? { pending } : { applied })}\n`);
    return pending.length === 0 ? 0 : 1;
  } finally {
    await db.destroy();
  }
}

export function register(program: Command): void {
  program
    .command('migrate')
    .description('bring the tables of the Postgres database DATABASE_URL up to date; prints one line of JSON')
    .option('--check', 'change nothing; exit code 1 where something is missing', false)
    .action(async (flags: { check: boolean }) => {
      process.exitCode = await runMigrate({ check: flags.check, env: process.env, output: process.stdout });
    });
}
