import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores carry the engine and the Temporal server as well.
    maxWorkers: 2,
    // For tests that wait most of their time, for agents that wait; such files have limits of their own.
    maxConcurrency: 100,
  },
});
