import { expect, test } from 'vitest';
import { forwardedRequestHeaders, forwardedResponseHeaders, readToken } from '../../src/interceptor/headers.ts';

/** Headers as they stand on the wire, out of lines as one reads them. */
const raw = (...lines: string[]): string[] => lines.flatMap((line) => line.split(': '));

test('a request goes on without its credentials, its connection and its wish for compression', () => {
  const sent = raw(
    'Host: interceptor:8788',
    'Authorization: Bearer token',
    'X-Api-Key: token',
    'Accept-Encoding: br',
    'Connection: keep-alive, X-Hop',
    'X-Hop: 1',
    'Transfer-Encoding: chunked',
    'Content-Length: 2',
    'OpenAI-Beta: one',
    'openai-beta: two',
    'content-type: application/json',
  );
  expect(forwardedRequestHeaders(sent)).toEqual(
    raw('OpenAI-Beta: one', 'openai-beta: two', 'content-type: application/json'),
  );
});

test('an answer comes back with all of its headers but those of its connection', () => {
  const kept = ['Content-Length: 2', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Retry-After: 3'];
  expect(forwardedResponseHeaders(raw(...kept, 'Connection: close', 'Keep-Alive: timeout=5'))).toEqual(raw(...kept));
});

test.each([
  ['Authorization, as OpenAI clients send it', { authorization: 'Bearer t.1.x' }],
  ['a scheme in small letters', { authorization: 'bearer t.1.x' }],
  ['x-api-key, as Anthropic clients send it', { 'x-api-key': 't.1.x' }],
  ['both', { authorization: 'Bearer t.1.x', 'x-api-key': 'other' }],
])('a token is found in %s', (_, headers) => {
  expect(readToken(headers)).toBe('t.1.x');
});

test('a request without credentials has no token', () => {
  expect(readToken({ authorization: 'Basic dDp4' })).toBeUndefined();
});
