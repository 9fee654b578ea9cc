import { setGlobalProxyFromEnv } from 'node:http';
import { arch } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HarborError } from '../model/errors.ts';
import { findProgram, runCommand } from './run-command.ts';
import { unpackTarGz } from './unpack.ts';

export interface TemporalSourceRequest {
  /** Of the CLI: `1.5.1`. */
  readonly release: string;
  /** An empty folder to work in. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: (detail: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds until an answer must have begun; a machine without a way out must not wait long. */
const answerMs = 8_000;

/** Fetches the official build, through the proxy of the environment if there is one. Resolves with the binary's path. */
export async function downloadTemporalCli(request: TemporalSourceRequest): Promise<string> {
  const { release, folder, env, report, signal } = request;
  const platform = arch() === 'arm64' ? 'arm64' : 'amd64';
  const url = `https://temporal.download/cli/archive/v${release}?platform=linux&arch=${platform}`;
  report(`downloading ${url}`);
  const restoreProxy = setGlobalProxyFromEnv(env);
  try {
    const archive = await fetchStream(url, signal);
    const [binary] = await unpackTarGz(archive, folder, (name) => (name === 'temporal' ? name : undefined), signal);
    if (!binary) throw new HarborError('internal', `${url} holds no file named temporal`);
    return join(folder, binary.path);
  } finally {
    restoreProxy();
  }
}

/** Compiles it from its module, with the flags of the official build. Resolves with the binary's path. */
export async function buildTemporalCli(request: TemporalSourceRequest): Promise<string> {
  const { release, folder, env, report, signal } = request;
  const go = findProgram('go', env);
  if (!go) throw new HarborError('internal', 'there is no `go` on PATH to build the Temporal binary with');
  report('building it with Go, which takes some minutes');
  const flags = `-s -w -X github.com/temporalio/cli/temporalcli.Version=${release}`;
  const module = `github.com/temporalio/cli/cmd/temporal@v${release}`;
  await runCommand(go, ['install', '-v', '-ldflags', flags, module], {
    // Like the official build, and without need of a C compiler.
    env: { ...env, GOBIN: folder, CGO_ENABLED: '0' },
    cwd: folder,
    signal,
    onLine: (line) => report(`go: ${line.replace(/^go: /, '')}`),
  });
  return join(folder, 'temporal');
}

async function fetchStream(url: string, signal: AbortSignal): Promise<Readable> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), answerMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, patience.signal]) });
    if (!response.ok || !response.body) throw new Error(`it answers ${response.status}`);
    return Readable.fromWeb(response.body);
  } catch (error) {
    throw new HarborError('internal', `cannot download ${url}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
