import type { AgentEvent } from '../model/agent-event.ts';
import type { Failure } from '../model/failures.ts';
import type { JsonObject } from '../model/json.ts';
import type { ModelRef } from '../model/model-ref.ts';
import type { SandboxFile, SnapshotFacts, Toolbox } from '../sandboxes/provider.ts';

/**
 * The agent spec: everything Harbor has to know of what works in a sandbox: a coding agent that Harbor brings (see
 * {@link CodingAgent}), or the image's own command.
 */
export interface Agent {
  readonly specificationVersion: 'agent-v1';
  /** What requests call it: `codex`. */
  readonly name: string;
  /** Whether it can work with such a model. */
  readonly runsModel: (model: ModelRef) => boolean;
  /** Why it cannot run in such an image, in one sentence; undefined where it can. */
  readonly unsupportedIn: (facts: SnapshotFacts) => string | undefined;
  /** Its native binaries for such an image; absent where the image brings the agent itself. */
  readonly toolbox?: (facts: SnapshotFacts) => ToolboxSource;
  /** What to write into the sandbox and what to start there. */
  readonly prepare: (run: AgentRun) => AgentCommand;
  /** Reads its output as it comes; absent: it is text for people, and no more. */
  readonly output?: () => OutputReader;
  /** What the agent itself said of its end, read from the last bytes of its output; undefined where it says nothing. */
  readonly explainFailure: (outputTail: string, exitCode: number) => Failure | undefined;
}

/** An agent that Harbor brings. An adapter is one file that exports one of these, and one line in registry.ts. */
export interface CodingAgent extends Agent {
  /** The model that it gets where nobody names one, as in the demo. */
  readonly defaultModel: string;
  /** Whether a request that names only this model means this agent. */
  readonly ownsModel: (model: ModelRef) => boolean;
  readonly toolbox: (facts: SnapshotFacts) => ToolboxSource;
  readonly output: () => OutputReader;
  /**
   * Files of instructions that it reads in the working directory by itself, in groups: it reads all files of the first group of
   * which one is there, and none of the others.
   */
  readonly instructions: readonly (readonly string[])[];
  /** Folders in the working directory whose `<name>/SKILL.md` it finds. */
  readonly skills: readonly string[];
  /** What it reads as well, relative to its own folder: a file of instructions, and a folder of skills. */
  readonly own: { readonly instructions: string; readonly skills: string };
  /** What keeps its sessions, relative to its own folder. */
  readonly sessionFiles: readonly string[];
  /** Takes up a session that was cut off, in the sandbox where it lies; the rest is as in {@link prepare}. */
  readonly resume: (run: AgentRun, sessionId: string) => AgentCommand;
}

/**
 * One line of an agent's output as what it tells: nothing where it is of no interest, undefined where it is not the agent's
 * own format. May remember the lines before it.
 */
export type OutputReader = (line: string) => readonly AgentEvent[] | undefined;

/** Where an agent's binaries come from: platform packages of npm, pinned by version and integrity. */
export interface ToolboxSource {
  readonly name: string;
  readonly version: string;
  readonly packages: readonly ToolboxPackage[];
}

export interface ToolboxPackage {
  /** npm's name and version of it. */
  readonly spec: string;
  /** npm's `dist.integrity` (sha512, base64). */
  readonly integrity: string;
  /** Folder inside the package that is taken, e.g. `vendor/x86_64-unknown-linux-musl`. */
  readonly root: string;
  /** Parts of it that no rollout needs. */
  readonly skip: readonly string[];
  /** A file that must be there and executable afterwards. */
  readonly executable: string;
}

/** Makes a source's folder on this machine. */
export type EnsureToolbox = (source: ToolboxSource, signal: AbortSignal) => Promise<Toolbox>;

export interface AgentRun {
  readonly rolloutId: string;
  readonly attempt: number;
  readonly traceCorrelationId: string;
  readonly seed: number | null;
  /** What the agent shall do. null only for an image's own entrypoint, which may know by itself. */
  readonly instruction: string | null;
  /** null only for an image's own entrypoint. */
  readonly model: ModelRef | null;
  /** `policy.config`, less what Harbor itself reads of it. Coding agents read it with settings.ts. */
  readonly settings: JsonObject;
  /** `http://<host>:<port>`, no path. */
  readonly interceptorUrl: string;
  /** The attempt's own token: the only key that the agent gets. */
  readonly token: string;
  readonly timeoutSeconds: number;
  readonly entrypoint: { readonly command: string; readonly mode: 'file' | 'stdio' | 'command' };
  /** The rollout request as it came, for an own entrypoint. */
  readonly request: JsonObject;
  /** A folder of the agent's own in the sandbox, outside the working directory. */
  readonly home: string;
}

export interface AgentCommand {
  readonly files: readonly SandboxFile[];
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A file in the sandbox that becomes stdin; default `/dev/null`. */
  readonly stdin?: string;
}
