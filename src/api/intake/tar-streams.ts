/** What the writable side of tar-stream's streams has; they are streamx's, which Node's types do not cover. */
interface TarWritable {
  readonly destroying: boolean;
  write(data: Uint8Array): boolean;
  end(data: null): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Writes all chunks, no faster than they are taken, and ends the stream. */
export async function feed(stream: TarWritable, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let wake = () => {};
  stream.on('drain', () => wake());
  stream.on('close', () => wake());
  for await (const chunk of chunks) {
    if (stream.destroying) throw new Error('the stream was closed while it was written to');
    if (!stream.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
  }
  stream.end(null);
}
