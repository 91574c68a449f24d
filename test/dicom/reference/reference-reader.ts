/**
 * The contract's reading rules (docs/contract.md, "Header rules") a second time: one buffer, one recursive walk, nothing fast. It is written from the
 * contract's text and shares no code with the scanner, which is compared with it. Numbers of elements and of bytes are not limited here.
 */
import { inflateRawSync } from 'node:zlib';
import { LAST_WANTED, NEEDED, SHORT_VRS, VRS, WANTED } from './reference-tables.ts';

export interface ReferenceValue {
  /** At most 4096 bytes, Latin-1; undefined where the element is a sequence. */
  readonly bytes: string | undefined;
  /** Undefined where the dictionary decides. */
  readonly vr: string | undefined;
}

export type ReferenceOutcome =
  | { readonly error: string }
  | {
      readonly error: undefined;
      readonly transferSyntax: string;
      /** All top-level values of each wanted attribute, in the order of the file. */
      readonly values: ReadonlyMap<string, readonly ReferenceValue[]>;
    };

interface Encoding {
  readonly explicit: boolean;
  readonly big: boolean;
}

interface Header {
  readonly tag: number;
  /** Undefined where none is written that PS3.5 knows. */
  readonly vr: string | undefined;
  readonly valueAt: number;
  readonly length: number;
}

type Form = 'short' | 'long' | 'implicit' | 'implicit run';

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED = 0xffffffff;
const DEFLATED = ['1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.4.95', '1.2.840.10008.1.2.4.205'];

class Failure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Undefined where a deflated stream is broken or cut: what can be had of it depends on how it is read. */
export function readReference(file: Buffer): ReferenceOutcome | undefined {
  try {
    const meta = readMeta(file);
    if (!DEFLATED.includes(meta.transferSyntax)) {
      return finish(new DataSetWalk(file, meta.end, meta.transferSyntax), meta.transferSyntax);
    }
    const inflated = inflate(file.subarray(meta.end));
    return inflated && finish(new DataSetWalk(inflated, 0, ''), meta.transferSyntax);
  } catch (error) {
    if (error instanceof Failure) return { error: error.code };
    throw error;
  }
}

function finish(walk: DataSetWalk, transferSyntax: string): ReferenceOutcome {
  walk.walk();
  return { error: undefined, transferSyntax, values: walk.values };
}

/** The data set of a deflated file, or undefined where its stream is broken, cut or too long. */
export function inflate(stream: Buffer): Buffer | undefined {
  try {
    const zlib = stream.length > 4 && ((stream[0] ?? 0) & 15) === 8 && stream.readUInt16BE(0) % 31 === 0;
    return inflateRawSync(zlib ? stream.subarray(2) : stream, { maxOutputLength: 16 << 20 });
  } catch {
    return undefined;
  }
}

function readMeta(file: Buffer): { readonly end: number; readonly transferSyntax: string } {
  let at = file.toString('latin1', 128, 132) === 'DICM' ? 132 : 4;
  if (at === 4 && file.toString('latin1', 0, 4) !== 'DICM') throw new Failure('not_dicom');
  let transferSyntax = '';
  let groupEnd: number | undefined;
  let groupEnded = false;
  for (;;) {
    if (at === groupEnd && transferSyntax !== '') groupEnded = true;
    if (at + 8 > file.length) {
      if (transferSyntax === '' || at + 4 <= file.length) throw new Failure('truncated');
      break;
    }
    if (file.readUInt16LE(at) !== 2) break;
    const vr = file.toString('latin1', at + 4, at + 6);
    if (groupEnded && DEFLATED.includes(transferSyntax) && !VRS.has(vr)) break;
    const odd = /^[ -~]{2}$/.test(vr) && !(VRS.has(vr) && file.readUInt16LE(at + 6) === 0);
    if (odd && !SHORT_VRS.has(vr) && at + 12 > file.length) throw new Failure('truncated');
    const next = at + 8 + file.readUInt16LE(at + 6);
    const followed =
      next + 6 <= file.length && (next === groupEnd || VRS.has(file.toString('latin1', next + 4, next + 6)));
    const short = SHORT_VRS.has(vr) || (odd && followed);
    const long = !short && /^[ -~]{2}$/.test(vr);
    if (long && at + 12 > file.length) throw new Failure('truncated');
    const valueAt = at + (long ? 12 : 8);
    const length = short ? file.readUInt16LE(at + 6) : file.readUInt32LE(long ? at + 8 : at + 4);
    if (length === UNDEFINED) throw new Failure('bad_meta');
    if (valueAt + length > file.length) throw new Failure('truncated');
    const element = file.readUInt16LE(at + 2);
    if (element === 0x10 && transferSyntax === '') {
      const text = file.toString('latin1', valueAt, valueAt + Math.min(length, 4096)).replace(/^\0+/, '');
      transferSyntax = (text.split('\0')[0] ?? '').trim();
    }
    if (element === 0 && length === 4 && groupEnd === undefined) groupEnd = valueAt + 4 + file.readUInt32LE(valueAt);
    at = valueAt + length;
  }
  if (transferSyntax === '') throw new Failure('no_transfer_syntax');
  return { end: at, transferSyntax };
}

