import type { AttemptGate } from '../activities/deps.ts';
import type { InterceptorAdmin } from './admin-client.ts';
import type { Projector } from './projector.ts';
import { mintToken } from './tokens.ts';
import { readAbsences } from './uptime.ts';

export interface LocalGateOptions {
  readonly admin: InterceptorAdmin;
  /** The interceptor's own folder. */
  readonly directory: string;
  /** Of the journals in it. */
  readonly projector: Projector;
  readonly installationSecret: string;
}

/** The one interceptor of this machine, as an attempt sees it. */
export function localGate({ admin, directory, projector, installationSecret }: LocalGateOptions): AttemptGate {
  return {
    token: (rolloutId, attempt) => mintToken(installationSecret, rolloutId, attempt),
    grant: (grant, signal) => admin.grant(grant, signal),
    revoke: async (rolloutId, attempt, signal) => void (await admin.revoke(rolloutId, attempt, signal)),
    revokeAndDrain: async (rolloutId, attempt, signal) =>
      projector.drain(await admin.revoke(rolloutId, attempt, signal), signal),
    settle: async (_rolloutId, _attempt, signal) => projector.drain(await admin.health(signal), signal),
    absences: () => readAbsences(directory),
  };
}
