import { describe, expect, test } from 'vitest';
import { type EventResponse, eventSchema } from '../../src/model/event-responses.ts';
import { UnreachableError } from '../../src/sdk/errors.ts';
import { reconnecting } from '../../src/sdk/reconnecting.ts';
import { parseEvents, resumingEvents } from '../../src/sdk/events.ts';

const event = (seq: number): EventResponse => ({
  seq,
  attempt: 1,
  at: '2026-11-23T12:00:00.000Z',
  type: 'notice',
  message: `ü ${seq}`,
});
const wire = (one: EventResponse) => `id: ${one.seq}\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`;

async function* inPieces(text: string, bytes: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}

describe('a stream of events', () => {
  test.each([1, 7, 1000])('is read in pieces of %s bytes, without its comments', async (bytes) => {
    const text = `: still here\n\n${wire(event(1))}: still here\n\n${wire(event(2))}`;
    expect(await Array.fromAsync(parseEvents(inPieces(text, bytes), eventSchema))).toEqual([event(1), event(2)]);
  });

  test('leaves out an event that did not come whole', async () => {
    const text = wire(event(1)) + wire(event(2)).slice(0, -1);
    expect(await Array.fromAsync(parseEvents(inPieces(text, 1000), eventSchema))).toEqual([event(1)]);
  });

  test('goes on behind the last event after an outage', async () => {
    const asked: number[] = [];
    async function* open(after: number): AsyncGenerator<EventResponse> {
      asked.push(after);
      if (after === 4) return;
      yield event(after + 1);
      yield event(after + 2);
      throw new UnreachableError('http://harbor', 'cut', true, undefined);
    }
    const events = await Array.fromAsync(resumingEvents(open, reconnecting()));
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    expect(asked).toEqual([0, 2, 4]);
  });
});
