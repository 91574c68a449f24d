/** Looks up which files exist, without opening them. A waiting file is looked up often before it appears. */
import fs from 'node:fs';
import { systemCode } from '../../errors.ts';
import { CheapCall } from './cheap-call.ts';
import type { OnProgress } from './file-calls.ts';
import type { LookupAnswers } from './lookup-job.ts';

/** Calls in flight on slow storage. Each occupies one of libuv's threads, which reads need, too. */
const IN_FLIGHT = 16;
/** Those of one of several storage roots: one that doesn't answer leaves room for the others. */
const IN_FLIGHT_OF_ONE = 12;

/** Bounds and listeners of the lookups. */
export interface FileLookupOptions {
  /** A list ends after this time in milliseconds: what got no answer is unknown. */
  readonly timeoutMs: number;
  /** Called after each finished call. */
  readonly onProgress?: OnProgress;
  /** Called before and after each blocking call. */
  readonly onBlocking?: (blocks: boolean) => void;
  /** The storage root of a path, if there are several. */
  readonly rootOf?: (path: string) => number | undefined;
  /** Measures the calls of one root. */
  readonly newCall?: () => CheapCall;
}

/** The files of one call of `missing`. */
interface Lookup {
  readonly paths: readonly string[];
  readonly missing: (boolean | undefined)[];
  readonly mayBlock: boolean;
  left: number;
  hasEnded: boolean;
  readonly end: () => void;
}

/** The files of a lookup that lie below one root. */
interface Part {
  readonly lookup: Lookup;
  readonly indexes: number[];
  /** The position in `indexes` of the next file to look up. */
  next: number;
}

interface Root {
  readonly call: CheapCall;
  readonly parts: Part[];
  inFlight: number;
}

/** Looks up files with blocking calls while they are fast, else some at the same time. Storage roots don't wait for each other. */
export class FileLookup {
  readonly #options: FileLookupOptions;
  readonly #roots = new Map<number | undefined, Root>();
  #inFlight = 0;

  constructor(options: FileLookupOptions) {
    this.#options = options;
  }

  /**
   * Resolves to whether each file is missing; false if something is there or the storage fails, undefined if it doesn't answer. The path is
   * followed, but not a link as its last part: whether the file lies under the storage roots is checked when it is read. `mayBlock`: whether
   * calls may block the thread.
   */
  missing(paths: readonly string[], mayBlock = true): Promise<LookupAnswers> {
    if (paths.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const missing = paths.map(() => undefined);
      const end = () => {
        clearTimeout(timer);
        lookup.hasEnded = true;
        resolve(lookup.missing);
      };
      const lookup: Lookup = { paths, missing, mayBlock, left: paths.length, hasEnded: false, end };
      const timer = setTimeout(() => {
        end();
        for (const root of this.#roots.values()) dropEnded(root);
      }, this.#options.timeoutMs);
      this.#add(lookup);
      this.#start();
    });
  }

  #add(lookup: Lookup): void {
    const parts = new Map<Root, Part>();
    lookup.paths.forEach((path, index) => {
      const root = this.#rootOf(path);
      const part = parts.get(root);
      if (part === undefined) parts.set(root, { lookup, indexes: [index], next: 0 });
      else part.indexes.push(index);
    });
    for (const [root, part] of parts) root.parts.push(part);
  }

  #rootOf(path: string): Root {
    const { rootOf, newCall = () => new CheapCall() } = this.#options;
    const name = rootOf?.(path);
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    const root: Root = { call: newCall(), parts: [], inFlight: 0 };
    this.#roots.set(name, root);
    return root;
  }

  #start(): void {
    const mostOfRoot = this.#options.rootOf === undefined ? IN_FLIGHT : IN_FLIGHT_OF_ONE;
    for (const root of this.#roots.values()) {
      while (this.#inFlight < IN_FLIGHT && root.inFlight < mostOfRoot) {
        const [part] = root.parts;
        if (part === undefined) break;
        const index = part.indexes[part.next++];
        if (part.next >= part.indexes.length) root.parts.shift();
        if (index !== undefined) this.#lookUp(root, part.lookup, index);
      }
    }
  }

  #lookUp(root: Root, lookup: Lookup, index: number): void {
    const { onProgress, onBlocking } = this.#options;
    const path = lookup.paths[index] ?? '';
    const answer = (isMissing: boolean) => {
      onProgress?.();
      if (lookup.hasEnded) return;
      lookup.missing[index] = isMissing;
      if (--lookup.left === 0) lookup.end();
    };
    if (path.includes('\0')) {
      answer(false);
      return;
    }
    if (lookup.mayBlock && root.call.mayBlock) {
      onBlocking?.(true);
      root.call.call(
        () => (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined ? 1 : 0),
        (error, isMissing) => answer(error === null && isMissing === 1),
      );
      onBlocking?.(false);
      return;
    }
    this.#inFlight++;
    root.inFlight++;
    fs.lstat(path, (error) => {
      this.#inFlight--;
      root.inFlight--;
      answer(error !== null && systemCode(error) === 'ENOENT');
      this.#start();
    });
  }
}

/** Removes what is left of lists that have ended. */
function dropEnded({ parts }: Root): void {
  const rest = parts.filter(({ lookup }) => !lookup.hasEnded);
  parts.splice(0, parts.length, ...rest);
}
