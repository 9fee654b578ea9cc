import type { ToolboxPackage } from './agent.ts';

export const codexVersion = '0.169.0';

/**
 * npm's platform packages of Codex, per architecture of the image. Integrities: `npm view <spec> dist.integrity`, seen
 * 2026-11-22. The voice helpers (40 MB) are of no use without a person.
 */
export const codexPackages: Readonly<Record<'x64' | 'arm64', ToolboxPackage>> = {
  x64: {
    spec: `@openai/codex@${codexVersion}-linux-x64`,
    integrity: 'sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==',
    root: 'package/vendor/x86_64-unknown-linux-musl',
    skip: ['codex-resources/voice'],
    executable: 'bin/codex',
  },
  arm64: {
    spec: `@openai/codex@${codexVersion}-linux-arm64`,
    integrity: 'sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==',
    root: 'package/vendor/aarch64-unknown-linux-musl',
    skip: ['codex-resources/voice'],
    executable: 'bin/codex',
  },
};
