import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pause, root, say } from './run.mjs';

/** Runs one setup at a time per clone: two `npm ci` would delete each other's files. The lock of a dead process is taken over. */
export async function withLock(work) {
  const file = join(tmpdir(), `wado-setup-${createHash('sha256').update(root).digest('hex').slice(0, 16)}.lock`);
  let told = false;
  while (!taken(file)) {
    if (!told) say('waiting for another setup of this folder');
    told = true;
    pause(0.5);
  }
  try {
    await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function taken(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!ownerLives(file)) rmSync(file, { force: true });
    return false;
  }
}

function ownerLives(file) {
  try {
    // An empty file is being written at the moment.
    const owner = Number(readFileSync(file, 'utf8'));
    if (owner > 0) process.kill(owner, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
