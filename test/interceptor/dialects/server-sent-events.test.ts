import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEvents } from '../../../src/interceptor/dialects/server-sent-events.ts';

test.each([
  ['a line feed', '\n'],
  ['a carriage return and a line feed', '\r\n'],
  ['a carriage return', '\r'],
])('events are read where lines end with %s', (_, end) => {
  const lines = ['event: a', 'data: 1', '', ': a comment', 'data:2', 'data:  3', 'id: 7', '', 'data', '', ''];
  expect([...readEvents(lines.join(end))]).toEqual([
    { event: 'a', data: '1' },
    { event: '', data: '2\n 3' },
    { event: '', data: '' },
  ]);
});

test('a stream that was cut off anywhere gives a beginning of its events', () => {
  const event = fc.record({
    event: fc.constantFrom('', 'response.created', 'error'),
    data: fc.json().filter((text) => !/[\r\n]/.test(text)),
  });
  fc.assert(
    fc.property(fc.array(event), fc.nat(), (events, at) => {
      const text = events.map(({ event: name, data }) => `${name && `event: ${name}\n`}data: ${data}\n\n`).join('');
      const cut = text.slice(0, at % (text.length + 1));
      const whole = cut.split('\n\n').length - 1;
      expect([...readEvents(cut)]).toEqual(events.slice(0, whole));
      expect([...readEvents(text)]).toEqual(events);
    }),
  );
});
