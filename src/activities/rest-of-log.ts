/** What of an output has no room at its start any more; only the last bytes of it are held. */
export class RestOfLog {
  readonly #room: number;
  #pieces: Buffer[] = [];
  #held = 0;
  #length = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** Bytes in all, held or not. */
  get length(): number {
    return this.#length;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    this.#length += piece.length;
    // Whole pieces go as soon as those behind them fill the room.
    for (let [first] = this.#pieces; first && this.#held - first.length >= this.#room; [first] = this.#pieces) {
      this.#pieces.shift();
      this.#held -= first.length;
    }
  }

  /** What stands at the end of the log: how much was left out, and the last bytes. Empty where nothing was added. */
  end(): Buffer {
    const last = Buffer.concat(this.#pieces).subarray(-this.#room);
    const leftOut = this.#length - last.length;
    return leftOut > 0 ? Buffer.concat([Buffer.from(`\n--- ${leftOut} bytes are left out here ---\n`), last]) : last;
  }
}
