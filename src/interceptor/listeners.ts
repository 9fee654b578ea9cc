import { once } from 'node:events';
import { type RequestListener, type Server, type ServerResponse, createServer } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { hasCode } from '../embedded/files.ts';
import { HarborError } from '../model/errors.ts';

export interface ListenersOptions {
  readonly hosts: readonly string[];
  /** 0: any free one. */
  readonly port: number;
  readonly listener: RequestListener;
  /** Whether other processes may listen on the same port; the system then deals connections out. Default: no. */
  readonly sharesPort?: boolean;
  readonly onError: (error: HarborError) => void;
}

/** Milliseconds between looks for an address that the machine does not have yet, such as a network's gateway. */
const addressRetryMs = 1000;
/** Milliseconds that an idle connection is kept: longer than clients keep theirs, so that it is they who close it. */
const idleMs = 120_000;
/** Milliseconds that a connection which no request has come over gets while no new ones are taken. */
const silentMs = 2_000;
/** Bytes of a request's headers. Agents describe themselves there at length. */
const maxHeaderSize = 64 * 1024;

/** Servers that answer alike on several addresses, all on one port. */
export class Listeners {
  private readonly options: ListenersOptions;
  private readonly servers = new Map<string, Server>();
  private timer: NodeJS.Timeout | undefined;
  private draining: NodeJS.Timeout | undefined;
  private readonly idle = new Set<Socket>();
  private closed = false;
  private drained = false;
  private chosenPort: number;

  private constructor(options: ListenersOptions) {
    this.options = options;
    this.chosenPort = options.port;
  }

  /** Listens where it can now, and on the rest as soon as this machine has the address. Throws where a port is taken. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const listeners = new Listeners(options);
    try {
      await listeners.listenWherePossible();
    } catch (error) {
      await listeners.close();
      throw error;
    }
    return listeners;
  }

  get port(): number {
    return this.chosenPort;
  }

  /** Whether it takes nothing new, and what was open has ended. */
  get isDrained(): boolean {
    return this.drained;
  }

  /** Where it listens now. */
  get hosts(): string[] {
    return [...this.servers.keys()];
  }

  /**
   * Takes no new connections, closes each that there is once its answer is through, and leaves the rest to their end.
   * Idempotent.
   */
  drain(): void {
    if (this.draining) return;
    this.closed = true;
    clearTimeout(this.timer);
    // Not as HTTP's servers close: they cut what has connected and has not come to send its request.
    const closing = Array.from(
      this.servers.values(),
      (server) => new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve())),
    );
    void Promise.all(closing).then(() => (this.drained = true));
    for (const socket of this.idle) socket.end();
    this.draining = setInterval(() => {
      for (const server of this.servers.values()) server.closeIdleConnections();
    }, silentMs);
    this.draining.unref();
  }

  /** Takes no new connections and cuts those that there are. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.draining);
    await Promise.all(
      Array.from(this.servers.values(), async (server) => {
        // Told of it also where a drain has closed it before.
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        await closed;
      }),
    );
  }

  private async listenWherePossible(): Promise<void> {
    for (const host of this.options.hosts) if (!this.servers.has(host)) await this.listen(host);
    if (this.servers.size < this.options.hosts.length && !this.closed) this.tryAgainLater();
  }

  private tryAgainLater(): void {
    this.timer = setTimeout(() => {
      this.listenWherePossible().catch((error: unknown) => {
        this.options.onError(toHarborError(error, this.chosenPort));
        this.tryAgainLater();
      });
    }, addressRetryMs);
  }

  private async listen(host: string): Promise<void> {
    const server = createServer({ maxHeaderSize, keepAliveTimeout: idleMs }, (request, response) => {
      this.track(request.socket, response);
      this.options.listener(request, response);
    });
    try {
      server.listen({ host, port: this.chosenPort, reusePort: this.options.sharesPort ?? false });
      await once(server, 'listening');
    } catch (error) {
      if (hasCode(error, 'EADDRNOTAVAIL')) return;
      throw toHarborError(error, this.chosenPort, host);
    }
    server.on('error', (error) => this.options.onError(toHarborError(error, this.chosenPort, host)));
    server.on('connection', (socket: Socket) => socket.once('close', () => this.idle.delete(socket)));
    this.servers.set(host, server);
    const address = server.address();
    if (address !== null && typeof address === 'object') this.chosenPort = address.port;
    if (this.closed) server.close();
  }

  /** Knows which connections wait for their next request: those a drain may close without harm. */
  private track(socket: Socket, response: ServerResponse): void {
    this.idle.delete(socket);
    if (this.draining) response.shouldKeepAlive = false;
    response.once('close', () => {
      if (this.draining) socket.end();
      else if (!socket.destroyed) this.idle.add(socket);
    });
  }
}

function toHarborError(cause: unknown, port: number, host?: string): HarborError {
  if (HarborError.isInstance(cause)) return cause;
  return new HarborError('internal', `the interceptor cannot listen on ${host ?? 'an address'} port ${port}`, {
    cause,
    remedy: 'End the process that uses the port, or choose another port.',
  });
}
