import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { ownIdentity } from '../embedded/process-identity.ts';
import { Admission, askSupervisor } from './admission.ts';
import { adminListener } from './admin-server.ts';
import { HarborError } from '../model/errors.ts';
import { BudgetBook } from './budgets/budget-book.ts';
import type { Budgets } from './budgets/budgets.ts';
import { askForSlices } from './budgets/slice-source.ts';
import { SlicedBook } from './budgets/sliced-book.ts';
import { GrantBook } from './grants.ts';
import { Journal } from './journal/journal.ts';
import { Lease } from './lease.ts';
import { Listeners } from './listeners.ts';
import { OpenCalls } from './open-calls.ts';
import type { InterceptorOptions } from './options.ts';
import { sendJson } from './refusals.ts';
import { publicListener } from './server.ts';
import { type InterceptorState, removeState, writeState } from './state-file.ts';
import { Uptime } from './uptime.ts';
import { createUpstreams } from './upstreams.ts';

export interface RunningInterceptor {
  readonly state: InterceptorState;
  /** Cuts what is streaming, closes every record and lets go of everything. */
  stop(): Promise<void>;
}

/** The folder of an interceptor's journals, below its data folder. */
export const journalDirectory = (directory: string): string => join(directory, 'journal');

/** Runs an interceptor until the signal is aborted. */
export async function runInterceptor(options: InterceptorOptions, signal: AbortSignal): Promise<void> {
  const interceptor = await startInterceptor(options);
  if (!signal.aborted) await once(signal, 'abort');
  await interceptor.stop();
}

/** Starts an interceptor in this process; it serves when this returns. */
export async function startInterceptor(options: InterceptorOptions): Promise<RunningInterceptor> {
  const held = new AsyncDisposableStack();
  try {
    const state = await start(options, held);
    return { state, stop: () => held.disposeAsync() };
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
}

/** What is put on `held` last is let go of first. */
async function start(options: InterceptorOptions, held: AsyncDisposableStack): Promise<InterceptorState> {
  const { directory, publicHosts, installationSecret, supervisorUrl, sharesPort = false, onError } = options;
  const startedAt = new Date().toISOString();
  const { pid, start: startTime } = ownIdentity();
  await mkdir(directory, { recursive: true, mode: 0o700 });

  // The admin port comes first: of two interceptors on one folder the second fails here, before it touches a file.
  let admin: RequestListener = (_, response) => sendJson(response, 503, { detail: 'The interceptor is starting.' });
  const adminListeners = await Listeners.open({
    hosts: ['127.0.0.1'],
    port: options.adminPort,
    listener: (request, response) => admin(request, response),
    onError,
  });
  held.defer(() => adminListeners.close());
  const grants = await GrantBook.open(directory);
  held.defer(() => grants.close());
  const budgets = await openBudgets(options);
  held.defer(() => budgets.close());
  const owner = { pid, start: startTime };
  const journal = await Journal.open({ directory: journalDirectory(directory), owner, onError });
  held.defer(() => journal.close());
  const uptime = await Uptime.open(directory, onError);
  held.defer(() => uptime.close());
  const upstreams = createUpstreams(options.upstreams);
  held.defer(() => upstreams.close());

  const calls = new OpenCalls();
  const lease = new Lease({
    onBegin: () => uptime.begin(),
    onEnd: () => {
      uptime.end();
      calls.cutAll('the interceptor lost touch with the database');
    },
  });
  held.defer(() => lease.close());
  const source =
    supervisorUrl === undefined ? undefined : { lease, find: askSupervisor(supervisorUrl, installationSecret) };
  const admission = new Admission(grants, source);
  const parts = { installationSecret, grants, admission, lease, upstreams, journal, calls, budgets, onError };
  const listeners = await Listeners.open({
    hosts: publicHosts,
    port: options.publicPort,
    listener: publicListener(parts),
    sharesPort,
    onError,
  });
  if (!source) uptime.begin();
  held.defer(async () => {
    uptime.end();
    calls.cutAll('the interceptor was stopped');
    await listeners.close();
  });
  admin = adminListener({
    ...parts,
    drain: () => listeners.drain(),
    describe: () => ({
      status: 'ok',
      pid,
      mode: upstreams.mode,
      publicPort: listeners.port,
      hosts: listeners.hosts,
      missingHosts: publicHosts.filter((host) => !listeners.hosts.includes(host)),
      openCalls: calls.size,
      isDrained: listeners.isDrained,
      memoryBytes: process.memoryUsage.rss(),
      cpuSeconds: cpuSeconds(),
      ...journal.place,
    }),
  });

  const state: InterceptorState = {
    pid,
    startTime,
    publicPort: listeners.port,
    adminPort: adminListeners.port,
    mode: upstreams.mode,
    journal: journal.name,
    startedAt,
  };
  await writeState(directory, state);
  held.defer(() => removeState(directory));
  return state;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Several interceptors that share a store share its budgets; one alone needs nobody for that. */
function openBudgets({ directory, supervisorUrl, installationSecret, onError }: InterceptorOptions): Promise<Budgets> {
  const fail = (cause: unknown) =>
    onError(new HarborError('internal', 'the interceptor cannot write what a call took from its budget', { cause }));
  if (supervisorUrl === undefined) return BudgetBook.open(directory, fail);
  return SlicedBook.open({ directory, ask: askForSlices(supervisorUrl, installationSecret), onError: fail });
}
