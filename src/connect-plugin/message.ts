/** Records of Redpanda Connect (`Message` in proto/redpanda/runtime/v1alpha1/message.proto). */
import {
  type ConnectStruct,
  type ConnectValue,
  Reader,
  readStruct,
  readValue,
  Timestamp,
  ValueError,
  type Writer,
  writeStruct,
  writeValue,
} from './value.ts';

/** A record to send to Redpanda Connect: its content, as bytes or as a value, and its metadata. */
export interface NewMessage {
  readonly content: Uint8Array | { readonly structured: ConnectValue };
  readonly metadata?: ConnectStruct;
}

const NOTHING = Buffer.alloc(0);
const NO_METADATA: ConnectStruct = Object.freeze(Object.create(null));

/** Field numbers and wire types as tags. */
const BYTES = 10;
const STRUCTURED = 18;
const METADATA = 26;

/**
 * A record from Redpanda Connect. Content and metadata are decoded at the first access: most plugins need few of the fields that an
 * input sets. `content` shares memory with the whole batch: copy what outlives it.
 */
export class ConnectMessage implements NewMessage {
  readonly #bytes: Buffer | undefined;
  readonly #structured: Buffer | undefined;
  readonly #encodedMetadata: Buffer;
  #value: ConnectValue | undefined;
  #metadata: ConnectStruct | undefined;

  /** Reads a `Message` of `length` bytes. */
  constructor(reader: Reader, length: number) {
    const end = reader.pos + length;
    let bytes: Buffer | undefined;
    let structured: Buffer | undefined;
    let metadata: Buffer = NOTHING;
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === BYTES) {
        bytes = bufferOf(reader);
        structured = undefined;
      } else if (tag === STRUCTURED) {
        structured = bufferOf(reader);
        bytes = undefined;
      } else if (tag === METADATA) metadata = bufferOf(reader);
      else reader.skipType(tag & 7);
    }
    this.#bytes = bytes;
    this.#structured = structured;
    this.#encodedMetadata = metadata;
  }

  /** The content: a view of its bytes, or the value that it has instead. */
  get content(): Buffer | { readonly structured: ConnectValue } {
    return this.#structured === undefined ? (this.#bytes ?? NOTHING) : { structured: this.structured };
  }

  /** The content as bytes. A value, which an earlier processor may have made, as JSON. */
  get bytes(): Buffer {
    return this.#structured === undefined ? (this.#bytes ?? NOTHING) : Buffer.from(jsonOf(this.structured));
  }

  /** The content as a value. Bytes are parsed as JSON; throws a ValueError without a part of them if they aren't JSON. */
  get structured(): ConnectValue {
    if (this.#value === undefined) {
      this.#value =
        this.#structured === undefined
          ? parseJson(this.#bytes ?? NOTHING)
          : readValue(Reader.create(this.#structured), this.#structured.length);
    }
    return this.#value;
  }

  /** The metadata by name; empty if there is none. */
  get metadata(): ConnectStruct {
    this.#metadata ??=
      this.#encodedMetadata.length === 0
        ? NO_METADATA
        : readStruct(Reader.create(this.#encodedMetadata), this.#encodedMetadata.length);
    return this.#metadata;
  }
}

function bufferOf(reader: Reader): Buffer {
  const bytes = reader.bytes();
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function parseJson(bytes: Buffer): ConnectValue {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    // The parser's message quotes the text.
    throw new ValueError('the content is not JSON');
  }
}

/** JSON as Redpanda Connect writes it: bytes in base64, times in RFC 3339. Integers beyond 2^53 are rounded. */
function jsonOf(value: ConnectValue): string {
  return JSON.stringify(plain(value));
}

function plain(value: ConnectValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object' || value === null || value instanceof Timestamp || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

/** Reads a `MessageBatch` of `length` bytes. */
export function readBatch(reader: Reader, length: number): readonly ConnectMessage[] {
  const end = reader.pos + length;
  const messages: ConnectMessage[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === BYTES) messages.push(new ConnectMessage(reader, reader.uint32()));
    else reader.skipType(tag & 7);
  }
  return messages;
}

/** Writes the fields of a `MessageBatch`. */
export function writeBatch(messages: readonly NewMessage[], writer: Writer): Writer {
  for (const { content, metadata } of messages) {
    writer.uint32(BYTES).fork();
    if (content instanceof Uint8Array) writer.uint32(BYTES).bytes(content);
    else writeValue(content.structured, writer.uint32(STRUCTURED).fork()).ldelim();
    if (metadata !== undefined) writeStruct(metadata, writer.uint32(METADATA).fork()).ldelim();
    writer.ldelim();
  }
  return writer;
}
