import type { Readable } from 'node:stream';
import type { ProviderCapacity } from '../model/capacity.ts';
import type { EgressMode } from '../model/egress.ts';

/**
 * The sandbox provider spec. A provider turns a Dockerfile into a snapshot and a snapshot into sandboxes, and runs
 * commands in them. Rules that hold for every method:
 *
 * - Names and ids come from the caller and are fixed before anything is made. Making what exists adopts it.
 * - A rejected or timed-out call says nothing about the state behind it: implementations look it up, never assume.
 * - Errors are HarborErrors: `build_failed` and `invalid_request` for what the user wrote, `sandbox_lost` where a sandbox
 *   that was there is gone, `out_of_memory` and `disk_full` where its limits ended it, `sandbox_failed` for the rest.
 * - A provider that asks to come later (429, Retry-After) is a `capacity` with `retryAfterSeconds`: the same step is tried
 *   again then, as often as it takes.
 * - An aborted signal stops the call, never what runs in the sandbox.
 */
export interface SandboxProvider {
  readonly specificationVersion: 'sandbox-v1';
  /** Short and stable; part of build workflow ids and stored with every snapshot. */
  readonly id: string;

  /** What it has for all sandboxes together: the engine's machine, or a quota. */
  capacity(signal: AbortSignal): Promise<ProviderCapacity>;

