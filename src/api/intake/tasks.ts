import { join } from 'node:path';
import { z } from 'zod';
import { HarborError, errorText } from '../../model/errors.ts';
import { parseJson } from '../../model/json.ts';
import { limits } from '../../model/limits.ts';
import { type TaskLimits, type TaskToml, parseTaskToml } from '../../model/task-toml.ts';
import type { ModelScript, Task, TaskSettings } from '../../model/task.ts';
import { writeTar } from './canonical-tar.ts';
import { refuseLinksOut } from './links.ts';
import { archiveField, refuseMember } from './refusal.ts';
import type { Sources } from './sources.ts';
import { withFolders } from './tree.ts';
import type { UnpackedArchive } from './unpacked-archive.ts';

/** A task whose tests are a file still: a tar whose root becomes /tests; null where it has none. */
type IntakeTask = Omit<Task, 'testsRef'> & { readonly testsPath: string | null };

export interface IntakeTasks {
  readonly tasks: readonly IntakeTask[];
  /** What a task.toml in the root asks for. */
  readonly limits: TaskLimits;
  readonly warnings: readonly string[];
}

const plainSettings: TaskSettings = {
  format: 'plain',
  processes: 'kill',
  testsTimeoutSeconds: limits.testsTimeoutSeconds[2],
  testsEnv: {},
  sandboxEnv: {},
};

/** Bytes of a task.toml or a script for the scripted model. */
const smallFileBytes = 256 * 1024;

const scriptSchema: z.ZodType<ModelScript> = z.strictObject({
  turns: z.array(z.strictObject({ say: z.string().optional(), run: z.string().optional() })),
});

/**
 * Every task of an upload, its tests written as a tar into `directory`. A layout without seeds has one task that fits
 * any of them. Throws `invalid_request` for a task that cannot be run as it stands.
 */
export async function takeTasks(
  sources: Sources,
  archive: UnpackedArchive,
  directory: string,
  hasDockerfile: boolean,
  signal: AbortSignal,
): Promise<IntakeTasks> {
  const warnings: string[] = [];
  const fallback = (await instructionIn(sources, '')) ?? null;

  const takeTask = async (seed: number | null, toml: TaskToml | undefined): Promise<IntakeTask> => {
    const folder = seed === null ? '' : `tasks/${seed}/`;
    warnings.push(...(toml?.warnings ?? []));
    return {
      seed,
      instruction: seed === null ? fallback : ((await instructionIn(sources, folder)) ?? fallback),
      settings: toml?.settings ?? plainSettings,
      testsPath: await takeTests(`${folder}tests`),
      script: await scriptIn(sources, folder),
    };
  };

  const takeTests = async (folder: string): Promise<string | null> => {
    const tests = sources.heldBack.get(folder);
    if (!tests) return null;
    if (!tests.has('test.sh')) warnings.push(`${folder} has no test.sh, so no rollout of this task can get a reward`);
    if (tests.size === 0) return null;
    refuseLinksOut(tests, folder);
    const path = join(directory, `${folder.replaceAll('/', '-')}.tar`);
    await writeTar(withFolders(tests), archive, path, signal);
    return path;
  };

  if (sources.layout !== 'seeds') {
    const toml = sources.layout === 'task.toml' ? await tomlIn(sources, '', hasDockerfile) : undefined;
    const task = await takeTask(null, toml);
    if (!toml) warnings.push(...strayFolders(sources));
    return { tasks: [task], limits: toml?.limits ?? {}, warnings };
  }

  const tasks = [];
  for (const seed of sources.seeds) {
    const file = `tasks/${seed}/`;
    const toml = await tomlIn(sources, file, true);
    if (toml && Object.values(toml.limits).some((limit) => limit !== undefined)) {
      warnings.push(`${file}task.toml: sizes of the sandbox change nothing here: the deployment's limits count`);
    }
    tasks.push(await takeTask(seed, toml));
  }
  warnings.push(...strayFolders(sources));
  return { tasks, limits: {}, warnings };
}

const instructionIn = (sources: Sources, folder: string) =>
  sources.text(`${folder}instruction.md`, limits.instructionBytes);

async function tomlIn(sources: Sources, folder: string, hasDockerfile: boolean): Promise<TaskToml | undefined> {
  const file = `${folder}task.toml`;
  const text = await sources.text(file, smallFileBytes);
  return text === undefined ? undefined : parseTaskToml(text, file, hasDockerfile);
}

/** Turns for the scripted model, kept beside the solution that they are. */
async function scriptIn(sources: Sources, folder: string): Promise<ModelScript | null> {
  const file = `${folder}solution/model-script.json`;
  if (!sources.heldBack.has(`${folder}solution`)) return null;
  const text = await sources.text(file, smallFileBytes);
  if (text === undefined) return null;
  try {
    return parseJson(text, scriptSchema, 'script');
  } catch (error) {
    throw new HarborError('invalid_request', `${archiveField}: ${file}: ${errorText(error)}`, {
      field: archiveField,
      cause: error,
    });
  }
}

/** Held-back folders that no seed leads to: their author may expect them to be used. */
function strayFolders({ heldBack, seeds }: Sources): readonly string[] {
  const taken = new Set(seeds.flatMap((seed) => [`tasks/${seed}/tests`, `tasks/${seed}/solution`]));
  return [...heldBack.keys()]
    .filter((folder) => !taken.has(folder))
    .map((folder) => `${folder} is held back from the image, but belongs to no seed: tasks/<whole number>/`);
}

/** Refuses what makes a task one of several containers. */
export function refuseCompose(sources: Sources): void {
  const file = ['docker-compose.yaml', 'docker-compose.yml']
    .map((name) => `${sources.contextFolder}/${name}`)
    .find((path) => sources.has(path));
  if (sources.layout === 'task.toml' && file !== undefined) {
    throw refuseMember(file, 'asks for several containers, which is not supported yet');
  }
}
