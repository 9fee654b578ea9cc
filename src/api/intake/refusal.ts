import { HarborError, errorText, invalid } from '../../model/errors.ts';

/** The request field that an archive comes in; every fault found in an archive is a fault of this field. */
export const archiveField = 'context_tar_base64';

/** A refusal that names one member of the archive. */
export const refuseMember = (name: string, fault: string, remedy?: string): HarborError =>
  invalid(archiveField, `${quoted(name)} ${fault}`, remedy);

/** What a file system said while this server kept an upload: not the caller's fault. */
export const diskError = (doing: string, error: unknown): HarborError =>
  new HarborError('internal', `${doing} failed: ${errorText(error)}`, {
    cause: error,
    remedy: 'Make sure that the data folder is writable and its disk not full.',
  });

/** A name of somebody else's choosing, safe to show: on one line, and not endless. */
export const quoted = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

const MiB = 1024 * 1024;

/** A limit in bytes, for people. */
export const sizeText = (bytes: number): string => (bytes % MiB === 0 ? `${bytes / MiB} MiB` : `${bytes} bytes`);
