import { afterAll, beforeAll } from 'vitest';
import type { RolloutResponse } from '../../src/model/responses.ts';
import type { NewRollout } from '../../src/sdk/client.ts';
import { removeEverything, runningContainersOf } from './engine.ts';
import { eventually } from './project.ts';
import { disposeServer, makeHome, startServer, type TestServer } from './server.ts';

/** A server for a file of tests; what it built and started is gone afterwards. */
export function useServer(more: Readonly<Record<string, string>> = {}): () => TestServer {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startServer(await makeHome(), more);
  });
  afterAll(async () => {
    if (!server) return;
    await disposeServer(server);
    await removeEverything(server.installation.id);
  });
  return () => {
    if (!server) throw new Error('the server is not started yet');
    return server;
  };
}

let count = 0;

/** Starts a rollout under an id of its own. */
export async function start(server: TestServer, deployment: string, request: NewRollout = {}): Promise<string> {
  count += 1;
  const rolloutId = request.rollout_id ?? `t${process.pid}-${count}`;
  await server.client.startRollout(deployment, { ...request, rollout_id: rolloutId });
  return rolloutId;
}

export function ended(server: TestServer, rolloutId: string, seconds?: number): Promise<RolloutResponse> {
  const look = async () => {
    const rollout = await server.client.rollout(rolloutId);
    return rollout.closed_at !== null && rollout;
  };
  return eventually(`rollout ${rolloutId} to end`, look, seconds);
}

/** As {@link ended}, and its sandbox is gone. */
export function tidy(server: TestServer, rolloutId: string): Promise<RolloutResponse> {
  return eventually(`rollout ${rolloutId} to be tidied up`, async () => {
    const rollout = await ended(server, rolloutId);
    return rollout.attempts.every(({ ended_at: end }) => end !== null) && rollout;
  });
}

/** One rollout from start to end. */
export async function rollOut(
  server: TestServer,
  deployment: string,
  request: NewRollout = {},
): Promise<RolloutResponse> {
  return ended(server, await start(server, deployment, request));
}

/** The rollout's container, once it runs. */
export function containerOf(server: TestServer, rolloutId: string): Promise<string> {
  return eventually(`the sandbox of ${rolloutId}`, async () =>
    (await runningContainersOf(server.installation.id)).find((name) => name.includes(`-${rolloutId}-`)),
  );
}
