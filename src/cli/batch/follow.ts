import type { BatchFigures, BatchStreamEvent } from '../../model/batch-event-responses.ts';
import type { HarborClient } from '../../sdk/client.ts';
import { resumingEvents } from '../../sdk/events.ts';
import type { CliContext } from '../context.ts';
import { interrupts } from '../interrupts.ts';
import { showLive } from '../live.ts';
import { note, paint, paintError, say } from '../output.ts';
import { patience } from '../patience.ts';
import { batchLines, isWhole } from './batch-lines.ts';
import { plainRows, terminalRows } from './live-rows.ts';

/** Rollouts that are named when they end without a reward; further ones are only counted. */
const namedFailures = 20;

export interface Following {
  /** Each event as a line of JSON on stdout, instead of a display. */
  readonly json: boolean;
  /** The event behind which to begin. */
  readonly after?: number;
}

/**
 * Shows how a batch goes until it has ended. Ctrl-C leaves it to the server and says how to come back. Returns the exit code: 0
 * where every cell has a reward, 1 where the batch ended otherwise, 130 where it was left.
 */
export async function followBatch(
  { prefix }: CliContext,
  client: HarborClient,
  id: string,
  { json, after = 0 }: Following,
): Promise<number> {
  using ctrlC = interrupts();
  const signal = ctrlC.next();
  const open = (place: number) => client.batchEvents(id, { after: place, signal });
  const events = resumingEvents(open, patience(signal), after);
  let last: BatchFigures | undefined;
  try {
    last = await (json ? printed(events) : shown(events, `${prefix} batch export ${id}`));
  } catch (error) {
    if (!signal.aborted) throw error;
    note(`\nThe batch goes on at the server.`);
    note(`  To see how it goes: ${prefix} batch watch ${id}`);
    note(`  To end it: ${prefix} batch cancel ${id}`);
    return 130;
  }
  const batch = last ?? (await client.batch(id));
  if (!json) for (const line of batchLines(batch, paint)) say(line);
  return isWhole(batch) ? 0 : 1;
}

/** The batch as the last event has it. */
async function printed(events: AsyncIterable<BatchStreamEvent>): Promise<BatchFigures | undefined> {
  let last: BatchFigures | undefined;
  for await (const event of events) {
    say(JSON.stringify(event));
    if (event.type === 'end') last = event.batch;
  }
  return last;
}

async function shown(events: AsyncIterable<BatchStreamEvent>, exporting: string): Promise<BatchFigures | undefined> {
  let batch: BatchFigures | undefined;
  let madeAt = 0;
  let failures = 0;
  let isOver = false;
  const rows = () => {
    if (!batch) return [];
    if (!process.stderr.isTTY) return plainRows(batch, paintError);
    const all = terminalRows(batch, (performance.now() - madeAt) / 1000, paintError);
    // The rest is printed as the result.
    return isOver ? all.slice(0, 1) : all;
  };
  const live = showLive(process.stderr, rows);
  try {
    for await (const event of events) {
      if (event.type === 'progress' || event.type === 'end') {
        ({ batch } = event);
        madeAt = performance.now();
        isOver = event.type === 'end';
        live.refresh();
      } else if (event.type === 'rollout' && event.status === 'failed') {
        failures += 1;
        if (failures <= namedFailures) note(`${paintError('red', '✗')} ${failureText(event)}`);
        if (failures === namedFailures) note(`  Further ones are only counted; all of them: ${exporting}`);
      }
    }
  } finally {
    live.end();
  }
  return batch;
}

function failureText(event: BatchStreamEvent & { readonly type: 'rollout' }): string {
  const { seed, sample, policy, failure_class: failure, rollout_id: id } = event;
  return `${failure ?? 'no reward'}: seed ${seed ?? '-'}, sample ${sample}, policy ${policy} (${id})`;
}
