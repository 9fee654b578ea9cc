/**
 * Compiles src to dist and bundles the workflows. dist is replaced whole when everything worked, and not touched before.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dist, node24, root, sourceFiles, sourcesHash, stampName } from './checkout.mjs';

const next = join(root, 'dist.next');
const previous = join(root, 'dist.previous');
const project = join(root, 'tsconfig.build.json');

if (process.argv.includes('--locked')) {
  await build();
} else {
  // Two builds of one checkout take turns.
  const self = [node24(), import.meta.filename, '--locked'];
  const { status, error } = spawnSync('flock', ['-o', project, ...self], { stdio: ['ignore', 2, 2] });
  if (error) throw error;
  process.exitCode = status ?? 1;
}

async function build() {
  const builtFrom = sourcesHash();
  rmSync(next, { recursive: true, force: true });
  if (!compile()) {
    rmSync(next, { recursive: true, force: true });
    process.exitCode = 1;
    return;
  }
  for (const file of sourceFiles().filter((path) => !path.endsWith('.ts'))) {
    const target = join(next, file.slice('src/'.length));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(root, file), target);
  }
  copyDocsPage();
  await bundleWorkflows();
  writeFileSync(join(next, stampName), builtFrom);
  rmSync(previous, { recursive: true, force: true });
  if (existsSync(dist)) renameSync(dist, previous);
  renameSync(next, dist);
  rmSync(previous, { recursive: true, force: true });
}

function compile() {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const { status, error } = spawnSync(process.execPath, [tsc, '-p', project, '--outDir', next], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (error) throw error;
  return status === 0;
}

/** What the page of the API's docs shows itself with: two files of Swagger UI, with their licences. */
function copyDocsPage() {
  const source = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const target = join(next, 'api', 'docs', 'swagger-ui');
  mkdirSync(target, { recursive: true });
  for (const name of [
    'swagger-ui-bundle.js',
    'swagger-ui-bundle.js.LICENSE.txt',
    'swagger-ui.css',
    'LICENSE',
    'NOTICE',
  ]) {
    copyFileSync(join(source, name), join(target, name));
  }
}

async function bundleWorkflows() {
  const workflowsPath = join(next, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return;
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  writeFileSync(join(next, 'workflow-bundle.js'), code);
}
