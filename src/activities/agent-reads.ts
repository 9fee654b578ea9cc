import { posix } from 'node:path';
import type { CodingAgent } from '../agents/agent.ts';
import type { OverlayFile } from './overlay-files.ts';
import { agentHome } from './sandbox-layout.ts';

/** What the agents of a registry read by themselves. */
export interface KnownPlaces {
  readonly instructions: ReadonlySet<string>;
  readonly skills: readonly string[];
}

export function knownPlaces(agents: readonly CodingAgent[]): KnownPlaces {
  return {
    instructions: new Set(agents.flatMap(({ instructions }) => instructions.flat())),
    skills: [...new Set(agents.flatMap(({ skills }) => skills))],
  };
}

/**
 * Where else files that were overlaid have to lie so that this agent reads them, by the path that its request gave: skills that
 * lie where other agents look for them, and instructions that it does not read where they are, for it has others to read
 * there (`present`, of all files that are instructions for anyone). Paths are relative to the working directory.
 */
export function placesToRead(
  agent: CodingAgent,
  known: KnownPlaces,
  overlaid: ReadonlyMap<string, string>,
  present: ReadonlySet<string>,
): ReadonlyMap<string, OverlayFile> {
  const read = agent.instructions.find((group) => group.some((name) => present.has(name))) ?? [];
  const more = new Map<string, OverlayFile>();
  const unread: string[] = [];
  for (const [path, content] of overlaid) {
    const name = posix.normalize(path);
    const skill = skillIn(name, known.skills);
    if (skill && !agent.skills.includes(skill.root)) {
      more.set(path, { path: posix.join(agentHome, agent.own.skills, skill.rest), content });
    } else if (known.instructions.has(name) && !read.includes(name)) {
      unread.push(content);
      // One file for all of them: the last one written is whole.
      const whole = unread.join('\n\n');
      more.set(path, { path: posix.join(agentHome, agent.own.instructions), content: whole });
    }
  }
  return more;
}

function skillIn(path: string, roots: readonly string[]): { readonly root: string; readonly rest: string } | undefined {
  const root = roots.find((folder) => path.startsWith(`${folder}/`));
  return root === undefined ? undefined : { root, rest: path.slice(root.length + 1) };
}
