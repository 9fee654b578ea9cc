import type { SnapshotFacts } from '../sandboxes/provider.ts';

/** Why no agent can run in an image: what they all need. */
export function commonLack(agent: string, { architecture, isForeign, hasShell }: SnapshotFacts): string | undefined {
  if (isForeign) return `the image is for ${architecture}, and the engine's machine has another processor`;
  return hasShell ? undefined : `${agent} runs its commands in a shell, and the image has none`;
}

/** The libraries that programs written in C++ find in most images, Alpine's and distroless ones excepted. */
export const cxxLibraries = 'libstdc++.so.6 and libgcc_s.so.1';
