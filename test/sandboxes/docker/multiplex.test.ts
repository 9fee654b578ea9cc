import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readStdout } from '../../../src/sandboxes/docker/multiplex.ts';

const frame = (stream: number, content: Uint8Array): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
};

const pieces = fc.array(fc.record({ stderr: fc.boolean(), content: fc.uint8Array({ maxLength: 40 }) }));

test('an attached stream comes apart into stdout and stderr, however it was cut', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 20 }), async (parts, cut) => {
      const wire = Buffer.concat(parts.map(({ stderr, content }) => frame(stderr ? 2 : 1, content)));
      const connection = new PassThrough();
      for (let at = 0; at < wire.length; at += cut) connection.write(wire.subarray(at, at + cut));
      connection.end();
      const [out, errors]: [Buffer[], Buffer[]] = [[], []];
      for await (const piece of readStdout(connection, (text) => errors.push(text))) out.push(piece);
      const expected = (stderr: boolean) =>
        Buffer.concat(parts.filter((part) => part.stderr === stderr).map(({ content }) => content));
      expect(Buffer.concat(out)).toEqual(expected(false));
      expect(Buffer.concat(errors)).toEqual(expected(true));
    }),
  );
});

test('an attached stream that breaks ends with what had come', async () => {
  const connection = new PassThrough();
  connection.write(frame(1, Buffer.from('whole')));
  connection.write(frame(1, Buffer.from('cut short')).subarray(0, 11));
  const out: string[] = [];
  for await (const piece of readStdout(connection, () => {})) {
    out.push(piece.toString());
    if (out.length === 2) connection.destroy(new Error('reset'));
  }
  expect(out).toEqual(['whole', 'cut']);
});

test('an attached stream is closed when nobody reads on', async () => {
  const connection = new PassThrough();
  connection.write(frame(1, Buffer.from('first')));
  connection.write(frame(1, Buffer.from('second')));
  for await (const piece of readStdout(connection, () => {})) if (piece.length > 0) break;
  expect(connection.destroyed).toBe(true);
});
