import { HarborError } from '../../model/errors.ts';

/** The image that a snapshot is kept as. */
export function snapshotImage(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
    throw new HarborError('internal', `the snapshot name ${name} is no image tag`);
  }
  return `harbor/snapshot:${name}`;
}
