import type { Selectable } from 'kysely';
import type { Db } from './database.ts';
import type { Database } from './schema.ts';

export type ArtifactRow = Selectable<Database['artifacts']>;

/** Files that a rollout left: the diff, the tests' reports. Their bytes are blobs. */
export interface ArtifactStore {
  /** The first one of a name in an attempt counts; saying it again is fine. */
  add(artifact: Omit<ArtifactRow, 'createdAt'>): Promise<void>;
  list(rolloutId: string): Promise<readonly ArtifactRow[]>;
}

export function artifactStore(db: Db): ArtifactStore {
  return {
    async add(artifact) {
      await db
        .insertInto('artifacts')
        .values(artifact)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    list: (rolloutId) =>
      db
        .selectFrom('artifacts')
        .selectAll()
        .where('rolloutId', '=', rolloutId)
        .orderBy('attempt')
        .orderBy('name')
        .execute(),
  };
}
