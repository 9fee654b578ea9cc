import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { ToolboxPackage } from './agent.ts';

/**
 * npm's platform packages of OpenCode, which are not published together: the newest of each that the registry had on
 * 2026-11-24, when `opencode-ai` stood at 1.18.33. Integrities: `npm view <spec> dist.integrity`.
 */
const packages = {
  x64: {
    spec: 'opencode-linux-x64@1.18.33',
    integrity: 'sha512-q/t/3p2CTxOT9y2kvjesb/LZab2+1eqlhhWA02Be6mjTtmYtNBcBsrI5yDo4Fw7ZSPBW2oyMIGMNRqiKQjiAWw==',
  },
  arm64: {
    spec: 'opencode-linux-arm64@1.18.18',
    integrity: 'sha512-e8D3g0qJEIzawEg2+ygW3vkZjAYL2ssyAx4GbihjwXwZFvlZZy5zRWWzdz5KLBoHSTl0FB73vNtnNeXONyHpVQ==',
  },
  'x64-musl': {
    spec: 'opencode-linux-x64-musl@1.18.32',
    integrity: 'sha512-ktS7x5Ms+sVMCAb2oRpPKGk10isRjHkwBz6ordNOlx0epx6JQPsTydzJmpLBSdsiFAkfmZoBiYayKDXXU+rwXA==',
  },
  'arm64-musl': {
    spec: 'opencode-linux-arm64-musl@1.18.18',
    integrity: 'sha512-Dp3XByFRRZngPAQotNbOwr22HgZej4r9Ck0Iv/rOVU+oO5fLD9YSpHEwx80FTZOZmFmd/vriCdrR/dGdzabICw==',
  },
};

export function opencodePackage({ architecture, libc }: SnapshotFacts): ToolboxPackage {
  const platform = libc === 'musl' ? (`${architecture}-musl` as const) : architecture;
  return { ...packages[platform], root: 'package/bin', skip: [], executable: 'opencode' };
}
