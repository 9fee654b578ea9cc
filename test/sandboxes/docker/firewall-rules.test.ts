import { expect, test } from 'vitest';
import { rules } from '../../../src/sandboxes/docker/firewall.ts';

const networks = {
  open: { name: 'open', bridge: 'hb01234567o', subnet: '10.1.0.0/16', gateway: '10.1.0.1' },
  closed: { name: 'closed', bridge: 'hb01234567c', subnet: '10.2.0.0/16', gateway: '10.2.0.1' },
};
const installation = '01234567-89ab-cdef-0123-456789abcdef';

test('the firewall lets nothing through but the interceptor, each network to its own gateway', () => {
  const text = rules({ installation, interceptorPort: 4100, networks });
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

test('an interceptor elsewhere takes the place of the one on the gateways, and nothing else is let through', () => {
  const outside = { address: '192.0.2.9', port: 80 };
  const lines = rules({ installation, interceptorPort: 4100, networks, outside }).split('\n');
  const accepted = lines.filter((line) => line.includes('ACCEPT'));
  expect(accepted).toHaveLength(6);
  for (const line of accepted) expect(line).toMatch(/-[ds] 192\.0\.2\.9 -p tcp --[ds]port 80 /);
  expect(lines.filter((line) => line.includes('DNAT'))).toEqual(
    expect.arrayContaining([
      '-A HARBOR-01234567-DNAT -i hb01234567c -d 10.2.0.1 -p tcp --dport 80 -j DNAT --to-destination 192.0.2.9:80',
    ]),
  );
  const refused = lines.indexOf('-A HARBOR-01234567-FWD -i hb01234567c -j REJECT');
  for (const line of accepted.filter((one) => one.includes('-FWD'))) expect(lines.indexOf(line)).toBeLessThan(refused);
});
