import { type Selectable, sql } from 'kysely';
import { hasEnded } from './attempts.ts';
import type { Db } from './database.ts';
import type { Database } from './schema.ts';

export type ArtifactRow = Selectable<Database['artifacts']>;

/** Files that a rollout left: the diff, the tests' reports. Their bytes are blobs. */
export interface ArtifactStore {
  /** The first one of a name in an attempt counts; saying it again is fine. Nothing is added when the attempt has ended. */
  add(artifact: Omit<ArtifactRow, 'createdAt'>): Promise<void>;
  list(rolloutId: string): Promise<readonly ArtifactRow[]>;
}

export function artifactStore(db: Db): ArtifactStore {
  return {
    async add(artifact) {
      const { rolloutId, attempt, name, contentType, bytes, ref, omitted } = artifact;
      await sql`insert into artifacts (rollout_id, attempt, name, content_type, bytes, ref, omitted)
        select ${rolloutId}::text, ${attempt}::integer, ${name}::text, ${contentType}::text, ${bytes}::bigint, ${ref}::text,
          ${omitted}::text
        where not ${hasEnded(rolloutId, attempt)}
        on conflict do nothing`.execute(db);
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
