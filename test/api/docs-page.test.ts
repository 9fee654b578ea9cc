import { expect, test } from 'vitest';
import { useServer } from '../support/running.ts';

/** As it is built: what the page shows itself with comes from a package, which the build takes it out of. */
const server = useServer();
const get = (path: string) => fetch(`${server().url}${path}`);

test('the page of the docs needs no key and nothing from elsewhere', async () => {
  const page = await get('/docs');
  expect(page.status).toBe(200);
  expect(page.headers.get('content-type')).toMatch('text/html');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  const addresses = [...(await page.text()).matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address = '']) => address);
  const parts = addresses.filter((address) => !address.startsWith('data:'));
  expect(parts).toEqual([
    '/docs/swagger-ui/swagger-ui.css',
    '/openapi.json',
    '/docs/swagger-ui/swagger-ui-bundle.js',
    '/docs/start.js',
  ]);
  for (const part of parts) {
    const answer = await get(part);
    expect([part, answer.status]).toEqual([part, 200]);
    expect((await answer.text()).length).toBeGreaterThan(100);
  }
});

test.each(['/docs/../app.js', '/docs/%2e%2e/app.js', '/docs/swagger-ui/', '/docs/nothing'])(
  'it has no %s',
  async (path) => {
    expect((await get(path)).status).toBeGreaterThanOrEqual(400);
  },
);