  /** What each image name in a Dockerfile's FROM stands for now (a digest or image id), fetched where need be. */
  resolveImages(images: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;

  /** Builds the snapshot, or finds it: at most one build of one name at a time in this process. */
  ensureSnapshot(request: SnapshotRequest): Promise<Snapshot>;
  /** The snapshot of that name if it can be used now. */
  findSnapshot(name: string, signal: AbortSignal): Promise<Snapshot | undefined>;
  /** Every snapshot of this installation, from the provider's own list. */
  listSnapshots(signal: AbortSignal): Promise<readonly SnapshotListing[]>;
  /** Frees what it takes. False where a sandbox uses it, which keeps it. Idempotent. */
  removeSnapshot(name: string, signal: AbortSignal): Promise<boolean>;
  /** Files of a snapshot as it was built; a path that it lacks is left out. For diffs. */
  readSnapshot(name: string, paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Buffer>>;

  /** Where processes in a sandbox of that egress reach the interceptor: `http(s)://<host>[:<port>]`, no path. Never changes. */
  interceptorUrl(egress: EgressMode): string;

  /** A running sandbox of that name, made if it is not there; its files put in before its first command can run. */
  create(request: SandboxRequest): Promise<Sandbox>;
  /** Undefined where no sandbox has that name. */
  find(name: string, signal: AbortSignal): Promise<Sandbox | undefined>;
  /**
   * Starts a command unless it was started before (the command's id decides), and follows it from `offset` to its end.
   * Survives a broken connection to the provider; the command itself survives the death of this process.
   */
  run(sandbox: string, request: RunRequest): Promise<CommandEnd>;
  /** Returns once no process but the box's own is left; processes that ignore signals, fork bombs and other users' included. */
  quiesce(sandbox: string, signal: AbortSignal): Promise<void>;
  /** From now on the sandbox reaches no more, and no less, than `mode` says. */
  setEgress(sandbox: string, mode: EgressMode, signal: AbortSignal): Promise<void>;
  /** Unpacks a tar below `path`. */
  put(sandbox: string, path: string, tar: Readable, signal: AbortSignal): Promise<void>;
  /** `path` as a tar whose first entry is its last component; undefined where it does not exist. */
  get(sandbox: string, path: string, signal: AbortSignal): Promise<Readable | undefined>;
  /** Freezes and thaws every process of the box; nothing is lost. Idempotent. */
  pause(sandbox: string): Promise<void>;
  resume(sandbox: string): Promise<void>;
  /** Gone when it returns, with everything it held. Idempotent. */
  destroy(sandbox: string): Promise<void>;
  /** Every sandbox of this installation, from the provider's own list. */
  list(signal: AbortSignal): Promise<readonly SandboxListing[]>;

  /**
   * What of this installation lies at the provider and nothing uses, apart from sandboxes and snapshots; from the provider's
   * own list. Toolboxes that are `needed` are none.
   */
  listLeftovers(needed: readonly Pick<Toolbox, 'name' | 'hash'>[], signal: AbortSignal): Promise<readonly Leftover[]>;
  /**
   * Has the builder's cache take no more than `bytes`, least recently used first, or only tells. Returns what that frees;
   * undefined where the provider has none.
   */
  trimBuildCache(
    bytes: number,
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly count: number; readonly bytes: number } | undefined>;
  /** False where something uses it by now, which keeps it. Idempotent. */
  removeLeftover(leftover: Leftover, signal: AbortSignal): Promise<boolean>;
}

/** `helper`: what a look into an image or the filling of a toolbox takes; `image`: what a snapshot was before it was built anew. */
export type LeftoverKind = 'helper' | 'toolbox' | 'image' | 'network';

export interface Leftover {
  readonly kind: LeftoverKind;
  readonly name: string;
  readonly createdAt: Date;
  /** Of disk that its removal frees, where that is known; else 0. */
  readonly bytes: number;
}

export interface SnapshotRequest {
  /** Content-addressed: the same name never stands for two contents. */
  readonly name: string;
  readonly dockerfile: string;
  /** The build context as a plain tar, filtered and safe; may be called again after a failure. */
  readonly context: () => Promise<Readable>;
  /** Build anew, without the builder's cache, also if the snapshot exists. */
  readonly force: boolean;
  /** The builder's output as it comes. */
  readonly onLog: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface Snapshot {
  readonly name: string;
  /** The provider's own id of it: an image id, a snapshot id. */
  readonly providerRef: string;
  readonly sizeBytes: number | null;
  readonly facts: SnapshotFacts;
}

export interface SnapshotListing {
  readonly name: string;
  readonly createdAt: Date;
  /** Bytes of its parts that no other image needs, by ids that are the same where snapshots share a part. */
  readonly layers: ReadonlyMap<string, number>;
}

/** What Harbor needs to know of an image before it can run an agent in it; found once, by looking, when it is built. */
export interface SnapshotFacts {
  readonly architecture: 'x64' | 'arm64';
  /** By the dynamic loaders that the image has: codex needs neither. */
  readonly libc: 'glibc' | 'musl' | 'none';
  readonly hasShell: boolean;
  readonly hasBash: boolean;
  /** libstdc++.so.6 and libgcc_s.so.1 are where the dynamic loader finds them. Absent: not looked up when it was built. */
  readonly hasCxxLibraries?: boolean;
  /** It is for another architecture than the engine's own machine has. Absent: not looked up when it was built. */
  readonly isForeign?: boolean;
  /** `run_rollout` is on the PATH of the image. */
  readonly hasRunRollout: boolean;
  /** Absolute; `/` where the image names none. */
  readonly workdir: string;
  /** As the image's USER says; empty means root. */
  readonly user: string;
}

/** Of an image of which nothing is unusual; most have glibc. */
export const usualFacts: SnapshotFacts = {
  architecture: 'x64',
  libc: 'glibc',
  hasShell: true,
  hasBash: true,
  hasCxxLibraries: true,
  isForeign: false,
  hasRunRollout: false,
  workdir: '/',
  user: '',
};

export interface SandboxRequest {
  readonly name: string;
  readonly snapshot: string;
  /** Which rollout and attempt it serves; shown by the provider's own tools. */
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly cpuCores: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  readonly egress: EgressMode;
  /** Agents' binaries that appear, read-only, at `/opt/harbor/agents/<name>`. */
  readonly toolboxes: readonly Toolbox[];
  /** Put in before the first command. */
  readonly files: readonly SandboxFile[];
  readonly signal: AbortSignal;
}

/** One agent's native binaries, as a folder of this machine. */
export interface Toolbox {
  readonly name: string;
  /** Names its content: equal hashes are the same folder. */
  readonly hash: string;
  readonly directory: string;
}

export interface SandboxFile {
  /** Absolute; parents are made. One that ends in `/` is a directory, and its content empty. */
  readonly path: string;
  readonly content: string | Buffer;
  /** Default 0o644, of a directory 0o755. */
  readonly mode?: number;
  /** Default: root. */
  readonly uid?: number;
}

export interface Sandbox {
  readonly name: string;
  readonly providerRef: string;
  readonly state: 'running' | 'paused' | 'stopped';
  /** What was really granted: a machine with fewer cores than asked for gives those it has. */
  readonly cpuCores: number;
  readonly memoryMb: number;
  /** Where processes in this sandbox reach the interceptor: `http(s)://<host>[:<port>]`, no path. */
  readonly interceptorUrl: string;
}

export interface RunRequest {
  /**
   * Names the command in the sandbox. Hard to guess where the sandbox's inhabitants must not prepare its outcome: a
   * command whose traces exist counts as started.
   */
  readonly id: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Default: the image's WORKDIR. */
  readonly cwd?: string;
  /** Default: the image's USER. */
  readonly user?: string;
  /** A file in the sandbox; default `/dev/null`. */
  readonly stdin?: string;
  /** Bytes of the output (stdout and stderr as one) that are known already. */
  readonly offset: number;
  /** The output from `offset` on. The next piece comes when the promise is settled. */
  readonly onOutput: (chunk: Buffer) => void | Promise<void>;
  readonly signal: AbortSignal;
}

/** `exited`: an exit code was written. `cut-off`: neither an exit code nor the process is left. */
export type CommandEnd = CommandExit | CommandCutOff;

export interface CommandCutOff {
  readonly kind: 'cut-off';
  /** The sandbox was started anew since, as `quiesce` does it. Absent: it was not, or that cannot be seen there. */
  readonly startedAnew?: true;
}

export interface CommandExit {
  readonly kind: 'exited';
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  /** Bytes of output in all. */
  readonly outputBytes: number;
  /** Processes that the kernel has killed in this sandbox for want of memory; null where it cannot be told. */
  readonly oomKills: number | null;
  /** Of the whole sandbox since its start; null where it cannot be told. */
  readonly peakMemoryBytes: number | null;
  readonly cpuSeconds: number | null;
}

export interface SandboxListing {
  readonly name: string;
  readonly createdAt: Date;
  readonly labels: Readonly<Record<string, string>>;
}
