/** Bytes of what came before that are looked at again: longer than any mark of a stream's end. */
const overlap = 64;

/** Looks for the mark of an event stream's end while the stream goes by. */
export class StreamWatch {
  readonly #end: RegExp;
  #last = '';
  #ended = false;

  constructor(end: RegExp) {
    this.#end = end;
  }

  /** Whether the end went by. */
  get ended(): boolean {
    return this.#ended;
  }

  see(piece: Buffer): void {
    if (this.#ended) return;
    const text = this.#last + piece.toString('latin1');
    this.#ended = this.#end.test(text);
    this.#last = text.slice(-overlap);
  }
}
