import { HarborError } from '../model/errors.ts';
import type { Sandbox, SandboxRequest } from '../sandboxes/provider.ts';
import type { GenerationRow } from '../store/deployments.ts';
import type { ActivityScope } from './activity.ts';
import type { ActivityDeps } from './deps.ts';

/**
 * Makes a sandbox; where its snapshot was removed from the provider since it was built, builds that again from what the
 * store holds. Looked up only after a failure, so that the usual sandbox pays no call for it.
 */
export async function sandboxFromSnapshot(
  { store, provider }: Pick<ActivityDeps, 'store' | 'provider'>,
  request: SandboxRequest,
  { dockerfile, contextRef }: Pick<GenerationRow, 'dockerfile' | 'contextRef'>,
  report: ActivityScope['report'],
): Promise<Sandbox> {
  const { snapshot: name, signal } = request;
  try {
    return await provider.create(request);
  } catch (error) {
    if (!HarborError.isInstance(error) || error.failureClass !== 'sandbox_failed') throw error;
    if (await provider.findSnapshot(name, signal)) throw error;
  }
  report('building the snapshot again, which the provider has no longer');
  const snapshot = await provider.ensureSnapshot({
    name,
    dockerfile,
    context: () => store.blobs.open(contextRef),
    force: false,
    onLog: (text) => report(text.trim().slice(0, 200)),
    signal,
  });
  await store.snapshots.save(provider.id, snapshot);
  return provider.create(request);
}
