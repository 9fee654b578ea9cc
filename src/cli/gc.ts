import type { Command } from 'commander';
import type { GarbageKind, GcReport } from '../model/garbage.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags, wholeNumber } from './context.ts';
import { counted, size } from './format.ts';
import { say, sayJson } from './output.ts';
import { patience } from './patience.ts';

interface Flags extends ServerFlags {
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly olderThan?: number;
}

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'gc')
    .description('remove what nobody needs; the server does it by itself every hour')
    .option('--dry-run', 'only tell what would be removed', false)
    .option(
      '--older-than <seconds>',
      'of what lies at the engine unused, take also what is younger than ten minutes',
      wholeNumber(0),
    )
    .option('--json', 'print JSON', false)
    .action((flags: Flags) => gc(context, flags));
}

async function gc(context: CliContext, { dryRun, json, olderThan, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const report = await patience()(() =>
    client.gc({ dry_run: dryRun, ...(olderThan !== undefined && { older_than_s: olderThan }) }),
  );
  if (json) sayJson(report);
  else for (const line of gcLines(report)) say(line);
}

/** What there is to say about it. */
function gcLines({ dry_run: dryRun, removed, snapshots, blobs, trace_days: days }: GcReport): readonly string[] {
  const verb = dryRun ? 'Would remove' : 'Removed';
  const quota = snapshots.quota_bytes;
  const bound = quota === null ? 'not bounded: HARBOR_SNAPSHOTS_GB is not set' : `of ${size(quota)} that they may take`;
  return [
    ...(removed.length === 0 ? ['Nothing to remove.'] : []),
    ...removed.map(({ kind, count, bytes }) => `${verb} ${named(kind, count)}${bytes > 0 ? `, ${size(bytes)}` : ''}.`),
    `${counted(snapshots.count, 'snapshot')} ${dryRun ? 'would be left' : 'left'}: ${size(snapshots.bytes)}, ${bound}.`,
    blobs === null
      ? 'The blobs are left as they are: they are those of another database (blobs/owner in the data folder).'
      : `${counted(blobs.count, 'blob')} ${dryRun ? 'would be left' : 'left'}: ${size(blobs.bytes)}.`,
    days === null
      ? 'Traces, logs and files of rollouts are kept for ever: HARBOR_TRACE_RETENTION_DAYS is not set.'
      : `Traces, logs and files of rollouts are kept for ${counted(days, 'day')}.`,
  ];
}

const names: Partial<Record<GarbageKind, readonly [string, string]>> = {
  helper: ['helper container', 'helper containers'],
  toolbox: ['old toolbox', 'old toolboxes'],
  image: ['image that was built anew', 'images that were built anew'],
  'build cache': ['part of the build cache', 'parts of the build cache'],
  trace: ["rollout's trace, logs and files", "rollouts' traces, logs and files"],
};

const named = (kind: GarbageKind, count: number): string =>
  counted(count, ...(names[kind] ?? ([kind, `${kind}s`] as const)));
