import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packContext } from '../../src/sdk/pack-context.ts';
import type { NewDeployment } from '../../src/sdk/client.ts';
import type { DeploymentResponse } from '../../src/model/deployment-responses.ts';
import type { TestServer } from './server.ts';

/** Files by path; those that end in `.sh` can be run. */
export type Files = Readonly<Record<string, string>>;

/** A folder with these files, for as long as `work` takes. */
export async function withFolder<T>(files: Files, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-project-'));
  try {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
      if (path.endsWith('.sh')) await chmod(join(folder, path), 0o755);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Uploads a folder as a deployment's context. */
export async function uploadFolder(
  server: TestServer,
  deployment: NewDeployment,
  folder: string,
): Promise<DeploymentResponse> {
  await using context = await packContext(folder);
  // Awaited here: the context is gone when this returns.
  return await server.client.upload(deployment, context.file);
}

/** Uploads files as a deployment's context. */
export function upload(server: TestServer, deployment: NewDeployment, files: Files): Promise<DeploymentResponse> {
  return withFolder(files, (folder) => uploadFolder(server, deployment, folder));
}

/** Uploads files and waits for the snapshot. */
export async function deploy(server: TestServer, deployment: NewDeployment, files: Files): Promise<DeploymentResponse> {
  return built(server, await upload(server, deployment, files));
}

/** Waits for an upload's snapshot. */
export async function built(server: TestServer, { id, name }: DeploymentResponse): Promise<DeploymentResponse> {
  await eventually(`${name} to be built`, async () => {
    const { status, error } = await server.client.status(id);
    if (status === 'failed') throw new Error(`the build failed: ${error}`);
    return status === 'ready';
  });
  return server.client.deployment(id);
}

/** A Dockerfile that costs next to nothing: `files` on the base image, in /app. */
export const plainDockerfile = 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . .\n';

/** Waits until `look` finds what it looks for. Fails with what was waited for after a time in which it must have come. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | false | undefined>,
  seconds = 60,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== false && found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
