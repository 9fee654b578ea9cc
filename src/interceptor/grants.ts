import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';
import { type Grant, grantSchema } from '../model/grant.ts';
import { attemptKey } from '../model/ids.ts';
import { tryParseJson } from '../model/json.ts';
import type { AttemptRef } from './tokens.ts';

/** Milliseconds after which a revocation is forgotten: no attempt's worker comes back that late. */
const revocationKeptMs = 30 * 24 * 3600 * 1000;

const fileName = 'grants.jsonl';

const lineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('grant'), grant: grantSchema }),
  z.object({ type: z.literal('revocation'), attempt: z.string(), at: z.number() }),
]);
type Line = z.infer<typeof lineSchema>;

/**
 * Which attempts may make calls. Kept in a file of its own that only grows while it is open, so that a restarted
 * interceptor serves whom it served before, with nobody's help.
 */
export class GrantBook {
  private readonly file: FileHandle;
  private readonly grants: Map<string, Grant>;
  private readonly revocations: Map<string, number>;

  private constructor(file: FileHandle, grants: Map<string, Grant>, revocations: Map<string, number>) {
    this.file = file;
    this.grants = grants;
    this.revocations = revocations;
  }

  /** Reads the file and writes it anew without what is dead. Only one process may have it open. */
  static async open(directory: string): Promise<GrantBook> {
    const path = join(directory, fileName);
    const { grants, revocations } = await readLines(path);
    const lines = [
      ...Array.from(grants.values(), (grant): Line => ({ type: 'grant', grant })),
      ...Array.from(revocations, ([attempt, at]): Line => ({ type: 'revocation', attempt, at })),
    ];
    await replaceFile(path, lines.map(toText).join(''));
    return new GrantBook(await open(path, 'a'), grants, revocations);
  }

  /** The grant of an attempt that may make calls now. */
  find({ rolloutId, attempt }: AttemptRef): Grant | undefined {
    return this.grants.get(attemptKey(rolloutId, attempt));
  }

  isRevoked({ rolloutId, attempt }: AttemptRef): boolean {
    return this.revocations.has(attemptKey(rolloutId, attempt));
  }

  /** Idempotent. A revoked attempt stays dead. */
  async grant(grant: Grant): Promise<void> {
    if (this.isRevoked(grant)) return;
    await this.write({ type: 'grant', grant });
    if (!this.isRevoked(grant)) this.grants.set(attemptKey(grant.rolloutId, grant.attempt), grant);
  }

  /** Holds from the moment of the call; on disk when it returns. Idempotent, also for attempts that never were. */
  async revoke({ rolloutId, attempt }: AttemptRef): Promise<void> {
    const key = attemptKey(rolloutId, attempt);
    const at = this.revocations.get(key) ?? Date.now();
    this.grants.delete(key);
    this.revocations.set(key, at);
    await this.write({ type: 'revocation', attempt: key, at });
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async write(line: Line): Promise<void> {
    try {
      await this.file.appendFile(toText(line));
    } catch (error) {
      throw new HarborError('internal', 'the interceptor cannot write its grants', {
        cause: error,
        remedy: 'Free space on the disk of its data folder.',
      });
    }
  }
}

/** Forgets all grants, of an interceptor that does not run: it asks anew for each. */
export async function forgetGrants(directory: string): Promise<void> {
  await rm(join(directory, fileName), { force: true });
}

/** The line break comes first: what a full disk left of an earlier line then does not spoil this one. */
function toText(line: Line): string {
  return `\n${JSON.stringify(line)}`;
}

/** A line that a crash left incomplete is none: whoever sent it got no answer and sends it again. */
async function readLines(path: string): Promise<{ grants: Map<string, Grant>; revocations: Map<string, number> }> {
  const grants = new Map<string, Grant>();
  const revocations = new Map<string, number>();
  for (const text of ((await readIfThere(path)) ?? '').split('\n')) {
    const line = tryParseJson(text, lineSchema);
    if (line?.type === 'grant') grants.set(attemptKey(line.grant.rolloutId, line.grant.attempt), line.grant);
    if (line?.type === 'revocation') revocations.set(line.attempt, line.at);
  }
  const oldest = Date.now() - revocationKeptMs;
  for (const [key, at] of revocations) {
    grants.delete(key);
    if (at < oldest) revocations.delete(key);
  }
  return { grants, revocations };
}
