import { join } from 'node:path';
import type { ToolboxSource } from '../../src/agents/agent.ts';
import { createEnsureToolbox } from '../../src/agents/toolbox.ts';
import { openCache } from '../../src/embedded/cache.ts';
import { silent } from '../../src/embedded/progress.ts';

const version = '2.1.330';

/** npm's platform package for glibc on x64. Integrity: `npm view <spec> dist.integrity`, seen 2026-11-24. */
const source: ToolboxSource = {
  name: 'claude-code',
  version,
  packages: [
    {
      spec: `@anthropic-ai/claude-code-linux-x64@${version}`,
      integrity: 'sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ==',
      root: 'package',
      skip: [],
      executable: 'claude',
    },
  ],
};

/** The real Claude Code, for tests that let it work. 380 MB, fetched once per machine. */
export async function claudeBinary(): Promise<string> {
  const ensure = createEnsureToolbox({ cache: await openCache(process.env), env: process.env, progress: silent });
  const { directory } = await ensure(source, AbortSignal.timeout(300_000));
  return join(directory, 'claude');
}