class DataSetWalk {
  readonly values = new Map<string, ReferenceValue[]>();
  readonly #file: Buffer;
  readonly #encoding: Encoding;
  #at: number;
  #depth = 0;

  constructor(file: Buffer, start: number, transferSyntax: string) {
    this.#file = file;
    this.#at = start;
    const big = transferSyntax === '1.2.840.10008.1.2.2';
    const implicitNamed = transferSyntax === '1.2.840.10008.1.2';
    this.#encoding = { big, explicit: big || file.length < start + 8 || this.#startsExplicit(start, implicitNamed) };
  }

  #startsExplicit(at: number, implicitNamed: boolean): boolean {
    const vr = this.#vrText(at);
    if (VRS.has(vr) || (/^[ -~]{2}$/.test(vr) && !implicitNamed)) return true;
    const length = this.#file.readUInt32LE(at + 4);
    const next = at + 8 + length;
    const unsetVr = vr === '\0\0' && !implicitNamed;
    if (length > 4096) return unsetVr;
    if (next + 8 > this.#file.length) return false;
    const ascends = this.#tag(next, false) > this.#tag(at, false);
    if (ascends && VRS.has(this.#vrText(next))) return true;
    const nextLength = this.#u32(next + 4, false);
    return unsetVr && !(ascends && (nextLength <= 4096 || nextLength === UNDEFINED));
  }

  walk(): void {
    let last = -1;
    let ascending = true;
    let behindSequence = false;
    for (;;) {
      const rest = this.#file.subarray(this.#at);
      if (rest.length < 8) {
        if (rest.length > 0 && !this.#mayEndWith(rest, last)) throw new Failure('truncated');
        return;
      }
      const tag = this.#tag(this.#at, this.#encoding.big);
      if (isDelimiter(tag) || tag === ITEM) {
        if (tag === ITEM || !behindSequence) throw new Failure('bad_sequence');
        behindSequence = false;
        this.#at += 8;
        continue;
      }
      if (tag >>> 16 === 0x7fe0) return;
      if (tag <= last) ascending = false;
      if (tag > LAST_WANTED && ascending && this.#nothingMissing()) return;
      if (rest.length < 12 && !this.#fitsShort(this.#at) && rest.every((byte) => byte === 0)) return;
      try {
        behindSequence = this.#topLevelElement();
      } catch (error) {
        if (error instanceof Failure && error.code === 'truncated' && tag > LAST_WANTED) return;
        throw error;
      }
      last = tag;
    }
  }

  #fitsShort(at: number): boolean {
    return !this.#encoding.explicit || SHORT_VRS.has(this.#vrText(at));
  }

  #mayEndWith(rest: Buffer, last: number): boolean {
    if (rest.every((byte) => byte === 0)) return true;
    const tag = this.#encoding.big
      ? Buffer.concat([rest, Buffer.alloc(4)]).readUInt32BE(0)
      : swapped(Buffer.concat([rest, Buffer.alloc(4)]));
    return tag > LAST_WANTED || (rest.length < 4 && tag >>> 16 < Math.max(last, 0) >>> 16);
  }

  #nothingMissing(): boolean {
    if (NEEDED.some((keyword) => this.#lastValue(keyword) === undefined)) return false;
    if (this.#lastValue('SpecificCharacterSet') !== undefined) return true;
    return [...WANTED].every(([, { keyword, vr }]) => {
      if (vr === 'US') return true;
      return /^[ -~]*[ \0]*$/.test(this.#lastValue(keyword) ?? '');
    });
  }

  #lastValue(keyword: string): string | undefined {
    return this.values.get(keyword)?.at(-1)?.bytes;
  }

  /** Returns whether a stray delimiter may follow. */
  #topLevelElement(): boolean {
    const header = this.#header(this.#at, this.#encoding);
    const wanted = WANTED.get(header.tag);
    if (header.length === UNDEFINED) {
      this.#keep(wanted?.keyword, { bytes: undefined, vr: 'SQ' });
      this.#at = header.valueAt;
      this.#sequence(this.#contentEncoding(header, this.#encoding));
      return false;
    }
    const end = header.valueAt + header.length;
    if (end > this.#file.length) throw new Failure('truncated');
    const hasItems = this.#holdsItems(header, this.#encoding);
    const bytes = this.#file.toString('latin1', header.valueAt, Math.min(end, header.valueAt + 4096));
    this.#keep(wanted?.keyword, { bytes: header.vr === 'SQ' || hasItems ? undefined : bytes, vr: header.vr });
    this.#at = end;
    return this.#mayBeSequence(header, this.#encoding);
  }

  #keep(keyword: string | undefined, value: ReferenceValue): void {
    if (keyword === undefined) return;
    this.values.set(keyword, [...(this.values.get(keyword) ?? []), value]);
  }

  /** A value without a VR of its own that starts with an item. Only then can it be told from text. */
  #holdsItems({ vr, valueAt, length }: Header, { big }: Encoding): boolean {
    if (vr !== undefined && vr !== 'UN') return false;
    return length >= 8 && valueAt + 8 <= this.#file.length && this.#tag(valueAt, big && vr !== 'UN') === ITEM;
  }

  #mayBeSequence(header: Header, encoding: Encoding): boolean {
    if (header.vr === 'SQ') return true;
    if (header.vr !== undefined && header.vr !== 'UN') return false;
    return header.length === 0 ? !WANTED.has(header.tag) : this.#holdsItems(header, encoding);
  }

  /** Undefined: the first element inside decides. */
  #contentEncoding(
    { vr }: Header,
    around: Encoding,
  ): Encoding | { readonly big: boolean; readonly explicit: undefined } {
    if (vr === 'UN') return { big: false, explicit: undefined };
    if (vr === undefined && around.explicit) return { big: around.big, explicit: undefined };
    return around;
  }

  #sequence(content: { readonly big: boolean; readonly explicit: boolean | undefined }): void {
    if (++this.#depth > 128) throw new Failure('too_deep');
    let explicit = content.explicit;
    let behindItem = false;
    for (;;) {
      const { tag, length } = this.#delimiter(content.big);
      if (tag === SEQUENCE_END) break;
      if (tag === ITEM_END && behindItem) behindItem = false;
      else if (tag !== ITEM) throw new Failure('bad_sequence');
      else if (length === UNDEFINED) {
        explicit = this.#item(content.big, explicit);
        behindItem = false;
      } else {
        this.#skip(length);
        behindItem = true;
      }
    }
    this.#depth--;
  }

  /** The tag and length that must be here; the length of an end means nothing. */
  #delimiter(big: boolean): { readonly tag: number; readonly length: number } {
    this.#need(8);
    const tag = this.#tag(this.#at, big);
    const length = this.#u32(this.#at + 4, big);
    this.#at += 8;
    return { tag, length };
  }

