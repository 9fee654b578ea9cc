/**
 * Names that are fixed before the thing they name is made, so that a second maker finds the first one's work. Free of
 * Node, so that workflows may use it.
 */

export const taskQueue = 'harbor';

/** Rollout ids are ULIDs, or a caller's own word in the same alphabet (it becomes part of container names). */
export const rolloutIdPattern = /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/;

export const rolloutWorkflowId = (rolloutId: string): string => `rollout/${rolloutId}`;

export const batchWorkflowId = (batchId: string): string => `batch/${batchId}`;

/** The rollout of a batch's cell; later generations are its retries. */
export const batchRolloutId = (batchId: string, cell: number, generation: number): string =>
  generation === 1 ? `${batchId}-${cell}` : `${batchId}-${cell}-g${generation}`;

export const deploymentWorkflowId = (organization: string, name: string, generation: number): string =>
  `deployment/${organization}/${name}/${generation}`;

export const buildWorkflowId = (provider: string, contentHash: string): string => `build/${provider}/${contentHash}`;

/** One at a time of each; the schedule's own runs are named by it, with their time. */
export const gcWorkflowId = (dryRun: boolean): string => (dryRun ? 'gc/dry-run' : 'gc/now');

/** What a sandbox is for; part of its name. Verify and regrade boxes come with the separate verifier. */
export type SandboxRole = 'agent';

/** How the names of all sandboxes begin. */
export const sandboxPrefix = 'harbor-';

export const sandboxName = (rolloutId: string, attempt: number, role: SandboxRole): string =>
  `${sandboxPrefix}${rolloutId}-a${attempt}-${role}`;

/** A log's place in the store. */
export const agentLogId = (rolloutId: string, attempt: number): string => `rollout/${rolloutId}/${attempt}/agent`;
export const testsLogId = (rolloutId: string, attempt: number): string => `rollout/${rolloutId}/${attempt}/tests`;
export const buildLogId = (provider: string, contentHash: string): string => `build/${provider}/${contentHash}`;

/** A rollout's own budget, which its attempts share. */
export const rolloutBudgetId = (rolloutId: string): string => `rollout/${rolloutId}`;

/** A batch's budget, which all of its rollouts share. */
export const batchBudgetId = (batchId: string): string => `batch/${batchId}`;

/** One attempt, as the interceptor and its journal know it. */
export const attemptKey = (rolloutId: string, attempt: number): string => `${rolloutId}.${attempt}`;
