import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskLayout } from '../../model/deployment.ts';
import { invalid } from '../../model/errors.ts';
import { refuseHeldBackCopies } from '../../model/held-back.ts';
import { limits } from '../../model/limits.ts';
import { refuseSecrets } from '../../model/llm-keys.ts';
import { treeHash, writeTar } from './canonical-tar.ts';
import { maxIgnoreBytes, withoutIgnored } from './dockerignore.ts';
import { refuseLinksOut } from './links.ts';
import { readArchive } from './read-archive.ts';
import { sizeText } from './refusal.ts';
import { type Sources, sortSources } from './sources.ts';
import { type IntakeTasks, refuseCompose, takeTasks } from './tasks.ts';
import { type Member, type Tree, withFolders } from './tree.ts';
import { UnpackedArchive } from './unpacked-archive.ts';

export interface IntakeRequest {
  /** The tar.gz as it was sent; null for none. */
  readonly archivePath: string | null;
  /** The request's own Dockerfile; null: the one in the archive. */
  readonly dockerfile: string | null;
  /** Counts where neither the request nor the archive has one. */
  readonly fallbackDockerfile?: string;
  /** A folder for the results, which are the caller's to remove. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** What an upload comes to: what to build, and the tasks that are never built in. */
export interface Intake extends IntakeTasks {
  readonly dockerfile: string;
  /** The build context as a plain tar in canonical order. It may hold a Dockerfile other than `dockerfile`. */
  readonly contextPath: string;
  /** Names the context's content; equal for the same files, whenever and by whomever they were packed. */
  readonly contextHash: string;
  readonly layout: TaskLayout;
}

/**
 * Reads an upload once, checks all of it, and takes it apart. Throws `invalid_request` that names the field, the member
 * or the line at fault, and leaves nothing behind then.
 */
export async function takeContext(request: IntakeRequest): Promise<Intake> {
  const directory = await mkdtemp(join(request.directory, 'context-'));
  try {
    await using archive = await UnpackedArchive.create(join(directory, 'unpacked.tar'));
    return await takeApart(request, archive, directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function takeApart(request: IntakeRequest, archive: UnpackedArchive, directory: string): Promise<Intake> {
  const { archivePath, signal } = request;
  const tree =
    archivePath === null
      ? new Map<string, Member>()
      : await readArchive(createReadStream(archivePath), archive, signal);
  const sources = sortSources(tree, archive);
  refuseCompose(sources);
  const written =
    request.dockerfile ??
    (await inContext(sources, 'Dockerfile', limits.dockerfileBytes)) ??
    request.fallbackDockerfile;
  const {
    tasks,
    limits: taskLimits,
    warnings,
  } = await takeTasks(sources, archive, directory, written !== undefined, signal);
  const complete = withFolders(sources.context);
  const dockerfile = checkedDockerfile(written, sources, complete);

  // What is held back is gone by now, so that changed tests build nothing anew.
  const ignore = await inContext(sources, '.dockerignore', maxIgnoreBytes);
  const context = ignore === undefined ? complete : await withoutIgnored(complete, ignore);
  refuseLinksOut(context, sources.contextFolder);
  const contextPath = join(directory, 'context.tar');
  await writeTar(context, archive, contextPath, signal);
  return {
    dockerfile,
    contextPath,
    contextHash: treeHash(context),
    layout: sources.layout,
    tasks,
    limits: taskLimits,
    warnings,
  };
}

const inContext = ({ contextFolder, text }: Sources, name: string, maxBytes: number) =>
  text(contextFolder === '' ? name : `${contextFolder}/${name}`, maxBytes);

function checkedDockerfile(text: string | undefined, { layout, contextFolder }: Sources, context: Tree): string {
  if (text === undefined) {
    const place = contextFolder === '' ? 'Dockerfile' : `${contextFolder}/Dockerfile`;
    throw invalid('dockerfile', `is missing, and the archive has no ${place}`);
  }
  if (Buffer.byteLength(text) > limits.dockerfileBytes) {
    throw invalid('dockerfile', `is larger than ${sizeText(limits.dockerfileBytes)}`);
  }
  refuseSecrets(text);
  refuseHeldBackCopies(text, layout, (path) => context.has(path));
  return text;
}
