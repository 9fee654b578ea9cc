import { expect, test } from 'vitest';
import { rules } from '../../../src/sandboxes/docker/firewall.ts';

test('the firewall lets nothing through but the interceptor, each network to its own gateway', () => {
  const text = rules({
    installation: '01234567-89ab-cdef-0123-456789abcdef',
    interceptorPort: 4100,
    networks: {
      open: { name: 'open', bridge: 'hb01234567o', subnet: '10.1.0.0/16', gateway: '10.1.0.1' },
      closed: { name: 'closed', bridge: 'hb01234567c', subnet: '10.2.0.0/16', gateway: '10.2.0.1' },
    },
  });
  expect(text.split('\n').filter((line) => line.includes('ACCEPT'))).toEqual([
    '-A HARBOR-01234567-IN -i hb01234567o -d 10.1.0.1 -p tcp --dport 4100 -j ACCEPT',
    '-A HARBOR-01234567-IN -i hb01234567c -d 10.2.0.1 -p tcp --dport 4100 -j ACCEPT',
  ]);
  const lines = text.split('\n');
  for (const bridge of ['hb01234567o', 'hb01234567c']) {
    expect(lines.indexOf(`-A HARBOR-01234567-IN -i ${bridge} -j REJECT`)).toBeGreaterThan(
      lines.findIndex((line) => line.includes('ACCEPT') && line.includes(bridge)),
    );
  }
  expect(lines).toContain('-A HARBOR-01234567-FWD -i hb01234567c -j REJECT');
  expect(lines).toContain('-A HARBOR-01234567-FWD -i hb01234567o -d 169.254.0.0/16 -j REJECT');
});
