import { createHmac } from 'node:crypto';
import type { Installation } from './home.ts';

/** Everything that speaks of a real LLM provider: keys, addresses, organisations. For the interceptor alone. */
const llmVariable = /^(OPENAI|ANTHROPIC)_/;
const keyNames = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY'];

export function llmVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => llmVariable.test(name)));
}

/** Names, never values, of the LLM keys that are set. */
export function llmKeyNames(env: NodeJS.ProcessEnv): string[] {
  return keyNames.filter((name) => env[name]?.trim());
}

/** Tells whether two processes were given the same keys and addresses, and nothing more. Undefined where no key is set. */
export function llmFingerprint(installation: Installation, env: NodeJS.ProcessEnv): string | undefined {
  if (llmKeyNames(env).length === 0) return undefined;
  const variables = Object.entries(llmVariables(env)).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHmac('sha256', installation.secret).update(JSON.stringify(variables)).digest('hex');
}

const inherited = /^(PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|SHELL|NODE_[A-Z_]+|SSL_CERT_(FILE|DIR)|[A-Z]+_PROXY)$/i;

/** What any child may know: where programs, certificates and proxies are. No key of any kind. */
export function plainEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => inherited.test(name)));
}

/**
 * Goes on as the same process without the LLM keys: same pid, fresh memory, an environment without them. Starts over
 * from the top of the program; returns only where there is nothing to drop. Sockets, locks and timers of this process
 * are gone afterwards, so it comes after the interceptor got the keys and before anything else is opened.
 */
export function dropKeys(env: NodeJS.ProcessEnv): void {
  const dropped = Object.keys(llmVariables(env));
  if (dropped.length === 0) return;
  if (!process.execve) throw new Error('this Node cannot replace a process: Harbor needs Node 24 on Linux');
  const rest = Object.entries(env).filter(([name]) => !dropped.includes(name));
  process.execve(
    process.execPath,
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    Object.fromEntries(rest.map(([name, value]) => [name, value ?? ''])),
  );
}
