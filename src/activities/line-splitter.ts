/** A line that nobody would want to read any more; the rest of it is passed over. */
const longestLine = 4 * 2 ** 20;
const lineEnd = 0x0a;

export interface Line {
  readonly line: string;
  /** Bytes of the stream up to behind its end. */
  readonly end: number;
}

/** Cuts a stream of bytes into lines, with their places. */
export class LineSplitter {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #position = 0;
  #lineStart = 0;

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<Line> {
    let rest = chunk;
    for (let at = rest.indexOf(lineEnd); at >= 0; at = rest.indexOf(lineEnd)) {
      this.#keep(rest.subarray(0, at));
      this.#position += 1;
      rest = rest.subarray(at + 1);
      yield this.#take();
    }
    this.#keep(rest);
  }

  /** Passes over a chunk; the place behind its last line end, or behind that of an earlier one. */
  skip(chunk: Buffer): number {
    this.#position += chunk.length;
    const last = chunk.lastIndexOf(lineEnd);
    if (last >= 0) this.#lineStart = this.#position - chunk.length + last + 1;
    return this.#lineStart;
  }

  /** What stands behind the last line end. */
  rest(): Line | undefined {
    return this.#bytes > 0 ? this.#take() : undefined;
  }

  #keep(piece: Buffer): void {
    this.#position += piece.length;
    const kept = piece.subarray(0, longestLine - this.#bytes);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#pieces.push(kept);
  }

  #take(): Line {
    const line = Buffer.concat(this.#pieces).toString('utf8').replace(/\r$/, '');
    this.#pieces = [];
    this.#bytes = 0;
    this.#lineStart = this.#position;
    return { line, end: this.#position };
  }
}
