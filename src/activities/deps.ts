import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AgentRegistry } from '../agents/registry.ts';
import type { EnsureToolbox } from '../agents/agent.ts';
import type { Capacity } from '../model/capacity.ts';
import type { DiskSettings } from '../model/garbage.ts';
import type { Grant } from '../model/grant.ts';
import type { Absence } from '../model/resume.ts';
import type { SandboxProvider } from '../sandboxes/provider.ts';
import type { Store } from '../store/store.ts';

/** What the activities work with; put together once, in the composition root. */
export interface ActivityDeps {
  readonly store: Store;
  readonly provider: SandboxProvider;
  readonly agents: AgentRegistry;
  readonly ensureToolbox: EnsureToolbox;
  readonly interceptor: AttemptGate;
  readonly client: Client;
  /** How much may run at once. */
  readonly capacity: Capacity;
  /** How much is kept. */
  readonly disk: DiskSettings;
  /** Turns the name of something into a word that nobody without the installation's secret can guess. */
  readonly unguessable: (name: string) => string;
  readonly logger: Logger;
}

/** The interceptor, as an attempt sees it. */
export interface AttemptGate {
  /** The attempt's own token; always the same one. */
  token(rolloutId: string, attempt: number): string;
  /** Lets the attempt's token live. Idempotent; a revoked attempt cannot be granted again. */
  grant(grant: Grant, signal: AbortSignal): Promise<void>;
  /** Kills the token for ever and cuts what is streaming. Idempotent. */
  revoke(rolloutId: string, attempt: number, signal: AbortSignal): Promise<void>;
  /** Revokes, and returns once every call that was made before is in the store. Idempotent. */
  revokeAndDrain(rolloutId: string, attempt: number, signal: AbortSignal): Promise<void>;
  /** Returns once every call of the attempt that has ended until now is in the store; waits for an interceptor that is away. */
  settle(rolloutId: string, attempt: number, signal: AbortSignal): Promise<void>;
  /** When there was nobody to serve the attempt, as far as that is known now; in full once it is settled. In any order. */
  absences(rolloutId: string, attempt: number): Promise<readonly Absence[]>;
}
