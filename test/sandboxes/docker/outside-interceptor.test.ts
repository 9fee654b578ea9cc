import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerSubject, dockerSubject } from '../../contract/docker-subject.ts';
import { Fixture, never } from '../../contract/subject.ts';
import { storeGate } from '../../../src/interceptor/store-gate.ts';
import { createDockerProvider } from '../../../src/sandboxes/docker/provider.ts';
import { type OtherMachine, otherMachine } from '../../support/other-machine.ts';
import { prepareGround, type RoleGround } from '../../support/postgres-roles.ts';
import { eventually } from '../../support/project.ts';

/** Of the interceptor on the other machine. */
const port = 8788;
const balancerPort = 18_788;

let ground: RoleGround;
let machine: OtherMachine;
const servers: Server[] = [];

/** A real load balancer on an address of this machine: it knows nothing of what it carries. */
async function balance(host: string): Promise<void> {
  const server = createServer((client) => {
    const upstream = connect(port, machine.address);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  });
  servers.push(server);
  server.listen(balancerPort, host);
  await once(server, 'listening');
}

/** Somebody on this machine whom no sandbox should reach. */
async function bystander(): Promise<number> {
  const server = createServer((socket) => socket.end('hello\n'));
  servers.push(server);
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

beforeAll(async () => {
  machine = await otherMachine();
  ground = await prepareGround();
  await balance(machine.ours);
});

afterAll(async () => {
  for (const server of servers) server.close();
  await ground.remove();
  await machine.remove();
});

const startInterceptor = () =>
  ground.start(
    'interceptor',
    {
      HARBOR_INTERCEPTOR_DIR: join(ground.home, 'over-there'),
      HARBOR_INTERCEPTOR_PORT: String(port),
      HARBOR_HEALTH_HOST: machine.address,
    },
    machine.within,
  );

const gate = () => storeGate({ grants: ground.store.grants, installationSecret: ground.secret });

async function tokenOf(rolloutId: string): Promise<string> {
  await gate().grant({ rolloutId, attempt: 1, models: [], script: null }, never());
  return gate().token(rolloutId, 1);
}

const body = JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'hello' }] });

/** What a process in a sandbox gets for a call to a model: the first line of the answer, or why there is none. */
const callFrom = (fixture: Fixture, box: string, url: URL, token: string): Promise<string> =>
  fixture.read(
    box,
    `perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(PeerAddr => "${url.hostname}", PeerPort => ${url.port}, Timeout => 5);
      if (!$s) { print $@ =~ s/.*connect: //r; exit }
      print $s "POST /v1/chat/completions HTTP/1.1\\r\\nHost: ${url.host}\\r\\nAuthorization: Bearer ${token}\\r\\n" .
        "Content-Type: application/json\\r\\nContent-Length: ${body.length}\\r\\nConnection: close\\r\\n\\r\\n";
      print $s "${body.replaceAll('"', '\\"')}";
      print scalar <$s>'`,
  );

describe.each([
  ['on another machine', () => `http://${machine.address}:${port}`],
  ['behind a load balancer on this one', () => `http://${machine.ours}:${balancerPort}`],
])('an interceptor %s', (where, address) => {
  let subject: DockerSubject;
  const fixture = new Fixture(async () => (subject = await dockerSubject({ interceptorUrl: address() })));
  beforeAll(() => fixture.open());
  afterAll(() => fixture.close());

  const urlFor = (mode: 'open' | 'interceptor-only') => new URL(subject.provider.interceptorUrl(mode));

  test.each(['open', 'interceptor-only'] as const)('carries the calls of a sandbox with egress %s', async (egress) => {
    await startInterceptor();
    const box = await fixture.box({ egress });
    const rollout = `${egress} ${where}`.replaceAll(' ', '-');
    const token = await tokenOf(rollout);
    expect(await callFrom(fixture, box, urlFor(egress), token)).toBe('HTTP/1.1 200 OK');
    expect(await callFrom(fixture, box, urlFor(egress), `${token}x`)).toBe('HTTP/1.1 401 Unauthorized');
    const calls = await eventually('the call', async () => {
      const found = await ground.store.calls.list(rollout);
      return found.length > 0 && found;
    });
    expect(calls).toMatchObject([{ status: 'ok', httpStatus: 200 }]);
  });

  test('is all that a sandbox with egress interceptor-only reaches', async () => {
    await startInterceptor();
    const box = await fixture.box({ egress: 'interceptor-only' });
    const token = await tokenOf(`alone ${where}`.replaceAll(' ', '-'));
    const given = urlFor('interceptor-only');
    const strangers = [
      // Another port of it, and of the gateway; this machine's others; another address; the cloud's metadata.
      `http://${new URL(address()).hostname}:${await bystander()}`,
      `http://${given.hostname}:${subject.interceptorPort}`,
      `http://${given.hostname}:${await bystander()}`,
      `http://${urlFor('open').hostname}:${await bystander()}`,
      `http://${machine.secondAddress}:${port}`,
      'http://169.254.169.254:8080',
    ];
    for (const url of strangers) {
      const said = `${url}: ${await callFrom(fixture, box, new URL(url), token)}`;
      expect(said).toMatch(/: .*(refused|unreachable)/i);
    }
    expect(await callFrom(fixture, box, given, token)).toBe('HTTP/1.1 200 OK');
    await subject.provider.setEgress(box, 'none', never());
    expect(await callFrom(fixture, box, given, token)).toMatch(/unreachable/i);
    await subject.provider.setEgress(box, 'interceptor-only', never());
    expect(await callFrom(fixture, box, given, token)).toBe('HTTP/1.1 200 OK');
  });
});

test('without a firewall a sandbox gets no egress interceptor-only, and is told what to do', async () => {
  const subject = await dockerSubject();
  const withoutFirewall = createDockerProvider({
    ...subject.options,
    interceptorUrl: `http://${machine.address}:${port}`,
  });
  const fixture = new Fixture(async () => subject);
  try {
    await fixture.open();
    const refusal = { failureClass: 'sandbox_failed', remedy: expect.stringContaining('as root') };
    await expect(withoutFirewall.create(fixture.request({ egress: 'interceptor-only' }))).rejects.toMatchObject(
      refusal,
    );
    const box = await fixture.box({ egress: 'open' });
    await expect(withoutFirewall.setEgress(box, 'interceptor-only', never())).rejects.toMatchObject(refusal);
    expect((await withoutFirewall.describe(never())).warnings.join()).toContain(
      'cannot have the egress interceptor-only',
    );
  } finally {
    await fixture.close();
  }
});
