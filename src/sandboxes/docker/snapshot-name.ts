import { HarborError } from '../../model/errors.ts';

const repository = 'harbor/snapshot';

/** The image that a snapshot is kept as. */
export function snapshotImage(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name)) {
    throw new HarborError('internal', `the snapshot name ${name} is no image tag`);
  }
  return `${repository}:${name}`;
}

/**
 * What a snapshot's image is called besides while the snapshot is built anew, by the image's id: an image without any name
 * could as well be another program's, which was made from one of ours and has its labels.
 */
export const replacedRepository = 'harbor/replaced';

/** Tag within {@link replacedRepository}. */
export const replacedTag = (id: string): string => id.replace(/^sha256:/, '').slice(0, 32);

export const isReplaced = (image: string): boolean =>
  image.replace(/^localhost\//, '').startsWith(`${replacedRepository}:`);

/** The snapshot that an image of that name is; undefined where it is none. Podman puts a host before its own names. */
export function nameOfSnapshot(image: string): string | undefined {
  const name = image.replace(/^localhost\//, '');
  return name.startsWith(`${repository}:`) ? name.slice(repository.length + 1) : undefined;
}
