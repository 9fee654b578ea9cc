import { expect, test } from 'vitest';
import { agentRegistry } from '../../src/agents/registry.ts';
import { readModel } from '../../src/model/model-ref.ts';
import type { SnapshotFacts } from '../../src/sandboxes/provider.ts';
import { plainFacts } from '../support/deployment.ts';
import { agentNamed } from './support/run-agent.ts';

test.each([
  ['gpt-5-mini', 'codex'],
  ['openai/gpt-4.1', 'codex'],
  ['o4-mini', 'codex'],
  ['claude-sonnet-4-5', 'claude-code'],
  ['anthropic/claude-opus-4-5', 'claude-code'],
  ['qwen3-coder-plus', 'qwen-code'],
  // Nobody's own: the first that can run it.
  ['llama-4', 'codex'],
])('a request that names only the model %s gets %s', (model, agent) => {
  expect(agentRegistry.forModel(readModel(model))?.name).toBe(agent);
});

test.each([
  ['codex', true, false],
  ['claude-code', false, true],
  ['opencode', true, true],
  ['qwen-code', true, false],
])('%s runs models of OpenAI: %s, of Anthropic: %s', (name, openai, anthropic) => {
  const { runsModel } = agentNamed(name);
  expect([runsModel(readModel('openai/m')), runsModel(readModel('anthropic/m'))]).toEqual([openai, anthropic]);
});

test.each(agentRegistry.names)('%s runs its default model', (name) => {
  const { runsModel, defaultModel } = agentNamed(name);
  expect(runsModel(readModel(defaultModel))).toBe(true);
});

const musl = { libc: 'musl', hasBash: false, hasCxxLibraries: false } as const;

test.each<[string, string, Partial<SnapshotFacts>, RegExp | undefined]>([
  ['codex', 'Debian', {}, undefined],
  ['codex', 'Alpine', musl, undefined],
  ['codex', 'a static shell alone', { ...musl, libc: 'none' }, undefined],
  ['codex', 'no shell', { hasShell: false }, /codex runs its commands in a shell, and the image has none/],
  ['codex', 'another processor', { architecture: 'arm64', isForeign: true }, /the image is for arm64/],
  ['claude-code', 'Debian', {}, undefined],
  ['claude-code', 'Alpine with bash', { ...musl, hasBash: true }, undefined],
  ['claude-code', 'Alpine', musl, /claude-code runs its commands in bash, and the image has none/],
  ['claude-code', 'no C library', { libc: 'none' }, /needs glibc or musl/],
  ['opencode', 'Debian', {}, undefined],
  ['opencode', 'Debian without bash', { hasBash: false }, undefined],
  ['opencode', 'Alpine', musl, /opencode needs libstdc\+\+\.so\.6 and libgcc_s\.so\.1 in an image with musl/],
  ['opencode', 'Alpine with libstdc++', { ...musl, hasCxxLibraries: true }, undefined],
  ['opencode', 'no C library', { libc: 'none' }, /needs glibc or musl/],
  ['qwen-code', 'Debian', {}, undefined],
  ['qwen-code', 'glibc alone', { hasCxxLibraries: false }, /a Node that Harbor brings, which needs libstdc\+\+\.so\.6/],
  ['qwen-code', 'Alpine', musl, /a Node that Harbor brings, which needs glibc, and the image has musl/],
])('%s in an image with %s', (name, _, facts, reason) => {
  const said = agentNamed(name).unsupportedIn({ ...plainFacts, ...facts });
  expect(said ?? 'nothing').toMatch(reason ?? /^nothing$/);
});

test.each(agentRegistry.names)('%s brings binaries of its own for every platform on which it runs', (name) => {
  const agent = agentNamed(name);
  const platforms = (['x64', 'arm64'] as const).flatMap((architecture) =>
    (['glibc', 'musl'] as const).map((libc) => ({ ...plainFacts, architecture, libc })),
  );
  const sources = platforms.filter((facts) => agent.unsupportedIn(facts) === undefined).map(agent.toolbox);
  for (const { packages } of sources) {
    for (const { integrity } of packages) expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  }
  const programs = new Set(sources.map(({ packages }) => packages.map(({ spec }) => spec).join()));
  // Codex is static; Qwen Code is the same everywhere, its Node is not, and musl has none.
  expect(programs.size).toBe(['codex', 'qwen-code'].includes(name) ? 2 : 4);
});
