import { createHash, randomUUID } from 'node:crypto';
import type { Db } from './database.ts';

/** Keys of the HTTP API. Only their hashes are kept. */
export interface ApiKeyStore {
  /** Makes the key valid for the organization; idempotent. */
  add(key: string, organization: string, name: string): Promise<void>;
  /** Whose key it is; undefined for an unknown or revoked one. */
  organizationOf(key: string): Promise<string | undefined>;
}

export function apiKeyStore(db: Db): ApiKeyStore {
  return {
    async add(key, organization, name) {
      await db
        .insertInto('apiKeys')
        .values({ id: randomUUID(), organization, name, hash: hashOf(key), revokedAt: null })
        .onConflict((conflict) => conflict.column('hash').doNothing())
        .execute();
    },
    async organizationOf(key) {
      const row = await db
        .selectFrom('apiKeys')
        .select('organization')
        .where('hash', '=', hashOf(key))
        .where('revokedAt', 'is', null)
        .executeTakeFirst();
      return row?.organization;
    },
  };
}

/** Keys are long and random, so a plain hash cannot be guessed back. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
