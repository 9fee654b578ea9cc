import { type OverrideResult, overrideLimits, type PartResult } from '../model/context-override.ts';
import { type OverlayTarget, put } from './overlay-files.ts';
import { failed, type OverridePlan } from './override-plan.ts';
import { harborFolder } from './sandbox-layout.ts';
import { readTarFiles } from './tar-files.ts';

/** Characters of what a preflight script printed that are kept, of each of its two outputs. */
const outputLength = 64 * 1024;

/** Runs in the working directory and keeps its two outputs apart. */
const runScript = `
mkdir -p "$1" && cd "$2" && { if command -v bash > /dev/null; then bash "$3"; else sh "$3"; fi; } > "$1/stdout" 2> "$1/stderr"`;

/** Runs an override's script, with its variables, for so long and no longer. */
export async function runPreflight(
  target: OverlayTarget,
  plan: OverridePlan,
  script: string,
  id: string,
): Promise<NonNullable<OverrideResult['preflight']>> {
  const { provider, sandbox, workdir, user } = target;
  const [file, outputs] = [`${harborFolder}/${id}-script`, `${harborFolder}/${id}-said`];
  await put(target, [{ name: `${id}-script`, content: script, mode: 0o755 }]);
  const started = Date.now();
  const deadline = AbortSignal.timeout(overrideLimits.preflightSeconds * 1000);
  const run = (signal: AbortSignal) =>
    provider.run(sandbox, {
      id: `${id}-preflight`,
      argv: ['sh', '-c', runScript, 'sh', outputs, workdir, file],
      env: plan.env,
      cwd: workdir,
      ...(user !== undefined && { user }),
      offset: 0,
      onOutput: () => {},
      signal,
    });
  let end: Awaited<ReturnType<typeof run>> | undefined;
  try {
    end = await run(AbortSignal.any([target.signal, deadline]));
  } catch (error) {
    if (target.signal.aborted || !deadline.aborted) throw error;
    await provider.quiesce(sandbox, target.signal);
  }
  const said = await provider.get(sandbox, outputs, target.signal);
  const texts = said && (await readTarFiles(said, { fileBytes: overrideLimits.fileBytes, files: 2 }));
  const text = (name: string) => (texts?.get(name)?.toString('utf8') ?? '').slice(0, outputLength);
  const exitCode = end?.kind === 'exited' ? end.exitCode : null;
  return {
    ...verdict(end !== undefined, exitCode),
    exitCode,
    stdout: text('stdout'),
    stderr: text('stderr'),
    milliseconds: Date.now() - started,
  };
}

function verdict(ended: boolean, exitCode: number | null): PartResult {
  if (!ended) return failed('timeout', `was stopped after ${overrideLimits.preflightSeconds} seconds`);
  if (exitCode === 0) return { status: 'applied', error: null };
  return failed('runtime', exitCode === null ? 'was killed from outside' : `ended with exit code ${exitCode}`);
}
