import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { AgentRegistry } from '../agents/registry.ts';
import type { Capacity } from '../model/capacity.ts';
import type { Store } from '../store/store.ts';

/** What the HTTP API works with. It reads the store and starts workflows; it never touches a sandbox. */
export interface ApiDeps {
  readonly store: Store;
  readonly agents: AgentRegistry;
  readonly client: Client;
  /** How much may run at once. */
  readonly capacity: Capacity;
  /** Where uploads lie while they are received. */
  readonly uploadsFolder: string;
  /** Whether this process is about to end and wants no more requests. Default: never. */
  readonly isDraining?: () => boolean;
  /** Ends what would go on for long and can be taken up at another process. Default: never. */
  readonly ending?: AbortSignal;
  /** What is still to be said to the store of connections that are open, or just were: who ends the process waits for it. */
  readonly openCalls?: Set<Promise<void>>;
  readonly logger: Logger;
}
