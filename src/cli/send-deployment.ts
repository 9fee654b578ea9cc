import { type HarborClient, type NewDeployment } from '../sdk/client.ts';
import { ApiError } from '../sdk/errors.ts';
import type { PackedContext } from '../sdk/pack-context.ts';

export interface SentDeployment {
  readonly id: string;
  readonly buildId: string | undefined;
  /** A deployment of that name was there and has new content now. */
  readonly replaced: boolean;
}

/**
 * Uploads a deployment; where its name is taken and may be replaced, its content becomes the next build of what is there.
 * With `replace`, or with the same `repeatKey`, it may be repeated.
 */
export async function sendDeployment(
  client: HarborClient,
  deployment: NewDeployment,
  context: PackedContext,
  replace: boolean,
  repeatKey?: string,
): Promise<SentDeployment> {
  try {
    const made = await client.upload(deployment, context.file, repeatKey);
    return { id: made.id, buildId: made.latest_build?.id, replaced: false };
  } catch (error) {
    const isTaken = error instanceof ApiError && error.status === 409;
    if (!isTaken || !replace) throw error;
    const content = { dockerfile: deployment.dockerfile ?? null };
    // Another request, which needs a key of its own.
    const buildKey = repeatKey && `${repeatKey}-build`;
    const build = await client.build(deployment.name, content, context.file, buildKey);
    return { id: build.deployment_id, buildId: build.build_id, replaced: true };
  }
}
