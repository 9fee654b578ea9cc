import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildSpec, ensureChild, probe } from './child.ts';
import type { Home } from './home.ts';
import { isRunning, type ProcessIdentity } from './process-identity.ts';

export type ChildEvent =
  /** It died or hung; a new one is being started. */
  | { readonly kind: 'lost'; readonly name: string; readonly why: string }
  | { readonly kind: 'restarted'; readonly name: string; readonly pid: number }
  | { readonly kind: 'restart-failed'; readonly name: string; readonly error: unknown };

const lookMs = 500;
const probeEveryMs = 5_000;
/**
 * Failed probes in a row, 5 s apart, after which it counts as hanging. Counted, not timed: a machine that slept must not
 * lose its children for it.
 */
const probesUntilHung = 12;
const firstBackoffMs = 200;
const longestBackoffMs = 10_000;

/**
 * Keeps a child alive until `signal` ends it; resolves then. An adopted child is nobody's child of ours, so that its end
 * is seen by looking, not by an event.
 */
export async function superviseChild(
  home: Home,
  child: Child,
  onEvent: (event: ChildEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const { spec } = child;
  let { identity } = child;
  for (;;) {
    const why = await lost(identity, spec, signal);
    if (why === undefined) return;
    onEvent({ kind: 'lost', name: spec.name, why });
    const next = await restart(home, spec, onEvent, signal);
    if (next === undefined) return;
    identity = next;
  }
}

/** Why it has to be replaced; undefined when `signal` ends the watch. */
async function lost(identity: ProcessIdentity, spec: ChildSpec, signal: AbortSignal): Promise<string | undefined> {
  let failures = 0;
  let lastProbe = performance.now();
  while (await pause(lookMs, signal)) {
    if (!isRunning(identity)) return 'it died';
    if (performance.now() - lastProbe < probeEveryMs) continue;
    failures = (await probe(spec, signal)) ? 0 : failures + 1;
    if (failures >= probesUntilHung) return 'it does not answer';
    lastProbe = performance.now();
  }
  return undefined;
}

async function restart(
  home: Home,
  spec: ChildSpec,
  onEvent: (event: ChildEvent) => void,
  signal: AbortSignal,
): Promise<ProcessIdentity | undefined> {
  let backoffMs = firstBackoffMs;
  while (await pause(backoffMs, signal)) {
    try {
      const { identity } = await ensureChild(home, spec, signal);
      onEvent({ kind: 'restarted', name: spec.name, pid: identity.pid });
      return identity;
    } catch (error) {
      if (signal.aborted) return undefined;
      onEvent({ kind: 'restart-failed', name: spec.name, error });
    }
    backoffMs = Math.min(longestBackoffMs, backoffMs * 2);
  }
  return undefined;
}

/** False when `signal` came first. Does not keep the process alive. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, { signal, ref: false });
    return true;
  } catch {
    return false;
  }
}
