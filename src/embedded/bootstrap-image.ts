import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { HarborError } from '../model/errors.ts';
import { installPackages, mayInstallPackages } from './debian.ts';
import type { Engine } from './engine.ts';
import { callEngine, engineRefusal } from './engine-api.ts';
import { findProgram, runCommand } from './run-command.ts';

/** The label of an image that Harbor made itself; its value says of what. */
export const madeFromLabel = 'harbor.made-from';

const suite = 'bookworm';
/** The official slim image leaves these out of /usr/share as well. */
const leftOut = ['doc', 'man', 'info', 'locale', 'groff', 'lintian'];

export interface BootstrapOptions {
  readonly engine: Engine;
  readonly env: NodeJS.ProcessEnv;
  /** The name it gets: `debian:bookworm-slim`. */
  readonly image: string;
  /** A file to put the tar in; removed afterwards. */
  readonly archive: string;
  /** Why it cannot be pulled. */
  readonly noRegistry: unknown;
  readonly report: (detail: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes Debian's base image from its packages with mmdebstrap and hands it to the engine. Root on Debian or Ubuntu only,
 * where mmdebstrap can be installed; anywhere else `sandbox_failed` says what to do.
 */
export async function bootstrapImage(options: BootstrapOptions): Promise<void> {
  const { env, image, archive, noRegistry, report, signal } = options;
  if (!(await mayInstallPackages(env))) {
    throw new HarborError(
      'sandbox_failed',
      `${image} cannot be pulled, and only root on Debian or Ubuntu can make it`,
      {
        cause: noRegistry,
        remedy: `Load it into the engine (\`docker load\`), or name a mirror in the engine's \`registry-mirrors\`.`,
      },
    );
  }
  if (!findProgram('mmdebstrap', env)) {
    report('installing mmdebstrap');
    await installPackages(['mmdebstrap', 'debian-archive-keyring'], { env, report, signal });
  }
  try {
    const excludes = leftOut.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
    // Licences stay, as in the official image.
    const args = [
      '--variant=minbase',
      ...excludes,
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      suite,
      archive,
    ];
    await runCommand('mmdebstrap', args, {
      env,
      cwd: '/',
      signal,
      onLine: (line) => report(`mmdebstrap: ${line.replace(/^I: /, '')}`),
    });
    report('handing it to the engine');
    await importImage(options);
  } finally {
    await rm(archive, { force: true });
  }
}

async function importImage({ engine, image, archive, signal }: BootstrapOptions): Promise<void> {
  const [repository = '', tag = ''] = image.split(':');
  const query = new URLSearchParams({ fromSrc: '-', repo: repository, tag, message: 'made from Debian packages' });
  for (const change of [
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'CMD ["bash"]',
    `LABEL ${madeFromLabel}="Debian ${suite} packages"`,
  ]) {
    query.append('changes', change);
  }
  const path = `/images/create?${query.toString()}`;
  const response = await callEngine(engine.address, {
    method: 'POST',
    path,
    body: createReadStream(archive),
    contentType: 'application/x-tar',
    signal,
  });
  const said = await text(response);
  // A failure behind a started answer comes as a line with `error` in it.
  if (response.statusCode !== 200 || said.includes('"error"')) {
    throw engineRefusal(engine.address, '/images/create', response.statusCode, said);
  }
}
