import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { cpuSeconds } from './cpu.ts';
import { percentile, round } from './figures.ts';

/** What is looked at while a batch runs. */
export interface Watched {
  readonly temporalPid: number;
  /** Folder of the store, and of Temporal's database. */
  readonly store: string;
  readonly temporal: string;
}

/** What had been used when so many rollouts had ended. */
export interface Point {
  readonly ended: number;
  readonly seconds: number;
  readonly workerMb: number;
  readonly temporalMb: number;
  readonly storeDiskMb: number;
  readonly temporalDiskMb: number;
  readonly workerCpuSeconds: number;
  readonly temporalCpuSeconds: number;
}

export async function pointAt(ended: number, since: number, watched: Watched): Promise<Point> {
  return {
    ended,
    seconds: round((performance.now() - since) / 1000),
    workerMb: megabytes(process.memoryUsage().rss),
    temporalMb: await residentMb(watched.temporalPid),
    storeDiskMb: megabytes(await bytesIn(watched.store)),
    temporalDiskMb: megabytes(await bytesIn(watched.temporal)),
    workerCpuSeconds: round(await cpuSeconds(process.pid)),
    temporalCpuSeconds: round(await cpuSeconds(watched.temporalPid)),
  };
}

/** What one more rollout took between two points. */
export function perRollout(from: Point, to: Point): object {
  const each = (key: Exclude<keyof Point, 'ended'>) => (to[key] - from[key]) / (to.ended - from.ended);
  return {
    workerCpuMs: round(each('workerCpuSeconds') * 1000),
    temporalCpuMs: round(each('temporalCpuSeconds') * 1000),
    storeDiskKb: round(each('storeDiskMb') * 1024),
    temporalDiskKb: round(each('temporalDiskMb') * 1024),
  };
}

/** Of all workflow runs that a query finds. */
export async function historiesOf(client: Client, query: string): Promise<object> {
  const events: number[] = [];
  const bytes: number[] = [];
  for await (const { historyLength, historySize } of client.workflow.list({ query })) {
    events.push(historyLength);
    bytes.push(historySize ?? 0);
  }
  return {
    runs: events.length,
    events: { p50: percentile(events, 0.5), max: Math.max(...events) },
    kb: { p50: round(percentile(bytes, 0.5) / 1024), max: round(Math.max(...bytes) / 1024) },
  };
}

async function residentMb(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return megabytes(Number(kilobytes) * 1024);
}

/** Files of a database come and go. */
async function bytesIn(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name)).catch(() => null))?.size);
  return (await Promise.all(sizes)).reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

const megabytes = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
