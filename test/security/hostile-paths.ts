import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canaryFile } from './canary.ts';

export interface HostilePath {
  readonly name: string;
  readonly path: string;
  /** `ok`, or the text of the error. */
  readonly outcome: string;
}

export interface HostileStore {
  readonly folder: string;
  /** The storage root. */
  readonly store: string;
  /** Beside it: files that must never be opened. Their patient is called OUTSIDE, that of the files in the store INSIDE. */
  readonly outside: string;
  readonly paths: readonly HostilePath[];
  remove(): void;
}

export const INSIDE = 'CANARY^INSIDE';
export const OUTSIDE = 'CANARY^OUTSIDE';

/** A storage root with everything in it that a path should not lead to, and a folder outside with what a thief would want. */
export function createHostileStore(): HostileStore {
  const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'CANARY-store-')));
  const store = join(folder, 'store');
  const outside = join(folder, 'outside');
  const inside = join(store, 'study', 'a.dcm');
  const secret = join(outside, 'secret.dcm');
  fs.mkdirSync(join(store, 'study'), { recursive: true });
  fs.mkdirSync(outside);
  fs.writeFileSync(inside, canaryFile(1, { PatientName: INSIDE }));
  fs.writeFileSync(secret, canaryFile(2, { PatientName: OUTSIDE }));
  const paths: HostilePath[] = [
    { name: 'a file', path: inside, outcome: 'ok' },
    { name: 'a detour through ..', path: `${store}/study/../study/./a.dcm`, outcome: 'ok' },
    ...refused(store, outside, secret),
    ...unreadable(store),
    ...linked(store, outside, inside, secret),
    ...special(store),
  ];
  return { folder, store, outside, paths, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

const REFUSED = 'outside_storage_roots';

function refused(store: string, outside: string, secret: string): HostilePath[] {
  const climbing = '../'.repeat(40);
  return [
    { name: 'an absolute path outside', path: secret, outcome: REFUSED },
    { name: '.. out of the root', path: `${store}/../outside/secret.dcm`, outcome: REFUSED },
    { name: '.. out of a study', path: `${store}/study/../../outside/secret.dcm`, outcome: REFUSED },
    { name: '.. past the top', path: `${store}/${climbing}etc/passwd`, outcome: REFUSED },
    { name: 'a system file', path: '/etc/passwd', outcome: REFUSED },
    { name: 'a device', path: '/dev/zero', outcome: REFUSED },
    { name: 'the memory of the process', path: '/proc/self/mem', outcome: REFUSED },
    { name: 'the environment of the process', path: '/proc/self/environ', outcome: REFUSED },
    { name: 'standard input', path: '/dev/stdin', outcome: REFUSED },
    { name: 'another root through /proc', path: `/proc/self/root${secret}`, outcome: REFUSED },
    { name: 'the working directory through /proc', path: '/proc/self/cwd/package.json', outcome: REFUSED },
    { name: 'a sibling with the root’s name in front', path: `${store}-like/secret.dcm`, outcome: REFUSED },
    { name: 'a relative path', path: 'study/a.dcm', outcome: REFUSED },
    { name: 'nothing', path: '', outcome: REFUSED },
    { name: 'a NUL at the end', path: `${store}/study/a.dcm\0`, outcome: REFUSED },
    { name: 'a NUL before another end', path: `${secret}\0${store}/study/a.dcm`, outcome: REFUSED },
    { name: 'a name of 4,096 characters', path: `${store}/${'x'.repeat(4096)}`, outcome: REFUSED },
    { name: 'a path of 4,096 parts', path: `${store}${'/x'.repeat(4096)}`, outcome: 'file_missing' },
    { name: 'a long way back to the file', path: `${store}${'/study/..'.repeat(50)}/study/a.dcm`, outcome: 'ok' },
    { name: 'a URL', path: `file://${secret}`, outcome: REFUSED },
    { name: 'the root', path: store, outcome: REFUSED },
    { name: 'what lies above', path: outside, outcome: REFUSED },
    { name: 'the top', path: '/', outcome: 'not_a_regular_file' },
  ];
}

function unreadable(store: string): HostilePath[] {
  const write = (name: string, bytes: Buffer, outcome: string): HostilePath => {
    const path = join(store, name);
    fs.writeFileSync(path, bytes);
    return { name, path, outcome };
  };
  const file = canaryFile(3);
  return [
    { name: 'no such file', path: join(store, 'CANARY-missing.dcm'), outcome: 'file_missing' },
    { name: 'a file for a directory', path: join(store, 'study', 'a.dcm', 'b.dcm'), outcome: 'file_missing' },
    write('empty', Buffer.alloc(0), 'not_dicom'),
    write('text', Buffer.from('CANARY^PATIENT has no preamble'), 'not_dicom'),
    write('cut', file.subarray(0, file.length - 200), 'truncated'),
    write('no-study', canaryFile(4, { StudyInstanceUID: null }), 'missing_required:STUDY_INSTANCE_UID'),
    write('empty-study', canaryFile(5, { StudyInstanceUID: ' ' }), 'empty_required:STUDY_INSTANCE_UID'),
    write('long-patient', canaryFile(6, { PatientID: 'CANARY '.repeat(20) }), 'too_long:PATIENT_ID'),
    write('long-study', canaryFile(7, { StudyInstanceUID: 'CANARY '.repeat(20) }), 'too_long:STUDY_INSTANCE_UID'),
  ];
}

function linked(store: string, outside: string, inside: string, secret: string): HostilePath[] {
  const link = (name: string, target: string): string => {
    fs.symlinkSync(target, join(store, name));
    return join(store, name);
  };
  return [
    { name: 'a link to a file inside', path: link('link-inside', inside), outcome: 'ok' },
    { name: 'a link to a file outside', path: link('link-outside', secret), outcome: REFUSED },
    { name: 'a relative link outside', path: link('link-relative', '../outside/secret.dcm'), outcome: REFUSED },
    { name: 'a link to a link outside', path: link('link-twice', 'link-outside'), outcome: REFUSED },
    { name: 'a file behind a linked directory', path: `${link('links', outside)}/secret.dcm`, outcome: REFUSED },
    { name: 'a file behind two of them', path: `${link('links-twice', 'links')}/secret.dcm`, outcome: REFUSED },
    { name: 'inside by way of outside', path: `${store}/links/../store/study/a.dcm`, outcome: 'ok' },
    { name: 'a link to a device', path: link('link-zero', '/dev/zero'), outcome: REFUSED },
    { name: 'a link to a terminal', path: link('link-tty', '/dev/tty'), outcome: REFUSED },
    { name: 'a link to the environment', path: link('link-environment', '/proc/self/environ'), outcome: REFUSED },
    { name: 'a link to itself', path: link('loop', 'loop'), outcome: 'not_a_regular_file' },
    { name: 'a link to nothing', path: link('dangling', 'nothing'), outcome: 'file_missing' },
  ];
}

function special(store: string): HostilePath[] {
  const paths: HostilePath[] = [
    { name: 'a directory', path: join(store, 'study'), outcome: 'not_a_regular_file' },
    { name: 'a directory with a slash', path: `${store}/study/`, outcome: 'not_a_regular_file' },
    { name: 'a file with a slash', path: `${store}/study/a.dcm/`, outcome: 'not_a_regular_file' },
    { name: 'a directory by ..', path: `${store}/study/..`, outcome: 'not_a_regular_file' },
    { name: 'a directory by .', path: `${store}/study/.`, outcome: 'not_a_regular_file' },
  ];
  execFileSync('mkfifo', [join(store, 'fifo')]);
  paths.push({ name: 'a FIFO that nobody writes to', path: join(store, 'fifo'), outcome: 'not_a_regular_file' });
  if (makeDevice(join(store, 'zero'))) {
    paths.push({ name: 'a device in the store', path: join(store, 'zero'), outcome: 'not_a_regular_file' });
  }
  return paths;
}

/** A device like /dev/zero; false where that isn't allowed. */
function makeDevice(path: string): boolean {
  try {
    execFileSync('mknod', [path, 'c', '1', '5'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
