// The real worker, but files with certain names hang its thread in a system call, end it, or throw where no file can.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { workerData } from 'node:worker_threads';

const folder = workerData.storageRoots[0];
const openSync = fs.openSync;
fs.openSync = (path, flags) => {
  const name = String(path);
  if (name.includes('hang')) hang();
  if (name.includes('hiccup') && !fs.existsSync(join(folder, 'hiccupped'))) {
    fs.writeFileSync(join(folder, 'hiccupped'), '');
    hang();
  }
  // Longer than the limit below which storage counts as fast.
  if (name.includes('slow')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  if (isOnTape(name)) hang();
  if (name.includes('die')) process.exit(1);
  if (name.includes('bug')) throw new TypeError('a value that must not be told');
  return openSync(path, flags);
};

const lstatSync = fs.lstatSync;
fs.lstatSync = (path, options) => {
  if (String(path).includes('hang')) hang();
  if (String(path).includes('die')) process.exit(1);
  return lstatSync(path, options);
};

const open = fs.open;
fs.open = (path, flags, callback) => {
  if (isOnTape(String(path))) {
    setTimeout(() => fs.open(path, flags, callback), 20);
    return;
  }
  if (String(path).includes('die')) process.exit(1);
  if (String(path).includes('slow')) setTimeout(() => open(path, flags, callback), 5);
  else open(path, flags, callback);
};

// Until the test says that the file was loaded.
function isOnTape(name) {
  return name.includes('tape') && !fs.existsSync(join(folder, 'loaded'));
}

// A FIFO opened for reading without a writer: no terminate() ends this, only a writer.
function hang() {
  const id = process.hrtime.bigint();
  const fifo = join(folder, `fifo-${id}`);
  // Under its final name only right before the call that blocks: tests take the name as the sign that the thread is blocked.
  execFileSync('mkfifo', [join(folder, `new-${id}`)]);
  fs.renameSync(join(folder, `new-${id}`), fifo);
  openSync(fifo, 'r');
}

await import(createRequire(import.meta.url).resolve('#dicom-worker'));
