import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { parseBody } from '../model/json.ts';
import { limits } from '../model/limits.ts';
import type { Task } from '../model/task.ts';
import type { BlobStore } from '../store/blobs.ts';
import type { GenerationContent } from '../store/deployments.ts';
import { untilClosed } from './input.ts';
import { type Intake, takeContext } from './intake/context.ts';
import { receiveUpload } from './intake/json-upload.ts';

export interface ReceivedUpload<T> {
  readonly body: T;
  readonly archivePath: string | null;
  /** Of this upload alone; gone with it. */
  readonly directory: string;
  /** Of the whole body as it was sent. */
  readonly sha256: string;
  readonly signal: AbortSignal;
}

/** Receives a body that may carry an archive, checks it, hands it on, and removes everything that lay on disk for it. */
export type WithUpload = <T, R>(
  request: Request<{}>,
  response: Response,
  schema: z.ZodType<T>,
  work: (upload: ReceivedUpload<T>) => Promise<R>,
) => Promise<R>;

/** `folder` is this process's own: what lies in it before the first upload, a process left that was killed over it. */
export function uploadReceiver(folder: string): WithUpload {
  let emptied: Promise<void> | undefined;
  return async (request, response, schema, work) => {
    emptied ??= empty(folder);
    await emptied.catch((error: unknown) => {
      emptied = undefined;
      throw error;
    });
    return withUpload(folder, request, response, schema, work);
  };
}

async function empty(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

async function withUpload<T, R>(
  folder: string,
  request: Request<{}>,
  response: Response,
  schema: z.ZodType<T>,
  work: (upload: ReceivedUpload<T>) => Promise<R>,
): Promise<R> {
  const directory = await mkdtemp(join(folder, 'upload-'));
  try {
    const signal = untilClosed(response);
    const { body, archive, sha256 } = await receiveUpload(request, {
      field: 'context_tar_base64',
      directory,
      maxJsonBytes: limits.jsonBodyBytes,
      maxArchiveBytes: limits.contextBytes,
      signal,
    });
    const archivePath = archive?.path ?? null;
    return await work({ body: parseBody(body, schema), archivePath, directory, sha256, signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Takes an upload's content apart and puts its archives into the blob store. */
export async function storeContent(
  blobs: BlobStore,
  { archivePath, directory, signal }: ReceivedUpload<unknown>,
  dockerfile: string | null,
  fallbackDockerfile?: string,
): Promise<{ readonly content: GenerationContent; readonly intake: Intake }> {
  const intake = await takeContext({
    archivePath,
    dockerfile,
    ...(fallbackDockerfile === undefined ? {} : { fallbackDockerfile }),
    directory,
    signal,
  });
  const context = await blobs.putStream(createReadStream(intake.contextPath));
  const tasks: Task[] = [];
  for (const { testsPath, ...task } of intake.tasks) {
    const tests = testsPath === null ? null : await blobs.putStream(createReadStream(testsPath));
    tasks.push({ ...task, testsRef: tests?.ref ?? null });
  }
  const { dockerfile: text, contextHash, layout } = intake;
  return { intake, content: { dockerfile: text, contextRef: context.ref, contextHash, layout, tasks } };
}
