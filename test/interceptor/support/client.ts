import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { z } from 'zod';
import { type Json, parseJson } from '../../../src/model/json.ts';

export interface Asked {
  readonly url: string;
  readonly token?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in these pieces. */
  readonly body?: readonly (Buffer | string)[];
  /** Hangs up. */
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the answer ended as HTTP says that it must. */
  readonly isWhole: boolean;
}

/** An agent's side of a call, as bytes. */
export async function ask(asked: Asked): Promise<Answered> {
  const { answer } = await begin(asked);
  return collect(answer);
}

/** As far as the answer's head. */
export async function begin(asked: Asked): Promise<{ readonly sent: ClientRequest; readonly answer: IncomingMessage }> {
  const { url, token, method = 'POST', headers, body = [], signal } = asked;
  const sent = request(url, {
    method,
    agent: false,
    ...(signal && { signal }),
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
  });
  for (const piece of body) sent.write(piece);
  sent.end();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve);
    // Once there is an answer, what goes wrong shows in it.
    sent.on('error', reject);
  });
  return { sent, answer };
}

export async function collect(answer: IncomingMessage): Promise<Answered> {
  const pieces: Buffer[] = [];
  answer.on('data', (piece: Buffer) => pieces.push(piece));
  answer.on('error', () => undefined);
  await new Promise((resolve) => answer.on('close', resolve));
  const { statusCode: status = 0, headers, complete: isWhole } = answer;
  return { status, headers, body: Buffer.concat(pieces), isWhole };
}

export function jsonOf({ body }: Answered): Json {
  return parseJson(body.toString('utf8'), z.json());
}
