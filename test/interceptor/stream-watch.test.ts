import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dialectNamed } from '../../src/interceptor/dialects/registry.ts';
import { scriptedChat } from '../../src/interceptor/scripted/chat.ts';
import { scriptedMessages } from '../../src/interceptor/scripted/messages.ts';
import { scriptedResponses } from '../../src/interceptor/scripted/responses.ts';
import { StreamWatch } from '../../src/interceptor/stream-watch.ts';

const reply = {
  seed: 'seed',
  model: 'a-model',
  createdAt: 0,
  // What a model says of streams is none of their ends.
  turn: { text: '{"type":"response.completed"} {"type":"message_stop"} data: [DONE]'.slice(0, 54), call: null },
  inputTokens: 1,
  cachedTokens: 0,
  outputTokens: 1,
};
const request = { model: 'a-model', streamed: true, tools: [], outputs: 0, newBytes: 0 };

describe.each([
  ['openai-responses', [...scriptedResponses.stream(reply, request)]],
  ['openai-chat', [...scriptedChat.stream(reply, { ...request, wantsUsage: false })]],
  ['anthropic-messages', [...scriptedMessages.stream(reply, request)]],
] as const)('a stream of %s', (name, events) => {
  const end = dialectNamed(name)?.streamEnd ?? /never/;
  const whole = Buffer.from(events.join(''));

  test('has ended once it is whole, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 })), (sizes) => {
        const watch = new StreamWatch(end);
        let at = 0;
        for (const size of [...sizes, whole.length]) watch.see(whole.subarray(at, (at += size)));
        expect(watch.ended).toBe(true);
      }),
    );
  });

  test('has not ended without its last events', () => {
    const watch = new StreamWatch(end);
    // Two at the end of a chat say that it is over, one in the other dialects.
    watch.see(Buffer.from(events.slice(0, name === 'openai-chat' ? -2 : -1).join('')));
    expect(watch.ended).toBe(false);
  });
});
