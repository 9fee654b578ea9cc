import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DockerSubject, dockerSubject } from '../../contract/docker-subject.ts';
import { Fixture, never } from '../../contract/subject.ts';

const iptables = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('iptables', ['-w', ...args])).stdout;

let subject: DockerSubject;
const fixture = new Fixture(async () => (subject = await dockerSubject()));
const servers: Server[] = [];

/** A server that says hello to whoever connects. */
async function listen(host: string, port: number): Promise<number> {
  const server = createServer((socket) => socket.end('hello\n'));
  servers.push(server);
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** What a sandbox gets from an address: the greeting, or why there is none. Waits three seconds for either. */
const knock = (box: string, host: string, port: number | string): Promise<string> =>
  fixture.read(
    box,
    `perl -MIO::Socket::INET -e '
      $s = IO::Socket::INET->new(PeerAddr => "${host}", PeerPort => ${port}, Timeout => 3);
      print $s ? <$s> : $@ =~ s/.*connect: //r'`,
  );

/** Says hello on port 7000 of a sandbox. */
const greeter = `perl -MIO::Socket::INET -e '
  $s = IO::Socket::INET->new(Listen => 5, LocalPort => 7000) or die;
  while ($c = $s->accept) { print $c "hello\\n"; close $c }'`;

/** A place of the internet's that nobody is at; what is closed refuses it at once. */
const elsewhere = ['198.51.100.7', 80] as const;

beforeAll(async () => {
  await fixture.open();
  for (const mode of ['open', 'interceptor-only'] as const) {
    const { hostname } = new URL(subject.provider.interceptorUrl(mode));
    await listen(hostname, subject.interceptorPort);
  }
});
afterAll(async () => {
  for (const server of servers) server.close();
  await fixture.close();
});

const interceptorOf = (mode: 'open' | 'interceptor-only'): [string, number] => {
  const { hostname, port } = new URL(subject.provider.interceptorUrl(mode));
  return [hostname, Number(port)];
};

/** On which of the two networks a sandbox is: it reaches the interceptor on that one's gateway. */
const networksOf = async (box: string): Promise<string[]> => {
  const on: string[] = [];
  for (const mode of ['open', 'interceptor-only'] as const) {
    if ((await knock(box, ...interceptorOf(mode))) === 'hello') on.push(mode);
  }
  return on;
};

describe.each(['open', 'interceptor-only'] as const)('a sandbox with egress %s', (egress) => {
  let box: string;
  beforeAll(async () => {
    box = await fixture.box({ egress });
  });

  test('reaches the interceptor', async () => {
    expect(await knock(box, ...interceptorOf(egress))).toBe('hello');
  });

  test('is refused by every other port of the host, on all its addresses', async () => {
    const port = await listen('0.0.0.0', 0);
    for (const host of [interceptorOf('open')[0], interceptorOf('interceptor-only')[0], '172.17.0.1']) {
      expect(await knock(box, host, port)).toBe('Connection refused');
    }
  });

  test('is refused by the metadata of the cloud', async () => {
    expect(await knock(box, '169.254.169.254', 80)).toBe('Connection refused');
  });

  test('does not reach its neighbours', async () => {
    const neighbour = await fixture.box({ egress });
    const address = await fixture.read(neighbour, "hostname -i | cut -d ' ' -f 1");
    await fixture.read(
      neighbour,
      `${greeter} > /dev/null 2>&1 & until grep -q ':1B58 ' /proc/net/tcp; do sleep 0.1; done`,
    );
    expect(await knock(neighbour, address, 7000)).toBe('hello');
    expect(await knock(box, address, 7000)).toMatch(/timeout|timed out|refused/i);
  });
});

describe('egress', () => {
  test('closed leads nowhere, and says so at once', async () => {
    const box = await fixture.box({ egress: 'interceptor-only' });
    expect(await knock(box, ...elsewhere)).toBe('Connection refused');
  });

  test('none is no network at all', async () => {
    const box = await fixture.box({ egress: 'none' });
    expect(await fixture.read(box, 'ls /sys/class/net')).toBe('lo');
  });

  test('changes from any mode to any other, and again to the same', async () => {
    const box = await fixture.box({ egress: 'none' });
    for (const mode of ['open', 'interceptor-only', 'interceptor-only', 'none', 'none', 'open', 'none'] as const) {
      await subject.provider.setEgress(box, mode, never());
      expect(await networksOf(box)).toEqual(mode === 'none' ? [] : [mode]);
    }
  });

  test('is changed by a process that has not made the sandbox', async () => {
    const box = await fixture.box({ egress: 'open' });
    const another = subject.another();
    await another.setEgress(box, 'interceptor-only', never());
    expect(await networksOf(box)).toEqual(['interceptor-only']);
    expect((await another.find(box, never()))?.interceptorUrl).toBe(another.interceptorUrl('interceptor-only'));
  });

  test.each(['none', 'interceptor-only'] as const)('%s stays as it is when the sandbox is quiesced', async (mode) => {
    const box = await fixture.box({ egress: 'open' });
    await subject.provider.setEgress(box, mode, never());
    await fixture.read(box, 'setsid sleep 1000 & true');
    await subject.provider.quiesce(box, never());
    expect(await networksOf(box)).toEqual(mode === 'none' ? [] : [mode]);
  });

  test('works, at the same addresses, after somebody removed the networks that nobody used', async () => {
    const own = await dockerSubject();
    const [before, box] = [own.provider.interceptorUrl('open'), fixture.request({ egress: 'open' })];
    try {
      for (const { Id } of await own.docker.listNetworks({
        filters: { label: [`harbor.installation=${own.installation}`] },
      })) {
        await own.docker.getNetwork(Id).remove();
      }
      expect((await own.provider.create(box)).interceptorUrl).toBe(before);
      expect(new URL(before).hostname).toBe(
        (await own.docker.getContainer(box.name).inspect()).NetworkSettings.Networks[
          `harbor-${own.installation.slice(0, 8)}-open`
        ]?.Gateway,
      );
    } finally {
      await own.provider.destroy(box.name);
      await own.close([]);
    }
  });
});

describe('the firewall', () => {
  test('is raised as often as one likes, and gone when the last sandbox is', async () => {
    const own = await dockerSubject();
    const word = `HARBOR-${own.installation.slice(0, 8)}`;
    await own.provider.start(never());
    expect((await iptables('-S', 'INPUT')).split(`-j ${word}-IN`).length - 1).toBe(1);
    expect((await own.provider.describe(never())).firewall).toEqual({ active: true });
    const box = fixture.request({ egress: 'open' });
    await own.provider.create(box);
    await own.provider.stop();
    expect(await iptables('-S')).toContain(word);
    await own.provider.destroy(box.name);
    await own.close([]);
    expect(await iptables('-S')).not.toContain(word);
  });
});
