import { z } from 'zod';
import { type Grant, grantSchema } from '../model/grant.ts';
import { parseJson } from '../model/json.ts';
import type { RefusalError } from './dialects/dialect.ts';
import type { GrantBook } from './grants.ts';
import type { Lease } from './lease.ts';
import { notAlive, notSure } from './refusals.ts';
import { type AttemptRef, adminToken } from './tokens.ts';

/** Who can be asked for grants that the book does not hold, and how long the book may be trusted. */
export interface GrantSource {
  readonly lease: Lease;
  /** Undefined: the attempt may make no calls. Rejects where that cannot be told now. */
  readonly find: (attempt: AttemptRef) => Promise<Grant | undefined>;
}

/** Says who may make calls. Without a source, that is whoever is in the book. */
export class Admission {
  private readonly grants: GrantBook;
  private readonly source: GrantSource | undefined;

  constructor(grants: GrantBook, source?: GrantSource) {
    this.grants = grants;
    this.source = source;
  }

  async admit(attempt: AttemptRef): Promise<Grant | RefusalError> {
    const refusal = this.refusal(attempt);
    if (refusal !== notAlive || !this.source || this.grants.isRevoked(attempt)) {
      return refusal ?? this.grants.find(attempt) ?? notAlive;
    }
    try {
      const grant = await this.source.find(attempt);
      if (!grant) return notAlive;
      await this.grants.grant(grant);
    } catch {
      // Whoever is asked reports what it was; to the agent it is a reason to come again.
      return notSure;
    }
    return this.refusal(attempt) ?? this.grants.find(attempt) ?? notAlive;
  }

  /** Why an attempt that was admitted may make no call any more. */
  refusal(attempt: AttemptRef): RefusalError | undefined {
    if (this.source?.lease.isOver) return notSure;
    return this.grants.find(attempt) ? undefined : notAlive;
  }
}

/** Milliseconds for an answer. */
const patienceMs = 5_000;

/** Asks the supervisor, which has the database. */
export function askSupervisor(url: string, installationSecret: string): GrantSource['find'] {
  return async ({ rolloutId, attempt }) => {
    const response = await fetch(`${url}/grants/${encodeURIComponent(rolloutId)}/${attempt}`, {
      headers: { authorization: `Bearer ${adminToken(installationSecret)}` },
      signal: AbortSignal.timeout(patienceMs),
    });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`the supervisor answered ${response.status}`);
    return parseJson(body, answerSchema, 'grant').grant ?? undefined;
  };
}

const answerSchema = z.object({ grant: grantSchema.nullable() });
