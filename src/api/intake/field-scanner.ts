import { z } from 'zod';
import { HarborError, invalid } from '../../model/errors.ts';
import { tryParseJson } from '../../model/json.ts';
import { sizeText } from './refusal.ts';

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Takes the string value of one top-level field out of a JSON object that comes in pieces, cut anywhere. What is left,
 * with `null` in the value's place, is valid JSON exactly if the whole was, since a null stands wherever a string does.
 * So only strings and nesting have to be understood here, and whoever parses the rest judges the grammar.
 */
export class FieldScanner {
  readonly #field: string;
  readonly #maxRestBytes: number;
  readonly #rest: Buffer[] = [];
  #restBytes = 0;
  #depth = 0;
  /** What the string that comes next is, if it comes at depth 1. */
  #next: 'key' | 'value of the field' | 'another value' = 'another value';
  #inside: 'nothing' | 'key' | 'string' | 'value' = 'nothing';
  /** The key that was begun last, as it is written. */
  #key = '';
  #isFieldKey = false;
  #wasKeySeen = false;
  /** An escape sequence that has begun; in a string that is only copied, its backslash alone. */
  #escape = '';
  #hasValue = false;

  /** `maxRestBytes` bounds what is left without the value. */
  constructor(field: string, maxRestBytes: number) {
    this.#field = field;
    this.#maxRestBytes = maxRestBytes;
  }

  /** A string value of the field has begun. */
  get hasValue(): boolean {
    return this.#hasValue;
  }

  /** The characters of the value that this piece brings. Throws `invalid_request`. */
  push(chunk: Buffer): string {
    let value = '';
    let at = 0;
    while (at < chunk.length) {
      const from = at;
      if (this.#inside === 'value') {
        at = this.#escape === '' ? endOfPlain(chunk, at) : at;
        value += chunk.toString('latin1', from, at);
        if (at < chunk.length) value += this.#takeSpecial(chunk.readUInt8(at++));
      } else if (this.#inside === 'nothing') {
        at = this.#scanStructure(chunk, at);
        this.#keep(chunk.subarray(from, at));
        if (at < chunk.length) this.#openString();
        at += 1;
      } else {
        at = this.#scanString(chunk, at);
        this.#keep(chunk.subarray(from, at));
      }
    }
    return value;
  }

  /** What is left. Throws `invalid_request` where it is cut off or not UTF-8. */
  end(): string {
    if (this.#depth > 0 || this.#inside !== 'nothing') throw invalid('body', 'ends before its JSON is complete');
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(this.#rest));
    } catch (error) {
      throw new HarborError('invalid_request', 'body: is not valid UTF-8', { field: 'body', cause: error });
    }
  }

  /** Goes on to the quote that opens the next string, or to the end. */
  #scanStructure(chunk: Buffer, start: number): number {
    let at = start;
    for (; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte === quote) break;
      if (byte === openBrace || byte === openBracket) {
        this.#depth += 1;
        if (this.#depth === 1) this.#next = byte === openBrace ? 'key' : 'another value';
      } else if (byte === closeBrace || byte === closeBracket) {
        this.#depth -= 1;
      } else if (this.#depth === 1 && byte === colon) {
        this.#next = this.#isFieldKey ? 'value of the field' : 'another value';
      } else if (this.#depth === 1 && byte === comma) {
        this.#next = 'key';
      }
    }
    return at;
  }

  #openString(): void {
    const next = this.#depth === 1 ? this.#next : 'another value';
    if (next === 'value of the field') {
      this.#inside = 'value';
      this.#hasValue = true;
      this.#keep(Buffer.from('null'));
      return;
    }
    this.#inside = next === 'key' ? 'key' : 'string';
    this.#key = '';
    this.#keep(Buffer.from('"'));
  }

  /** Goes on behind the quote that closes this string, or to the end. */
  #scanString(chunk: Buffer, start: number): number {
    let at = start;
    let isOpen = true;
    while (isOpen && at < chunk.length) {
      const byte = chunk[at++];
      if (this.#escape !== '') this.#escape = '';
      else if (byte === backslash) this.#escape = '\\';
      else if (byte === quote) isOpen = false;
    }
    if (this.#inside === 'key') this.#key += chunk.toString('latin1', start, at);
    if (!isOpen) this.#closeString();
    return at;
  }

  #closeString(): void {
    if (this.#inside === 'key') {
      this.#isFieldKey = tryParseJson(`"${this.#key}`, z.string()) === this.#field;
      if (this.#isFieldKey && this.#wasKeySeen) throw invalid(this.#field, 'is there twice');
      this.#wasKeySeen ||= this.#isFieldKey;
    }
    this.#inside = 'nothing';
  }

  /** A byte of the value that does not stand for itself; what it gives, or completes. */
  #takeSpecial(byte: number): string {
    if (this.#escape === '') {
      if (byte === quote) this.#inside = 'nothing';
      else if (byte === backslash) this.#escape = '\\';
      else throw invalid('body', 'is not valid JSON', `A string must not hold the control character ${byte}.`);
      return '';
    }
    this.#escape += String.fromCharCode(byte);
    if (this.#escape.length < (this.#escape[1] === 'u' ? 6 : 2)) return '';
    const character = tryParseJson(`"${this.#escape}"`, z.string());
    if (character === undefined) throw invalid('body', 'is not valid JSON');
    this.#escape = '';
    return character;
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > this.#maxRestBytes) {
      throw invalid('body', `is larger than ${sizeText(this.#maxRestBytes)} without its ${this.#field}`);
    }
    // A copy: a few bytes must not hold on to the whole piece that they came in.
    this.#rest.push(Buffer.from(bytes));
  }
}

/** Index of the next byte that is a quote, a backslash or a control character, or the end. */
function endOfPlain(chunk: Buffer, start: number): number {
  let at = start;
  while (at < chunk.length) {
    const byte = chunk[at] ?? 0;
    if (byte === quote || byte === backslash || byte < 0x20) break;
    at += 1;
  }
  return at;
}
