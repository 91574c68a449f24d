/**
 * The file system calls of the reader as values. Reading is written once, as a generator that yields calls. A driver
 * makes the calls: blocking (`runSync`) or in libuv's threads (`runConcurrently`).
 */
import fs from 'node:fs';
import { systemCode } from '../../errors.ts';
import { CheapCall } from './cheap-call.ts';

/** One file system call and its arguments. */
export type FileCall =
  | { readonly call: 'open'; readonly path: string; readonly flags: number }
  | { readonly call: 'size'; readonly descriptor: number }
  | {
      readonly call: 'read';
      readonly descriptor: number;
      readonly window: Buffer;
      readonly length: number;
      readonly offset: number;
    }
  | { readonly call: 'close'; readonly descriptor: number }
  | { readonly call: 'realpath'; readonly path: string }
  | { readonly call: 'readlink'; readonly path: string }
  /** Whether a path names nothing: 1 if so. Its last part is not followed if it is a link. */
  | { readonly call: 'missing'; readonly path: string }
  /** Not a system call: waits until another reading has done the same work. A blocking driver doesn't wait. */
  | { readonly call: 'wait'; readonly until: (resume: () => void) => void };

/**
 * Result of a call: a descriptor, a size in bytes (`NOT_REGULAR` if not a regular file), a number of bytes, a path, or 0 or 1.
 */
export type FileAnswer = number | string;

/** A function that yields file system calls, gets their answers and returns a T. */
export type Reading<T> = Generator<FileCall, T, FileAnswer>;

/** The size of anything but a regular file. */
export const NOT_REGULAR = -1;

/** Called after each finished call, so that another thread can see that the storage still answers. */
export type OnProgress = () => void;

/** Runs a reading with blocking calls. */
export function runSync<T>(reading: Reading<T>, onProgress: OnProgress): T {
  let step = reading.next();
  while (step.done !== true) {
    let answer: FileAnswer;
    try {
      const call = step.value;
      answer = withoutStack(() => callSync(call));
    } catch (error) {
      onProgress();
      step = reading.throw(error);
      continue;
    }
    onProgress();
    step = reading.next(answer);
  }
  return step.value;
}

function callSync(step: FileCall): FileAnswer {
  switch (step.call) {
    case 'read':
      return fs.readSync(step.descriptor, step.window, 0, step.length, step.offset);
    case 'open':
      return fs.openSync(step.path, step.flags);
    case 'size':
      return sizeOf(fs.fstatSync(step.descriptor));
    case 'close':
      return closeSync(step.descriptor);
    case 'realpath':
      return fs.realpathSync.native(step.path);
    case 'readlink':
      return fs.readlinkSync(step.path);
    case 'missing':
      return isMissingNow(step.path) ? 1 : 0;
    case 'wait':
      return 0;
  }
}

/** Makes a call whose errors have no stack: capturing it costs more than the failed call, and late files are common. */
export function withoutStack<T>(call: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return call();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Runs a reading without blocking; several may run concurrently. Uses callbacks because promises cost 50 % more. */
export function runConcurrently<T>(
  reading: Reading<T>,
  onProgress: OnProgress,
  onDone: (result: T) => void,
  onError: (error: unknown) => void,
): void {
  const resume = (move: () => IteratorResult<FileCall, T>): void => {
    let step: IteratorResult<FileCall, T>;
    try {
      step = move();
    } catch (error) {
      onError(error);
      return;
    }
    if (step.done === true) {
      onDone(step.value);
      return;
    }
    startCall(step.value, (error, answer) => {
      onProgress();
      resume(() => (error === null ? reading.next(answer) : reading.throw(error)));
    });
  };
  resume(() => reading.next());
}

// The kernel usually answers these without the storage: it got the attributes when the file was opened.
const sizes = new CheapCall();
const closings = new CheapCall();

type OnAnswer = (error: Error | null, answer: FileAnswer) => void;

function startCall(step: FileCall, onAnswer: OnAnswer): void {
  switch (step.call) {
    case 'read':
      fs.read(step.descriptor, step.window, 0, step.length, step.offset, onAnswer);
      return;
    case 'open':
      fs.open(step.path, step.flags, onAnswer);
      return;
    case 'size':
      if (sizes.mayBlock) sizes.call(() => sizeOf(fs.fstatSync(step.descriptor)), onAnswer);
      else fs.fstat(step.descriptor, (error, stats) => onAnswer(error, error === null ? sizeOf(stats) : 0));
      return;
    case 'close':
      if (closings.mayBlock) {
        closings.call(() => closeSync(step.descriptor), onAnswer);
      } else {
        // Nothing depends on its end.
        fs.close(step.descriptor, () => {});
        onAnswer(null, 0);
      }
      return;
    case 'realpath':
      fs.realpath.native(step.path, onAnswer);
      return;
    case 'readlink':
      fs.readlink(step.path, onAnswer);
      return;
    case 'missing':
      fs.lstat(step.path, (error) => onAnswer(null, systemCode(error) === 'ENOENT' ? 1 : 0));
      return;
    case 'wait':
      step.until(() => onAnswer(null, 0));
  }
}

function closeSync(descriptor: number): number {
  fs.closeSync(descriptor);
  return 0;
}

/** Whether a path names nothing, by a blocking call. Its last part is not followed if it is a link. */
export function isMissingNow(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** In bytes; `NOT_REGULAR` if not a regular file. */
export function sizeOf(stats: fs.Stats): number {
  return stats.isFile() ? stats.size : NOT_REGULAR;
}
