import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** A processor that this machine does not have. */
const architecture = process.arch === 'arm64' ? 'amd64' : 'arm64';
const image = `harbor-test-foreign:${architecture}`;

/** Without the platform the builder looks for one that fits, in a registry. */
export const fromForeignImage = `FROM --platform=linux/${architecture} ${image}`;

/** Hands the engine an image for another processor: one file, nothing that could run. */
export async function loadForeignImage(): Promise<void> {
  const layer = await tar({ file: 'not a program' });
  const config = JSON.stringify({
    architecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
  });
  const manifest = [{ Config: 'config.json', RepoTags: [image], Layers: ['layer.tar'] }];
  const archive = await tar({ 'manifest.json': JSON.stringify(manifest), 'config.json': config, 'layer.tar': layer });
  await docker(['load'], archive);
}

export function removeForeignImage(): Promise<void> {
  return docker(['rmi', '--force', image]);
}

function docker(args: readonly string[], input?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = execFile('docker', args, (error) => (error ? reject(error) : resolve()));
    child.stdin?.end(input);
  });
}

function tar(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const packed = pack();
  for (const [name, content] of Object.entries(files)) packed.entry({ name }, content);
  packed.finalize();
  return buffer(packed);
}
