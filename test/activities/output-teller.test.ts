import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OutputTeller } from '../../src/activities/output-teller.ts';
import { codexOutput } from '../../src/agents/codex-output.ts';
import type { EventContent } from '../../src/model/event.ts';
import { openTestStore, type TestStore } from '../support/store.ts';

let store: TestStore;
let count = 0;
let rolloutId: string;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());
beforeEach(() => {
  count += 1;
  rolloutId = `r${count}`;
});

/** A teller of what the log of this test holds so far. */
async function teller(logged = '', read = codexOutput()): Promise<OutputTeller> {
  if (logged !== '') await store.logs.append(rolloutId, 0, Buffer.from(logged));
  const options = { events: store.events, rolloutId, attempt: 1, stream: 'agent', read } as const;
  return OutputTeller.continue(options, store.logs, rolloutId, Buffer.byteLength(logged));
}

const told = async (): Promise<readonly EventContent[]> =>
  (await store.events.list(rolloutId, 0, 100_000)).map(({ content }) => content);

const said = (text: string) => `${JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text } })}\n`;
const log = (text: string) => ({ type: 'log', stream: 'agent', text });
const message = (text: string) => ({ type: 'agent', event: { type: 'message', text } });

describe('output', () => {
  test("is told as what the agent's own format says, and other lines as they are", async () => {
    const output = await teller();
    await output.write(Buffer.from(`installing\ndone\n${said('I look.')}\nand this`));
    await output.finish();
    expect(await told()).toEqual([log('installing\ndone'), message('I look.'), log('and this')]);
  });

  test('is told the same in whatever pieces it comes', async () => {
    const bytes = Buffer.from(`ü 漢字\r\n${said('one')}${said('two')}\n\nend\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 }), async (cuts) => {
        count += 1;
        rolloutId = `r${count}`;
        const output = await teller();
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        for (const [index, at] of places.entries()) await output.write(bytes.subarray(at, places[index + 1] ?? at));
        await output.finish();
        expect(await told()).toEqual([log('ü 漢字'), message('one'), message('two'), log('end')]);
      }),
      { numRuns: 25 },
    );
  });

  test('is told once, though its teller dies and another one goes on', async () => {
    const [first, second] = [`one\n${said('two')}thr`, 'ee\nfour\n'];
    const dying = await teller();
    await dying.write(Buffer.from(first));
    await dying.flush();
    const next = await teller(first);
    await next.write(Buffer.from(second));
    await next.finish();
    expect(await told()).toEqual([log('one'), message('two'), log('three\nfour')]);
  });

  test('is told by one of two who follow it at the same time', async () => {
    const [one, other] = [await teller(), await teller()];
    await one.write(Buffer.from('a\nb\n'));
    await one.flush();
    await other.write(Buffer.from('a\nb\nc\n'));
    await other.finish();
    await one.write(Buffer.from('c\n'));
    await one.finish();
    expect(await told()).toEqual([log('a\nb'), log('c')]);
  });

  test('without end is told to a bound', async () => {
    const output = await teller();
    const lines = Array.from({ length: 25_000 }, (_, index) => said(`line ${index}`));
    await output.write(Buffer.from(lines.join('')));
    await output.finish();
    const all = await told();
    expect(all).toHaveLength(20_001);
    expect(all.at(-1)).toMatchObject({ type: 'notice', message: expect.stringMatching(/no more of this output/) });
  });

  test('in one long line is cut to what can be read', async () => {
    const output = await teller();
    await output.write(Buffer.from(`${'x'.repeat(100_000)}\n`));
    await output.finish();
    expect(await told()).toEqual([log(`${'x'.repeat(16_384)}… (83616 more characters)`)]);
  });
});
