import { expect, test } from 'vitest';
import { roleInterceptorUrl } from '../../src/roles/interceptor-url.ts';

const read = (url: string) => roleInterceptorUrl({ HARBOR_INTERCEPTOR_URL: url });

test.each([
  ['http://10.0.0.5:8788', 'http://10.0.0.5:8788'],
  ['http://10.0.0.5/', 'http://10.0.0.5'],
  ['http://10.0.0.5:80', 'http://10.0.0.5'],
  [' https://Interceptors.example.com ', 'https://interceptors.example.com'],
  ['', undefined],
])('HARBOR_INTERCEPTOR_URL=%s is %s', (given, meant) => {
  expect(read(given)).toBe(meant);
});

test.each([
  ['10.0.0.5:8788', 'http://'],
  ['tcp://10.0.0.5:8788', 'http://'],
  ['http://10.0.0.5:8788/v1', 'no more'],
  ['http://10.0.0.5:8788?a', 'no more'],
  ['http://user:word@10.0.0.5:8788', 'no more'],
  ['http://[2001:db8::1]:8788', 'IPv6'],
  ['http://127.0.0.1:8788', 'loopback'],
  ['http://localhost:8788', 'loopback'],
  ['https://10.0.0.5', 'name'],
])('HARBOR_INTERCEPTOR_URL=%s is refused: %s', (given, reason) => {
  expect(() => read(given)).toThrow(expect.objectContaining({ failureClass: 'invalid_request' }));
  expect(() => read(given)).toThrow(reason);
});
