import { posix } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { type OverrideResult, overrideLimits, type PartResult } from '../model/context-override.ts';
import type { AttemptRef } from '../model/stages.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';
import { failed, overallStatus, type OverridePlan, planOverrides } from './override-plan.ts';
import type { StoredRollout } from './planning.ts';
import { harborFolder } from './sandbox-layout.ts';
import { readTarFiles } from './tar-files.ts';

/** Characters of what a preflight script printed that are kept, of each of its two outputs. */
const outputLength = 64 * 1024;

interface Overlaid {
  readonly deps: ActivityDeps;
  readonly rollout: StoredRollout;
  readonly sandbox: string;
  readonly workdir: string;
  readonly scope: ActivityScope;
}

/**
 * Overlays what a request brings on a fresh sandbox, one override after the other: files, then its script. As the agent's own
 * user, so that the agent may change what it got. What cannot be applied is told, and keeps nothing else from it. Variables
 * are the agent's command's business.
 */
export async function applyOverrides(
  deps: ActivityDeps,
  rollout: StoredRollout,
  { rolloutId, attempt }: AttemptRef,
  sandbox: string,
  scope: ActivityScope,
): Promise<void> {
  const workdir = workdirOf(rollout);
  const plans = overridesFor(rollout);
  if (plans.length === 0) return;
  const results: OverrideResult[] = [];
  for (const [index, plan] of plans.entries()) {
    scope.report(`overlaying ${plan.overrideId}`);
    results.push(await applyOne({ deps, rollout, sandbox, workdir, scope }, plan, `override-${index}`));
  }
  await deps.store.attempts.setOverrides(rolloutId, attempt, results);
}

/** Those that Harbor applies: an image's own entrypoint gets them as data, and applies them itself. */
function overridesFor(rollout: StoredRollout): readonly OverridePlan[] {
  return rollout.plan.agent.name === 'entrypoint' ? [] : planOverrides(rollout.row.request, workdirOf(rollout));
}

/** Variables that overrides give to the agent; later ones win. */
export function overrideEnv(rollout: StoredRollout): Readonly<Record<string, string>> {
  return Object.assign({}, ...overridesFor(rollout).map(({ env }) => env));
}

const workdirOf = ({ plan, snapshot }: StoredRollout): string => plan.settings.workdir ?? snapshot.facts.workdir;

async function applyOne(overlaid: Overlaid, plan: OverridePlan, id: string): Promise<OverrideResult> {
  const files = { ...plan.refused.files, ...(await writeFiles(overlaid, plan, id)) };
  const script = plan.preflight === null ? null : await runPreflight(overlaid, plan, plan.preflight, id);
  const preflight =
    script ??
    (plan.refused.preflight && { ...plan.refused.preflight, exitCode: null, stdout: '', stderr: '', milliseconds: 0 });
  const given = Object.keys(plan.env).map((name): [string, PartResult] => [name, { status: 'applied', error: null }]);
  const env = { ...plan.refused.env, ...Object.fromEntries(given) };
  return { overrideId: plan.overrideId, status: overallStatus({ files, preflight, env }), files, preflight, env };
}

/** For each place a line `ok`, or what went wrong. */
const placeFiles = `
from=$1; shift; number=0
for place do
  number=$((number + 1))
  if said=$( { mkdir -p "$(dirname "$place")" && cat "$from/$number" > "$place"; } 2>&1 ); then echo ok
  else printf '%s\\n' "\${said:-failed}" | tr '\\n' ' '; echo; fi
done`;

async function writeFiles(
  { deps, sandbox, workdir, scope, rollout }: Overlaid,
  { files }: OverridePlan,
  id: string,
): Promise<OverrideResult['files']> {
  if (files.length === 0) return {};
  const tar = pack();
  for (const [index, { content }] of files.entries())
    tar.entry({ name: `${id}-files/${index + 1}`, mode: 0o644 }, content);
  tar.finalize();
  const { provider } = deps;
  await provider.put(sandbox, harborFolder, Readable.from([await buffer(Readable.from(tar))]), scope.signal);
  const pieces: Buffer[] = [];
  await provider.run(sandbox, {
    id,
    argv: [
      'sh',
      '-c',
      placeFiles,
      'sh',
      `${harborFolder}/${id}-files`,
      ...files.map(({ path }) => posix.resolve(workdir, path)),
    ],
    env: {},
    cwd: workdir,
    ...userOf(rollout),
    offset: 0,
    onOutput: (chunk) => void pieces.push(chunk),
    signal: scope.signal,
  });
  const said = Buffer.concat(pieces).toString('utf8').split('\n');
  return Object.fromEntries(
    files.map(({ path, content }, index) => {
      const word = said[index]?.trim() ?? 'nothing was said of it';
      const result: PartResult = word === 'ok' ? { status: 'applied', error: null } : failed(errorType(word), word);
      return [path, { ...result, bytes: word === 'ok' ? Buffer.byteLength(content) : 0 }];
    }),
  );
}

const errorType = (said: string) => (/permission denied|read-only/i.test(said) ? 'permission' : 'runtime');

/** Runs in the working directory and keeps its two outputs apart. */
const runScript = `
mkdir -p "$1" && cd "$2" && { if command -v bash > /dev/null; then bash "$3"; else sh "$3"; fi; } > "$1/stdout" 2> "$1/stderr"`;

async function runPreflight(
  { deps, sandbox, workdir, scope, rollout }: Overlaid,
  plan: OverridePlan,
  script: string,
  id: string,
): Promise<NonNullable<OverrideResult['preflight']>> {
  const { provider } = deps;
  const [file, outputs] = [`${harborFolder}/${id}-script`, `${harborFolder}/${id}-said`];
  const tar = pack();
  tar.entry({ name: `${id}-script`, mode: 0o755 }, script);
  tar.finalize();
  await provider.put(sandbox, harborFolder, Readable.from([await buffer(Readable.from(tar))]), scope.signal);
  const started = Date.now();
  const deadline = AbortSignal.timeout(overrideLimits.preflightSeconds * 1000);
  const run = (signal: AbortSignal) =>
    provider.run(sandbox, {
      id: `${id}-preflight`,
      argv: ['sh', '-c', runScript, 'sh', outputs, workdir, file],
      env: plan.env,
      cwd: workdir,
      ...userOf(rollout),
      offset: 0,
      onOutput: () => {},
      signal,
    });
  let end: Awaited<ReturnType<typeof run>> | undefined;
  try {
    end = await run(AbortSignal.any([scope.signal, deadline]));
  } catch (error) {
    if (scope.signal.aborted || !deadline.aborted) throw error;
    await provider.quiesce(sandbox, scope.signal);
  }
  const said = await provider.get(sandbox, outputs, scope.signal);
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

function userOf({ plan }: StoredRollout): { readonly user?: string } {
  return plan.settings.agentUser === undefined ? {} : { user: plan.settings.agentUser };
}
