import { describe, expect, test } from 'vitest';
import { knownPlaces, placesToRead } from '../../src/activities/agent-reads.ts';
import { agentRegistry } from '../../src/agents/registry.ts';

const agents = agentRegistry.names.flatMap((name) => agentRegistry.byName(name) ?? []);
const known = knownPlaces(agents);

/** Where else these files have to lie for an agent, in a working directory that holds those of them and `there`. */
function placed(name: string, overlaid: Readonly<Record<string, string>>, there: readonly string[] = []) {
  const agent = agentRegistry.byName(name);
  if (!agent) throw new Error(`there is no agent ${name}`);
  const present = new Set([...Object.keys(overlaid), ...there]);
  const more = placesToRead(agent, known, new Map(Object.entries(overlaid)), present);
  return Object.fromEntries(Array.from(more, ([path, file]) => [path, [file.path, file.content]]));
}

const own = '/.harbor/agent-home';

describe('instructions', () => {
  test.each(agentRegistry.names)('of AGENTS.md alone stay where they are, which %s reads', (name) => {
    expect(placed(name, { 'AGENTS.md': 'a' })).toEqual({});
  });

  test.each([
    ['codex', 'CLAUDE.md', [], `${own}/AGENTS.md`],
    ['codex', 'AGENTS.md', ['AGENTS.override.md'], `${own}/AGENTS.md`],
    ['claude-code', 'AGENTS.md', ['CLAUDE.md'], `${own}/CLAUDE.md`],
    ['claude-code', 'QWEN.md', [], `${own}/CLAUDE.md`],
    ['opencode', 'CLAUDE.md', ['AGENTS.md'], `${own}/config/opencode/AGENTS.md`],
    ['qwen-code', './CLAUDE.md', [], `${own}/QWEN.md`],
  ])('that %s does not read in %s beside %j go to its own', (name, path, there, place) => {
    expect(placed(name, { [path]: 'a' }, there)).toEqual({ [path]: [place, 'a'] });
  });

  test('of several files go into one', () => {
    const { 'QWEN.md': last } = placed('codex', { 'CLAUDE.md': 'one', 'QWEN.md': 'two' });
    expect(last).toEqual([`${own}/AGENTS.md`, 'one\n\ntwo']);
  });
});

describe('skills', () => {
  test.each([
    ['codex', '.claude/skills/a/SKILL.md', `${own}/skills/a/SKILL.md`],
    ['claude-code', '.agents/skills/a/scripts/run.sh', `${own}/skills/a/scripts/run.sh`],
    ['opencode', '.codex/skills/a/SKILL.md', `${own}/config/opencode/skills/a/SKILL.md`],
  ])('that %s does not look for in %s go to its own', (name, path, place) => {
    expect(placed(name, { [path]: 's' })).toEqual({ [path]: [place, 's'] });
  });

  test('stay where the agent looks for them', () => {
    expect(placed('codex', { '.agents/skills/a/SKILL.md': 's' })).toEqual({});
  });
});

test('other files are nobody else’s business', () => {
  expect(placed('claude-code', { 'docs/AGENTS.md': 'a', 'src/x.ts': 'b', '.claude/settings.json': '{}' })).toEqual({});
});
