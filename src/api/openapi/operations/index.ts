import type { Operation } from '../operation.ts';
import { batchOperations } from './batches.ts';
import { buildOperations } from './builds.ts';
import { deploymentOperations } from './deployments.ts';
import { evidenceOperations } from './evidence.ts';
import { gcOperations } from './gc.ts';
import { instanceOperations } from './instances.ts';
import { rolloutOperations } from './rollouts.ts';
import { serviceOperations } from './service.ts';

/** Every route that is served; the tests see to it. */
export const operations: readonly Operation[] = [
  ...deploymentOperations,
  ...buildOperations,
  ...instanceOperations,
  ...rolloutOperations,
  ...batchOperations,
  ...evidenceOperations,
  ...gcOperations,
  ...serviceOperations,
];
