import { createHash, createHmac } from 'node:crypto';
import { HarborError } from '../model/errors.ts';
import { type Child, type ChildSpec, ensureChild } from './child.ts';
import { childStateFile } from './child-state.ts';
import type { Home } from './home.ts';
import { llmFingerprint, llmVariables, plainEnvironment } from './llm-variables.ts';
import { childPort } from './ports.ts';

export const interceptorName = 'interceptor';

const preferredPort = 8788;
const preferredAdminPort = 8789;
const preferredSupervisorPort = 8790;
/** Stands in the tag where no key was given. */
const scripted = 'scripted';

export interface InterceptorOptions {
  readonly home: Home;
  /** How Harbor itself is started: Node and main.js. */
  readonly program: readonly string[];
  /** Addresses on which sandboxes reach it. */
  readonly hosts: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Where grants lie in the store: who it asks for them, and the port that it shares with other interceptors. */
  readonly supervised?: { readonly url: string; readonly port: number };
  readonly signal: AbortSignal;
}

export interface EmbeddedInterceptor {
  readonly child: Child;
  readonly port: number;
  /** On loopback. */
  readonly adminPort: number;
}

/**
 * The interceptor, under a guard that keeps its LLM keys: the running one if it listens where it should and was given
 * the same keys (or none are given now), else a new one. It never goes on with the scripted model where it had keys:
 * rollouts in flight would get made-up answers.
 */
export async function ensureInterceptor(options: InterceptorOptions): Promise<EmbeddedInterceptor> {
  const { home, program, hosts, env, supervised, signal } = options;
  const port = supervised?.port ?? (await interceptorPort(home));
  const adminPort = await childPort(home, interceptorName, 'interceptor-admin', preferredAdminPort);
  const place = createHash('sha256')
    .update(JSON.stringify([port, adminPort, hosts.toSorted(), supervised?.url]))
    .digest('hex');
  const keys = llmFingerprint(home.installation, env);
  const spec: ChildSpec = {
    name: interceptorName,
    command: [...program, 'guard', ...program, 'stream'],
    env: {
      ...plainEnvironment(env),
      ...llmVariables(env),
      HARBOR_INTERCEPTOR_DIR: home.files.interceptor,
      HARBOR_INTERCEPTOR_PORT: String(port),
      HARBOR_INTERCEPTOR_HOSTS: hosts.join(','),
      HARBOR_INTERCEPTOR_ADMIN_PORT: String(adminPort),
      HARBOR_INSTALLATION_SECRET_FILE: home.files.installation,
      ...(supervised && { HARBOR_INTERCEPTOR_SUPERVISOR: supervised.url }),
    },
    tag: `${place}:${keys ?? scripted}`,
    accepts: (tag) => tag.startsWith(`${place}:`) && (keys === undefined || tag === `${place}:${keys}`),
    objection: (tag) => (keys === undefined && holdsKeys(tag) ? keysAreGone(home) : undefined),
    isHealthy: (within) => isHealthy(home, adminPort, within),
  };
  return { child: await ensureChild(home, spec, signal), port, adminPort };
}

/** Where a supervisor listens for its interceptor's questions, on loopback. */
export function supervisorPort(home: Home): Promise<number> {
  return childPort(home, interceptorName, 'interceptor-supervisor', preferredSupervisorPort);
}

/** Where sandboxes reach it, on each of its addresses; the same from one start to the next. */
export function interceptorPort(home: Home): Promise<number> {
  return childPort(home, interceptorName, 'interceptor', preferredPort);
}

/** Whether an interceptor that was started with this tag was given LLM keys. */
export function holdsKeys(tag: string): boolean {
  return !tag.endsWith(`:${scripted}`);
}

async function isHealthy(home: Home, adminPort: number, signal: AbortSignal): Promise<boolean> {
  const token = createHmac('sha256', home.installation.secret).update('admin').digest('base64url');
  const response = await fetch(`http://127.0.0.1:${adminPort}/healthz`, {
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
  await response.body?.cancel();
  return response.ok;
}

function keysAreGone(home: Home): HarborError {
  const problem = 'the interceptor held LLM keys and has to be started anew, but no keys are given now';
  const stateFile = childStateFile(home.files.run, interceptorName);
  return new HarborError('model_provider_failed', problem, {
    remedy: `Start with the keys again, or remove ${stateFile} to go on with the scripted model.`,
  });
}
