import type { Command } from 'commander';
import type { GcReport } from '../model/garbage.ts';
import { apiCommand, type CliContext, clientFor, type ServerFlags } from './context.ts';
import { counted, size } from './format.ts';
import { say, sayJson } from './output.ts';
import { patience } from './patience.ts';

interface Flags extends ServerFlags {
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function register(program: Command, context: CliContext): void {
  apiCommand(program, 'gc')
    .description('remove what nobody needs; the server does it by itself every hour')
    .option('--dry-run', 'only tell what would be removed', false)
    .option('--json', 'print JSON', false)
    .action((flags: Flags) => gc(context, flags));
}

async function gc(context: CliContext, { dryRun, json, ...server }: Flags): Promise<void> {
  const client = await clientFor(context, server);
  const report = await patience()(() => client.gc({ dry_run: dryRun }));
  if (json) sayJson(report);
  else for (const line of gcLines(report)) say(line);
}

/** What there is to say about it. */
function gcLines({ dry_run: dryRun, removed, snapshots }: GcReport): readonly string[] {
  const verb = dryRun ? 'Would remove' : 'Removed';
  const quota = snapshots.quota_bytes;
  const bound = quota === null ? 'not bounded: HARBOR_SNAPSHOTS_GB is not set' : `of ${size(quota)} that they may take`;
  return [
    ...(removed.length === 0 ? ['Nothing to remove.'] : []),
    ...removed.map(({ kind, count, bytes }) => `${verb} ${counted(count, kind)}, ${size(bytes)}.`),
    `${counted(snapshots.count, 'snapshot')} ${dryRun ? 'would be left' : 'left'}: ${size(snapshots.bytes)}, ${bound}.`,
  ];
}
