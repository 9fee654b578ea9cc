import { posix } from 'node:path';
import type { CodingAgent } from '../agents/agent.ts';
import type { OverrideResult, PartResult } from '../model/context-override.ts';
import { knownPlaces, placesToRead } from './agent-reads.ts';
import { type OverlayFile, type OverlayTarget, presentFiles, writeOverlay } from './overlay-files.ts';
import { failed, overallStatus, type OverridePlan } from './override-plan.ts';

/** Instructions and skills that lie where this agent does not look: put where it does, and said so. */
export async function placeForAgent(
  target: OverlayTarget,
  agent: CodingAgent,
  everyAgent: readonly CodingAgent[],
  plans: readonly OverridePlan[],
  results: readonly OverrideResult[],
): Promise<readonly OverrideResult[]> {
  const known = knownPlaces(everyAgent);
  const overlaid = new Map<string, string>();
  for (const [index, plan] of plans.entries()) {
    for (const { path, content } of plan.files) {
      if (results[index]?.files[path]?.status !== 'applied') continue;
      const inside = posix.relative(target.workdir, posix.resolve(target.workdir, path));
      // The last one of a path is the one that lies there.
      overlaid.delete(inside);
      overlaid.set(inside, content);
    }
  }
  const isKnown = (path: string) =>
    known.instructions.has(path) || known.skills.some((root) => path.startsWith(`${root}/`));
  if (![...overlaid.keys()].some(isKnown)) return results;
  const present = await presentFiles(target, [...known.instructions], 'overrides');
  const more = placesToRead(agent, known, overlaid, present);
  if (more.size === 0) return results;
  const targets = new Map(Array.from(more.values(), (file): [string, OverlayFile] => [file.path, file]));
  const written = await writeOverlay(target, [...targets.values()], 'overrides');
  const outcomes = new Map([...targets.keys()].map((place, index) => [place, written[index]]));
  return results.map((result) => ({ ...result, ...readBy(result, target.workdir, more, outcomes) }));
}

/** The files of one override, with where else they lie now. */
function readBy(
  { files, preflight, env }: OverrideResult,
  workdir: string,
  more: ReadonlyMap<string, OverlayFile>,
  outcomes: ReadonlyMap<string, PartResult | undefined>,
): Pick<OverrideResult, 'files' | 'status'> {
  const told = Object.entries(files).map(([path, file]): [string, OverrideResult['files'][string]] => {
    const place = more.get(posix.relative(workdir, posix.resolve(workdir, path)))?.path;
    if (place === undefined || file.status !== 'applied') return [path, file];
    const outcome = outcomes.get(place);
    if (outcome?.status === 'applied') return [path, { ...file, places: [...file.places, place] }];
    return [
      path,
      { ...file, ...failed('runtime', `cannot be put where the agent reads it: ${outcome?.error?.message}`) },
    ];
  });
  const result = { files: Object.fromEntries(told), preflight, env };
  return { files: result.files, status: overallStatus(result) };
}
