import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEngine } from '../../src/embedded/engine.ts';

/** What is lost of the request at which the way is cut: itself, or only the answer to what the engine has done. */
export type Loss = 'request' | 'answer';

/** A way to this machine's engine that can be cut: for tests of engines that go away, since the engine itself is everybody's. */
export class EngineProxy implements AsyncDisposable {
  readonly #folder: string;
  readonly #reach: () => Socket;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #trap: { readonly request: RegExp; readonly loss: Loss; readonly spring: () => void } | undefined;

  private constructor(folder: string, reach: () => Socket) {
    this.#folder = folder;
    this.#reach = reach;
  }

  static async start(): Promise<EngineProxy> {
    const { engine } = await findEngine(process.env, AbortSignal.timeout(30_000));
    if (!engine) throw new Error('there is no engine on this machine');
    const { address } = engine;
    const folder = await mkdtemp(join(tmpdir(), 'harbor-engine-'));
    const proxy = new EngineProxy(folder, () =>
      'socketPath' in address
        ? connect({ path: address.socketPath, allowHalfOpen: true })
        : connect({ ...address, allowHalfOpen: true }),
    );
    await proxy.mend();
    return proxy;
  }

  get socketPath(): string {
    return join(this.#folder, 'engine.sock');
  }

  /** Cuts the way at the first request whose first bytes match, and resolves then. */
  async cutAt(request: RegExp, loss: Loss): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#trap = { request, loss, spring: () => void this.cut().then(resolve, reject) };
    });
  }

  /** Breaks every connection; nobody listens any more. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server && once(server, 'close');
    server?.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async mend(): Promise<void> {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#carry(socket));
    this.#server.listen(this.socketPath);
    await once(this.#server, 'listening');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
    await rm(this.#folder, { recursive: true });
  }

  #carry(near: Socket): void {
    const far = this.#reach();
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    near.on('data', (chunk) => this.#look(chunk, far));
    near.pipe(far);
    far.pipe(near);
  }

  #look(chunk: Buffer, far: Socket): void {
    const trap = this.#trap;
    if (!trap?.request.test(chunk.toString('latin1'))) return;
    this.#trap = undefined;
    if (trap.loss === 'request') trap.spring();
    else far.prependOnceListener('data', trap.spring);
  }
}
