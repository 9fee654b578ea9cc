import { posix } from 'node:path';
import { limits } from '../model/limits.ts';
import { attemptKey, sandboxName } from '../model/ids.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { diffOfWorkdir } from './diff.ts';
import { FileKeeper } from './kept-files.ts';
import type { StoredRollout } from './planning.ts';
import { agentHome, listChanges, outbox } from './sandbox-layout.ts';
import { readTarFiles } from './tar-files.ts';

const diffArtifact = 'workdir.diff';
export const resultArtifact = 'result.json';

/** What the agent's phase left behind. */
export interface Leftovers {
  /** result.json as it stands; undefined where there is none. */
  readonly result: string | undefined;
}

/**
 * Keeps what the agent left: the diff of its working directory, its result.json, what was asked for, and the
 * agent's sessions. Before any test is
 * put in, which would change the directory; once only.
 */
export async function collectLeftovers(
  deps: ActivityDeps,
  rollout: StoredRollout,
  { rolloutId, attempt }: AttemptRef,
  { signal, report }: ActivityScope,
): Promise<Leftovers> {
  const { store, provider } = deps;
  const kept = (await store.artifacts.list(rolloutId)).filter((artifact) => artifact.attempt === attempt);
  const keptResult = kept.find(({ name }) => name === resultArtifact);
  if (kept.some(({ name }) => name === diffArtifact)) {
    return { result: keptResult?.ref ? (await store.blobs.get(keptResult.ref)).toString('utf8') : undefined };
  }
  report('reading what the agent left');
  const sandbox = sandboxName(rolloutId, attempt, 'agent');
  const nonce = deps.unguessable(`leftovers ${attemptKey(rolloutId, attempt)}`);
  const files = await outboxFiles(deps, sandbox, nonce, signal);
  const lines = (name: string): string[] =>
    (files.get(name)?.toString('utf8') ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.replace(/^\.\//, ''));
  const workdir = rollout.plan.settings.workdir ?? rollout.snapshot.facts.workdir;
  const diff = await diffOfWorkdir({
    provider,
    sandbox,
    snapshot: rollout.snapshot.name,
    workdir,
    changed: lines('changed'),
    deleted: lines('deleted'),
    nonce,
    signal,
  });
  const keeper = new FileKeeper(store, { rolloutId, attempt });
  const result = files.get('result.json');
  if (result) await keeper.keepContent(resultArtifact, 'application/json', result);
  for (const path of rollout.plan.artifacts) {
    const inSandbox = posix.resolve(workdir, path);
    await keeper.keepPath(provider, sandbox, inSandbox, `files${inSandbox}`, signal);
  }
  await keepSessions(deps, rollout, keeper, sandbox, signal);
  // The last one, by which the next try knows that all are there.
  await keeper.keepContent(diffArtifact, 'text/x-diff; charset=utf-8', Buffer.from(diff));
  return { result: result?.toString('utf8') };
}

/** The agent's own record of its work, in its own format. */
async function keepSessions(
  { provider, agents }: ActivityDeps,
  { plan }: StoredRollout,
  keeper: FileKeeper,
  sandbox: string,
  signal: AbortSignal,
): Promise<void> {
  for (const folder of agents.byName(plan.agent.name)?.sessionFiles ?? []) {
    const tar = await provider.get(sandbox, posix.join(agentHome, folder), signal);
    if (tar) await keeper.keepFolder(tar, `session/${folder}`);
  }
}

/** An agent that was killed did not live to write its outbox; then it is written for it. */
async function outboxFiles(
  { provider }: ActivityDeps,
  sandbox: string,
  nonce: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const read = async () => {
    const tar = await provider.get(sandbox, outbox, signal);
    return tar && readTarFiles(tar, { fileBytes: limits.resultBytes, files: 10 });
  };
  const written = await read();
  if (written) return written;
  await provider.run(sandbox, {
    id: `list-${nonce}`,
    argv: ['sh', '-c', listChanges],
    env: {},
    user: '0',
    offset: 0,
    onOutput: () => {},
    signal,
  });
  return (await read()) ?? new Map();
}
