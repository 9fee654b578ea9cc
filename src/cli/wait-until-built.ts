import { setTimeout as sleep } from 'node:timers/promises';
import { HarborError } from '../model/errors.ts';
import type { DeploymentStatusResponse } from '../model/deployment-responses.ts';
import type { HarborClient } from '../sdk/client.ts';
import { type Reconnect, resuming } from '../sdk/reconnecting.ts';

export interface BuildWait {
  readonly reconnect: Reconnect;
  readonly timeoutSeconds: number;
  /** The builder's output as it comes. */
  readonly onLog: (bytes: Uint8Array) => void;
  /** Stops the waiting. */
  readonly signal?: AbortSignal;
}

/** Seconds that the existing client waits when it is told nothing. */
export const usualBuildSeconds = 600;

const pollMs = 500;

/** Follows the newest build of a deployment to its end. Throws `build_failed` where that takes too long. */
export async function waitUntilBuilt(
  client: HarborClient,
  key: string,
  { reconnect, timeoutSeconds, onLog, signal: stop }: BuildWait,
): Promise<DeploymentStatusResponse> {
  const late = AbortSignal.timeout(timeoutSeconds * 1000);
  const signal = stop ? AbortSignal.any([stop, late]) : late;
  const read = { build: '', bytes: 0 };
  try {
    for (;;) {
      const state = await reconnect(() => client.status(key));
      const build = state.builds[0];
      const hasEnded = state.status === 'ready' || state.status === 'failed';
      if (build && !build.cached) {
        if (read.build !== build.id) Object.assign(read, { build: build.id, bytes: 0 });
        const start = read.bytes;
        const open = (offset: number) =>
          client.buildLog(key, build.id, { offset: start + offset, follow: !hasEnded, signal });
        for await (const bytes of resuming(open, reconnect)) {
          read.bytes += bytes.length;
          onLog(bytes);
        }
      }
      if (hasEnded) return state;
      await sleep(pollMs, undefined, { signal });
    }
  } catch (error) {
    if (!late.aborted || stop?.aborted) throw error;
    throw new HarborError('build_failed', `${key} is not built after ${timeoutSeconds} seconds`, {
      cause: error,
      remedy: 'It goes on at the server: look again, or wait longer with `harbor status --wait --timeout`.',
    });
  }
}

/** What went wrong with a deployment that is `failed`, in a line: its log was followed. */
export function failedBuild(state: DeploymentStatusResponse): HarborError {
  const [why = ''] = (state.error ?? state.builds[0]?.error_message ?? 'the server does not say why').split('\n');
  return new HarborError('build_failed', `${state.name} did not build: ${why}`, {
    remedy: `Mend it, then send it again: \`harbor upload --name ${state.name} --replace --wait\`.`,
  });
}
