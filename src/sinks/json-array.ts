import type { Row } from '../records/records.ts';

const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const FIRST_SIZE = 64 << 10;
/** UTF-8 takes no more for a UTF-16 unit. */
const MOST_BYTES_A_UNIT = 3;

/** Writes rows as a JSON array in UTF-8, one after the other into the same memory: what it returned last is overwritten by the next call. */
export class JsonArrayWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #end = 0;

  /** `versioned`: each object gets two more fields, `source_time` and `source_trace_id`. */
  write(rows: readonly Row[], { versioned = false } = {}): Buffer {
    this.#end = 0;
    this.#makeRoom(2);
    this.#bytes[this.#end++] = OPENING_BRACKET;
    for (const row of rows) {
      this.#append(row, versioned);
      this.#makeRoom(2);
      this.#bytes[this.#end++] = COMMA;
    }
    // In the last comma's place.
    if (rows.length > 0) this.#end--;
    this.#bytes[this.#end++] = CLOSING_BRACKET;
    return this.#bytes.subarray(0, this.#end);
  }

  #append({ json, version }: Row, versioned: boolean): void {
    this.#makeRoom(json.length);
    json.copy(this.#bytes, this.#end);
    this.#end += json.length;
    if (!versioned) return;
    // The version isn't part of the published text: it goes in the place of the closing brace.
    const fields = `,"source_time":"${version.time}","source_trace_id":${JSON.stringify(version.traceId)}}`;
    this.#makeRoom(fields.length * MOST_BYTES_A_UNIT);
    this.#end--;
    this.#end += this.#bytes.write(fields, this.#end);
  }

  #makeRoom(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}
