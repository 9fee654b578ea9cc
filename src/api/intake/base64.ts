/**
 * Decodes base64 (RFC 4648, standard alphabet, padded) that comes in pieces of any length. Line breaks between the
 * characters are let through, since `base64` and its kin wrap lines by default.
 */
export class Base64Decoder {
  /** Characters of a quantum of four that is not complete. */
  #rest = '';
  #isPadded = false;

  /** The bytes of all quanta that are complete now; undefined where the text is not base64. */
  decode(piece: string): Buffer | undefined {
    const text = this.#rest + piece.replaceAll(/[\r\n]/g, '');
    const whole = text.length - (text.length % 4);
    const quanta = text.slice(0, whole);
    this.#rest = text.slice(whole);
    if (quanta === '') return Buffer.alloc(0);
    if (this.#isPadded || !/^[A-Za-z0-9+/]*={0,2}$/.test(quanta)) return undefined;
    this.#isPadded = quanta.endsWith('=');
    return Buffer.from(quanta, 'base64');
  }

  /** Whether the text may end here. */
  get isComplete(): boolean {
    return this.#rest === '';
  }
}
