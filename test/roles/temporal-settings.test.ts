import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporalSettings } from '../../src/roles/temporal-settings.ts';

const address = { TEMPORAL_ADDRESS: 'temporal.example:7233' };

test('an address alone is reached without TLS, in the namespace default', () => {
  expect(temporalSettings(address)).toMatchObject({
    connectionOptions: { address: 'temporal.example:7233' },
    namespace: 'default',
  });
  expect(temporalSettings(address).connectionOptions.tls).toBeFalsy();
});

test('a key, from a file as well, means TLS', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-temporal-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'key'), 'a key\n');
  const named = { ...address, TEMPORAL_NAMESPACE: 'mine', TEMPORAL_API_KEY_FILE: join(folder, 'key') };
  const { connectionOptions, namespace } = temporalSettings(named);
  expect([connectionOptions.apiKey, namespace]).toEqual(['a key', 'mine']);
  expect(connectionOptions.tls).toBeTruthy();
});

test('certificates are read from their files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'harbor-temporal-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ['ca', 'cert', 'key']) await writeFile(join(folder, name), name);
  const { tls } = temporalSettings({
    ...address,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(folder, 'ca'),
    TEMPORAL_TLS_CLIENT_CERT_PATH: join(folder, 'cert'),
    TEMPORAL_TLS_CLIENT_KEY_PATH: join(folder, 'key'),
  }).connectionOptions;
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  expect(tls).toMatchObject({ serverRootCACertificate: expect.anything(), clientCertPair: expect.anything() });
  const { serverRootCACertificate: ca, clientCertPair: pair } = typeof tls === 'object' && tls ? tls : {};
  expect([ca && text(ca), pair && text(pair.crt), pair && text(pair.key)]).toEqual(['ca', 'cert', 'key']);
});

test.each([
  [{}, 'TEMPORAL_ADDRESS: is not set'],
  [{ ...address, TEMPORAL_TLS_CLIENT_CERT_PATH: '/cert' }, 'TEMPORAL_TLS_CLIENT_KEY_PATH: is not set'],
  [{ ...address, TEMPORAL_API_KEY: 'key', TEMPORAL_TLS: 'false' }, 'TEMPORAL_TLS: is false'],
  [{ ...address, TEMPORAL_API_KEY: 'key', TEMPORAL_API_KEY_FILE: '/key' }, 'TEMPORAL_API_KEY: is set, and so is'],
  [{ ...address, TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/nothing/there' }, '/nothing/there'],
])('%o is refused with %s', (env, message) => {
  expect(() => temporalSettings(env)).toThrow(message);
});
