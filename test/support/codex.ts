import { join } from 'node:path';
import { codex } from '../../src/agents/codex.ts';
import { createEnsureToolbox } from '../../src/agents/toolbox.ts';
import { openCache } from '../../src/embedded/cache.ts';
import { silent } from '../../src/embedded/progress.ts';
import { plainFacts } from './deployment.ts';

/** The real codex binary, for tests that let it work; fetched where the set-up has not done it. */
export async function codexBinary(): Promise<string> {
  const source = codex.toolbox?.(plainFacts);
  if (!source) throw new Error('codex brings no binaries');
  const ensure = createEnsureToolbox({ cache: await openCache(process.env), env: process.env, progress: silent });
  const { directory } = await ensure(source, AbortSignal.timeout(120_000));
  return join(directory, 'bin', 'codex');
}