  /** Returns whether its sequence is explicit, if that is known by now. */
  #item(big: boolean, known: boolean | undefined): boolean | undefined {
    let explicit = known;
    let behindSequence = false;
    for (;;) {
      this.#need(8);
      const tag = this.#tag(this.#at, big);
      if (tag === ITEM_END) {
        this.#at += 8;
        return explicit;
      }
      if (tag === SEQUENCE_END && behindSequence) {
        behindSequence = false;
        this.#at += 8;
        continue;
      }
      if (tag === SEQUENCE_END || tag === ITEM) throw new Failure('bad_sequence');
      explicit ??= VRS.has(this.#vrText(this.#at));
      const encoding = { big, explicit };
      const header = this.#header(this.#at, encoding);
      behindSequence = false;
      this.#at = header.valueAt;
      if (header.length === UNDEFINED) this.#sequence(this.#contentEncoding(header, encoding));
      else {
        behindSequence = this.#mayBeSequence(header, encoding);
        this.#skip(header.length);
      }
    }
  }

  #header(at: number, { explicit, big }: Encoding): Header {
    const tag = this.#tag(at, big);
    if (!explicit) return { tag, vr: undefined, valueAt: at + 8, length: this.#u32(at + 4, big) };
    const vr = this.#vrText(at);
    if (SHORT_VRS.has(vr)) return { tag, vr, valueAt: at + 8, length: this.#length(at, 'short', big) };
    const known = VRS.has(vr);
    const form = known && this.#reservedAreZero(at) ? 'long' : this.#oddForm(at, tag, vr, big);
    if (form === 'long' && at + 12 > this.#file.length) throw new Failure('truncated');
    // What the value of an odd header is, the dictionary says.
    const kept = form === 'long' && known && this.#reservedAreZero(at) ? vr : ['SQ', 'UN'].find((each) => each === vr);
    return { tag, vr: kept, valueAt: at + headerSize(form), length: this.#length(at, form, big) };
  }

  #oddForm(at: number, tag: number, vr: string, big: boolean): Form {
    const withVr: Form[] = ['short', 'long'];
    const withoutVr: Form[] = /^[ -~]{2}$/.test(vr) ? ['implicit'] : ['implicit', 'implicit run'];
    const isLength = !/^[ -~]{2}$|^\0\0$/.test(vr) && this.#length(at, 'implicit', big) % 2 === 0;
    const forms = isLength ? [...withoutVr, ...withVr] : [...withVr, ...withoutVr];
    return forms.find((form) => this.#isPlausible(at, form, tag, vr, big)) ?? 'long';
  }

  #isPlausible(at: number, form: Form, tag: number, vr: string, big: boolean): boolean {
    if (at + headerSize(form) > this.#file.length || (form === 'long' && at + 12 > this.#file.length)) return false;
    const length = this.#length(at, form, big);
    const next = at + headerSize(form) + (length === UNDEFINED ? 0 : length);
    if (next === this.#file.length && length !== UNDEFINED) return true;
    if (next + 8 > this.#file.length) return false;
    const nextTag = this.#tag(next, big);
    if (length === UNDEFINED) return nextTag === ITEM || nextTag === SEQUENCE_END;
    if (isDelimiter(nextTag)) return true;
    return nextTag > tag && this.#fits(next, form, vr, big);
  }

  #fits(at: number, form: Form, oddVr: string, big: boolean): boolean {
    const vr = this.#vrText(at);
    let own: Form = form;
    if (form === 'implicit run') {
      if (VRS.has(vr) || /^[ -~]{2}$/.test(vr)) return false;
    } else if (SHORT_VRS.has(vr)) own = 'short';
    else if (VRS.has(vr)) own = this.#reservedAreZero(at) ? 'long' : form;
    else if (vr !== oddVr) return false;
    if (at + headerSize(own) > this.#file.length) return false;
    const length = this.#length(at, own, big);
    return length === UNDEFINED || at + headerSize(own) + length <= this.#file.length;
  }

  #length(at: number, form: Form, big: boolean): number {
    if (form === 'short') return big ? this.#file.readUInt16BE(at + 6) : this.#file.readUInt16LE(at + 6);
    return this.#u32(form === 'long' ? at + 8 : at + 4, big);
  }

  #reservedAreZero(at: number): boolean {
    return this.#file[at + 6] === 0 && this.#file[at + 7] === 0;
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#file.length) throw new Failure('truncated');
  }

  #skip(bytes: number): void {
    this.#need(bytes);
    this.#at += bytes;
  }

  #vrText(at: number): string {
    return this.#file.toString('latin1', at + 4, at + 6);
  }

  #u32(at: number, big: boolean): number {
    return big ? this.#file.readUInt32BE(at) : this.#file.readUInt32LE(at);
  }

  #tag(at: number, big: boolean): number {
    return big ? this.#file.readUInt32BE(at) : swapped(this.#file.subarray(at, at + 4));
  }
}

function headerSize(form: Form): number {
  return form === 'long' ? 12 : 8;
}

function swapped(bytes: Buffer): number {
  return bytes.readUInt16LE(0) * 0x10000 + bytes.readUInt16LE(2);
}

function isDelimiter(tag: number): boolean {
  return tag === ITEM_END || tag === SEQUENCE_END;
}
