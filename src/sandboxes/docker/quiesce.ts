import { z } from 'zod';
import { HarborError } from '../../model/errors.ts';
import { attempt, statusOf, type Engine } from './engine.ts';

/**
 * The engine's init and the sleeper behind it: both live as long as the sandbox does, so that a third process is a
 * foreign one, and with two there is none.
 */
const ownProcesses = 2;

/** Milliseconds for the engine to list processes, which takes it 20. */
const psMs = 3_000;

/**
 * Returns once nothing but the box's own processes is left. Counted by the engine from outside, which nobody inside can
 * forge. What is left over is ended by killing the whole box and starting it again: no process survives that, whatever it
 * ignores, forks or whosever it is; files stay, tmpfs does not.
 */
export async function quiesce(engine: Engine, sandbox: string, signal: AbortSignal): Promise<void> {
  const before = await processCount(engine, sandbox, signal);
  if (before > 0 && before <= ownProcesses) return;
  await endProcesses(engine, sandbox);
  await attempt(
    'start the sandbox again',
    sandbox,
    () => engine.docker.getContainer(sandbox).start().catch(unless(304)),
    signal,
  );
  const left = await processCount(engine, sandbox, signal);
  if (left > ownProcesses) {
    throw new HarborError('sandbox_failed', `the sandbox ${sandbox} has ${left} processes after it was started anew`);
  }
}

/** Ends every process of the box, its own too, for sure; its files stay. */
export async function endProcesses(engine: Engine, sandbox: string): Promise<void> {
  await attempt('end the processes of the sandbox', sandbox, () =>
    engine.docker.getContainer(sandbox).kill().catch(unless(409)),
  );
}

const topSchema = z.object({ Processes: z.array(z.array(z.string())).nullish() });

/** Of a box that does not run: 0; of one that keeps the engine's `ps` waiting, which one out of memory does: Infinity. */
async function processCount(engine: Engine, sandbox: string, signal: AbortSignal): Promise<number> {
  const patience = AbortSignal.timeout(psMs);
  const count = async (): Promise<number> => {
    try {
      const top: unknown = await engine.docker
        .getContainer(sandbox)
        .top({ abortSignal: AbortSignal.any([signal, patience]) });
      return topSchema.parse(top).Processes?.length ?? 0;
    } catch (error) {
      if (statusOf(error) === 409) return 0;
      if (patience.aborted && !signal.aborted) return Infinity;
      throw error;
    }
  };
  return attempt('list the processes of the sandbox', sandbox, count, signal);
}

/** For what is already as it should be: 409 of a container that does not run, 304 of one that does. */
const unless =
  (status: number) =>
  (error: unknown): undefined => {
    if (statusOf(error) !== status) throw error;
    return undefined;
  };
