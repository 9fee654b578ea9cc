import { Agent, request } from 'node:http';
import { requestId } from './answers.ts';

export interface Target {
  /** As far as `/v1`. */
  readonly baseUrl: string;
  readonly token: string;
}

/** Milliseconds. */
export interface Timing {
  readonly firstByte: number;
  readonly total: number;
}

/** Makes calls over connections that it keeps, as agents do, and holds every answer against what it must be. */
export class Asker {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 4096 });
  private readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  /** Rejects where a byte is missing or another. */
  ask(body: Buffer, expected: (id: string) => Buffer): Promise<Timing> {
    const { baseUrl, token } = this.target;
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const sent = request(`${baseUrl}/chat/completions`, {
        method: 'POST',
        agent: this.agent,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
        },
      });
      sent.on('error', reject);
      sent.on('response', (answer) => {
        const pieces: Buffer[] = [];
        let firstByte = 0;
        answer.on('data', (piece: Buffer) => {
          if (pieces.push(piece) === 1) firstByte = performance.now() - started;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const total = performance.now() - started;
          const got = Buffer.concat(pieces);
          if (answer.statusCode === 200 && got.equals(expected(requestId(body)))) resolve({ firstByte, total });
          else reject(new Error(`status ${answer.statusCode}, ${got.length} bytes that are not the answer`));
        });
      });
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
