import { arch } from 'node:os';
import type { Command } from 'commander';
import type { ToolboxSource } from '../agents/agent.ts';
import { agentRegistry } from '../agents/registry.ts';
import { createEnsureToolbox } from '../agents/toolbox.ts';
import { ensureBaseImage } from '../embedded/base-image.ts';
import { openCache } from '../embedded/cache.ts';
import { installPackages, mayInstallPackages } from '../embedded/debian.ts';
import { ensureEngine } from '../embedded/ensure-engine.ts';
import { type Progress, showProgress, silent } from '../embedded/progress.ts';
import { findProgram, isProgram } from '../embedded/run-command.ts';
import { ensureTemporalCli } from '../embedded/temporal-cli.ts';
import { HarborError, invalid } from '../model/errors.ts';
import { type SnapshotFacts, usualFacts } from '../sandboxes/provider.ts';

export interface SetupOptions {
  /** Also what only the tests need. */
  readonly forTests: boolean;
  /** Agents whose binaries are fetched now; those of others are fetched when first used. */
  readonly agents: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const muslLoader = `/lib/ld-musl-${arch() === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`;

/** Brings what Harbor needs on this machine. What is there already costs a look. */
async function runSetup({ forTests, agents, env, progress, signal }: SetupOptions): Promise<number> {
  // Some tests look at agents in images with musl.
  const sources = forTests
    ? [...toolboxesFor(agentRegistry.names, 'glibc'), ...toolboxesFor(['claude-code', 'opencode'], 'musl')]
    : toolboxesFor(agents, 'glibc');
  if (forTests || !env['TEMPORAL_ADDRESS']) await ensureTemporalCli(env, progress, signal);
  const engine = await ensureEngine(env, progress, signal);
  await ensureBaseImage({ engine, env, progress, signal });
  const ensureToolbox = createEnsureToolbox({ cache: await openCache(env), env, progress });
  for (const source of sources) await ensureToolbox(source, signal);
  if (forTests) await ensureTestPrograms(env, progress, signal);
  return 0;
}

/**
 * Shells that stand for those of images, what an image with musl is made of, what the Python clients are installed with, a
 * Postgres server, docker-compose, and networks of their own; by their Debian packages.
 */
const testPrograms = {
  dash: 'dash',
  bash: 'bash',
  busybox: 'busybox-static',
  'bash-static': 'bash-static',
  [muslLoader]: 'musl',
  python3: 'python3-venv',
  pg_ctlcluster: 'postgresql',
  'docker-compose': 'docker-compose',
  ip: 'iproute2',
};

async function ensureTestPrograms(env: NodeJS.ProcessEnv, progress: Progress, signal: AbortSignal): Promise<void> {
  await progress.step('Programs of the tests', async (report) => {
    const missing = Object.entries(testPrograms).filter(([name]) =>
      name.startsWith('/') ? !isProgram(name) : findProgram(name, env) === undefined,
    );
    if (missing.length === 0) return;
    const packages = missing.map(([, name]) => name);
    if (!(await mayInstallPackages(env))) {
      const what = missing.map(([name]) => name).join(', ');
      throw new HarborError(
        'internal',
        `the tests need ${what}, and only root on Debian or Ubuntu can install it here`,
        {
          remedy: `Have it installed: \`apt-get install ${packages.join(' ')}\`.`,
        },
      );
    }
    await installPackages(packages, { env, report, signal });
    report(packages.join(', '));
  });
}

/** The binaries that these agents need in images of this machine's architecture; most images have glibc. */
export function toolboxesFor(agents: readonly string[], libc: 'glibc' | 'musl'): ToolboxSource[] {
  const facts: SnapshotFacts = { ...usualFacts, architecture: arch() === 'arm64' ? 'arm64' : 'x64', libc };
  return agents.map((name) => {
    const agent = agentRegistry.byName(name);
    if (!agent) throw invalid('agent', `there is no agent named ${name}; there are ${agentRegistry.names.join(', ')}`);
    return agent.toolbox(facts);
  });
}

export function register(program: Command): void {
  program
    .command('setup')
    .description('get what Harbor needs on this machine: Temporal, a container engine, a base image')
    .option('--for-tests', 'what the tests need, too', false)
    .option('--agent <name>', 'the binaries of this agent, too (repeatable)', collect, [])
    .option('--quiet', 'say nothing unless something fails', false)
    .action(async (flags: { forTests: boolean; agent: string[]; quiet: boolean }) => {
      process.exitCode = await runSetup({
        forTests: flags.forTests,
        agents: flags.agent,
        env: process.env,
        progress: flags.quiet ? silent : showProgress(process.stderr),
        signal: new AbortController().signal,
      });
    });
}

function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}
