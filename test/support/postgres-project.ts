import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the project's Postgres server. Undefined: stores are embedded ones. */
    postgresFolder: string | undefined;
  }
}

/** One server for all test files of the project; each makes a database of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres();
  project.provide('postgresFolder', server.folder);
  return () => server.remove();
}
