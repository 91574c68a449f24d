import type { Readable, Writable } from 'node:stream';

/**
 * Redpanda Connect stops reading a plugin's output at a line over 512 KiB, and the plugin then blocks when the pipe is full. Longer lines
 * than this are cut.
 */
const MAX_LINE_BYTES = 8 * 1024;
/** Lines are dropped while more than this waits for a reader that does not read. */
const MAX_WAITING_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const CUT = Buffer.from(' [cut]\n');

/** Copies the output of a process line by line. */
export function copyLines(from: Readable, to: Pick<Writable, 'write' | 'writableLength'>): void {
  let line = Buffer.alloc(0);
  let skipping = false;
  const write = (bytes: Buffer) => {
    if (to.writableLength <= MAX_WAITING_BYTES) to.write(bytes);
  };
  from.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); rest.length > 0; end = rest.indexOf(NEWLINE)) {
      const part = end < 0 ? rest : rest.subarray(0, end + 1);
      rest = rest.subarray(part.length);
      if (!skipping) line = Buffer.concat([line, part]);
      if (line.length > MAX_LINE_BYTES) {
        write(Buffer.concat([line.subarray(0, MAX_LINE_BYTES), CUT]));
        line = Buffer.alloc(0);
        skipping = true;
      }
      if (end < 0) continue;
      if (!skipping) write(line);
      line = Buffer.alloc(0);
      skipping = false;
    }
  });
  from.on('end', () => {
    if (line.length > 0) write(Buffer.concat([line, Buffer.from('\n')]));
  });
  from.on('error', () => undefined);
}
