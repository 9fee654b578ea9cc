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
 * With `replace` it may be repeated.
 */
export async function sendDeployment(
  client: HarborClient,
  deployment: NewDeployment,
  context: PackedContext,
  replace: boolean,
): Promise<SentDeployment> {
  try {
    const made = await client.upload(deployment, context.file);
    return { id: made.id, buildId: made.latest_build?.id, replaced: false };
  } catch (error) {
    const isTaken = error instanceof ApiError && error.status === 409;
    if (!isTaken || !replace) throw error;
    const build = await client.build(deployment.name, { dockerfile: deployment.dockerfile ?? null }, context.file);
    return { id: build.deployment_id, buildId: build.build_id, replaced: true };
  }
}
