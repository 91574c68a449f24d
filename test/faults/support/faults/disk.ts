/** A full disk under PostgreSQL. */
import { execFile } from 'node:child_process';
import { appendFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Random } from '../../../../src/samples/seeded-random.ts';
import type { Fault } from './fault.ts';

const run = promisify(execFile);

/** Either a row doesn't fit (53100), or the write-ahead log doesn't, which ends the server. */
export function fillDisk(random: Random): Fault {
  const ms = random.between(300, 2_500);
  return {
    targets: ['postgres'],
    title: `PostgreSQL's disk full for ${ms} ms`,
    async happen({ run: { machine } }) {
      // Without a small file system this fault does nothing, so that the seed's other faults stay the same.
      if (machine.disk === undefined || !machine.databases.some(({ name }) => name === 'postgres'))
        return skipped("PostgreSQL's disk full");
      const filler = join(machine.disk, 'filler');
      await fill(machine.disk, filler);
      await sleep(ms);
      await rm(filler);
      await machine.start('postgres');
    },
  };
}

const MB = 1024 * 1024;

/** Most of it at once, then in small steps until the disk is full: the server writes meanwhile. */
async function fill(disk: string, filler: string): Promise<void> {
  const { bavail, bsize } = await statfs(disk);
  await run('fallocate', ['-l', String(Math.max(MB, bavail * bsize - 16 * MB)), filler]);
  const bit = Buffer.alloc(MB / 4);
  for (;;) {
    try {
      await appendFile(filler, bit);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
  }
}

function skipped(what: string): void {
  console.log(`skipped: ${what}: there is no PostgreSQL on a tmpfs here`);
}
