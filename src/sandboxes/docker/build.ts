import { Readable } from 'node:stream';
import { z } from 'zod';
import { HarborError } from '../../model/errors.ts';
import type { SnapshotRequest } from '../provider.ts';
import { buildContext } from './build-context.ts';
import { BuildLog } from './build-log.ts';
import { attempt, engineError, ownLabels, reasonOf, statusOf, type Engine } from './engine.ts';
import { readMessages } from './messages.ts';
import type { Networks } from './networks.ts';
import { snapshotImage } from './snapshot-name.ts';

/** Builds the image of a snapshot. Throws `build_failed` with the failing step and its reason; an abort ends the build. */
export async function buildImage(engine: Engine, networks: Networks, request: SnapshotRequest): Promise<void> {
  const { name, signal } = request;
  const version = (await offersBuildKit(engine)) ? '2' : '1';
  const { tar, dockerfile } = await attempt('read the build context of', name, () =>
    buildContext(request, engine.installation),
  );
  const options = {
    t: snapshotImage(name),
    dockerfile,
    version,
    nocache: request.force,
    // FROM was resolved before, and the snapshot is named after what it stood for then.
    pull: false,
    rm: true,
    forcerm: true,
    labels: ownLabels(engine, 'snapshot'),
    // BuildKit knows only the engine's own networks.
    ...(version === '1' && { networkmode: (await networks.ready()).open.name }),
    abortSignal: signal,
  } as const;
  const log = new BuildLog(request.onLog);
  try {
    const answer = await engine.docker.buildImage(tar, options);
    try {
      for await (const message of readMessages(answer)) log.add(message);
    } finally {
      // dockerode holds a session open for BuildKit until it hears this.
      if (answer instanceof Readable && !answer.readableEnded) answer.emit('end');
    }
  } catch (error) {
    signal.throwIfAborted();
    if (tar.errored) throw engineError('send the build context of', name, tar.errored);
    if (statusOf(error) === 400) throw new HarborError('build_failed', reasonOf(error), { cause: error });
    throw engineError('build', name, error);
  }
  if (log.error !== undefined) throw failure(log.step, log.error);
  if (!log.built) throw new HarborError('sandbox_failed', `the engine broke off the build of ${name}`);
}

const failure = (step: string, reason: string): HarborError =>
  new HarborError('build_failed', step === '' ? reason : `${step}: ${reason}`, {
    remedy: 'The build log shows what the step printed.',
  });

const versionSchema = z.object({
  ApiVersion: z.string(),
  Components: z.array(z.object({ Name: z.string() })).nullish(),
});

/** Docker since 18.09 (API 1.39); Podman's API has its own builder. */
async function offersBuildKit(engine: Engine): Promise<boolean> {
  const answer: unknown = await attempt('ask the version of', 'the container engine', () => engine.docker.version());
  const { ApiVersion: api, Components: components } = versionSchema.parse(answer);
  const [major = 0, minor = 0] = api.split('.').map(Number);
  if (components?.some(({ Name: name }) => /podman/i.test(name))) return false;
  return major > 1 || minor >= 39;
}
