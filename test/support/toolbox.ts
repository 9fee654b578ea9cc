import type { CodingAgent } from '../../src/agents/agent.ts';
import { createEnsureToolbox } from '../../src/agents/toolbox.ts';
import { openCache } from '../../src/embedded/cache.ts';
import { silent } from '../../src/embedded/progress.ts';
import { plainFacts } from './deployment.ts';

/** The folder of an agent's real binaries, for tests that let it work; fetched where the set-up has not done it. */
export async function toolboxFolder(agent: CodingAgent): Promise<string> {
  const ensure = createEnsureToolbox({ cache: await openCache(process.env), env: process.env, progress: silent });
  const { directory } = await ensure(agent.toolbox(plainFacts), AbortSignal.timeout(600_000));
  return directory;
}
