/**
 * The program of a load generator: keeps a number of paced streams going, each followed by another when it ends, and says
 * on stdout how they went. Those that began while the number was being reached are checked, but not timed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from '../../src/model/json.ts';
import { percentile, round } from '../figures.ts';
import { requestBody, streamAnswer } from './answers.ts';
import { Asker } from './asker.ts';

const optionsSchema = z.object({
  baseUrl: z.string(),
  token: z.string(),
  streams: z.int(),
  chunks: z.int(),
  perSecond: z.number(),
  seconds: z.number(),
});

const { streams, chunks, perSecond, seconds, ...target } = parseJson(process.argv[2] ?? '', optionsSchema, 'options');
const asker = new Asker(target);
const expectedMs = ((chunks - 1) * 1000) / perSecond;

const state = { running: true, measuring: false };
let finished = 0;
let broken = 0;
const firstBytes: number[] = [];
const delays: number[] = [];
const faults = new Set<string>();

async function keepOne(slot: number): Promise<void> {
  // Spread over the time of one stream, so that as many begin at any moment.
  await sleep((slot / streams) * expectedMs);
  for (let number = 0; state.running; number += 1) {
    const isTimed = state.measuring;
    try {
      const body = requestBody(`${slot}.${number}`, { chunks, perSecond });
      const { firstByte, total } = await asker.ask(body, (id) => streamAnswer(id, chunks));
      finished += 1;
      if (!isTimed) continue;
      firstBytes.push(firstByte);
      delays.push(total - expectedMs);
    } catch (error) {
      broken += 1;
      faults.add(String(error));
    }
  }
}

const kept = Array.from({ length: streams }, (_, slot) => keepOne(slot));
await sleep(expectedMs * 1.2);
state.measuring = true;
process.stdout.write('{"measuring":true}\n');
await sleep(seconds * 1000);
process.stdout.write('{"measuring":false}\n');
state.running = false;
await Promise.all(kept);
asker.close();

const spread = (values: readonly number[]) => ({
  p50: round(percentile(values, 0.5)),
  p99: round(percentile(values, 0.99)),
});
process.stdout.write(
  `${JSON.stringify({
    finished,
    broken,
    faults: [...faults].slice(0, 5),
    timed: firstBytes.length,
    firstByteMs: spread(firstBytes),
    /** How much longer a stream took than its pace says. */
    behindMs: spread(delays),
  })}\n`,
);
