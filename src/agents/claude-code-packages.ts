import type { SnapshotFacts } from '../sandboxes/provider.ts';
import type { ToolboxPackage } from './agent.ts';

export const claudeCodeVersion = '2.1.330';

/** npm's platform packages of Claude Code. Integrities: `npm view <spec> dist.integrity`, seen 2026-11-24. */
export function claudeCodePackage({ architecture, libc }: SnapshotFacts): ToolboxPackage {
  const platform = libc === 'musl' ? (`${architecture}-musl` as const) : architecture;
  return {
    spec: `@anthropic-ai/claude-code-linux-${platform}@${claudeCodeVersion}`,
    integrity: integrities[platform],
    root: 'package',
    skip: ['package.json', 'README.md'],
    executable: 'claude',
  };
}

const integrities = {
  x64: 'sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6zebIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ==',
  arm64: 'sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpSsLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA==',
  'x64-musl': 'sha512-OnduSSPY1b59FA8jTbq20Y1XkDUV0S1OVyvYBNslEbpX79P81JF7Ih4lgYvDKiFnnSv75z4Kv6qLE5DQqogYXA==',
  'arm64-musl': 'sha512-NemfeTqZ30tQDhAeumZgDYoX4ewhAHkN3dbcsyvlgb+yvpKUlcYu5Bor8K+Du5azGe3uy9sftlJxbGhTsCR7zA==',
};
