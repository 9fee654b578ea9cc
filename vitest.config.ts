import { defineConfig } from 'vitest/config';

/** What runs on Postgres as well: all that writes SQL, and what stands right on it. */
const onPostgres = [
  'test/store/**/*.test.ts',
  'test/activities/{expired-traces,log-writer,maintenance,output-teller,planning}.test.ts',
  'test/interceptor/{projector,store-gate}.test.ts',
];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores carry the engine and the Temporal server as well.
    maxWorkers: 2,
    // For tests that wait most of their time, for agents that wait; such files have limits of their own.
    maxConcurrency: 100,
    projects: [
      {
        extends: true,
        test: {
          name: 'embedded',
          include: ['test/**/*.test.ts'],
          exclude: ['test/store/postgres.test.ts', 'test/interceptor/store-gate.test.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'postgres', include: onPostgres, globalSetup: ['test/support/postgres-project.ts'] },
      },
    ],
  },
});
