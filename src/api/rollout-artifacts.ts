import { agentLogId, testsLogId } from '../model/ids.ts';
import type { ArtifactList } from '../model/responses.ts';
import type { ArtifactRow } from '../store/artifacts.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';

type Artifact = Omit<ArtifactRow, 'rolloutId' | 'createdAt'>;

/** Everything that a rollout left: files of its sandboxes, and the logs that grow no more. */
export async function artifactsOf(store: Store, row: RolloutRow): Promise<readonly Artifact[]> {
  const attempts = Array.from({ length: row.attempt }, (_, index) => index + 1);
  const logNames = new Map(
    attempts.flatMap((attempt) => [
      [agentLogId(row.id, attempt), { attempt, name: 'logs/agent.log' }],
      [testsLogId(row.id, attempt), { attempt, name: 'logs/tests.log' }],
    ]),
  );
  const logs = (await store.logs.closed([...logNames.keys()])).flatMap(({ id, ref, bytes }) => {
    const named = logNames.get(id);
    return named ? [{ ...named, contentType: 'text/plain; charset=utf-8', bytes, ref, omitted: null }] : [];
  });
  return [...(await store.artifacts.list(row.id)), ...logs].toSorted(
    (a, b) => a.attempt - b.attempt || (a.name < b.name ? -1 : 1),
  );
}

export function presentArtifact(
  rolloutId: string,
  { name, attempt, contentType, bytes, ref, omitted }: Artifact,
): ArtifactList['artifacts'][number] {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return {
    name,
    attempt,
    content_type: contentType,
    size_bytes: bytes,
    sha256: ref,
    url: ref === null ? null : `/api/harbor/rollouts/${rolloutId}/artifacts/${attempt}/${path}`,
    omitted,
  };
}
