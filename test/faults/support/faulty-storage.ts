/** The store of a fault run: a mount that can be lost, and calls that can be made slow. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { delayLibrary } from '../../../bench/delay-library.ts';
import type { Pipeline } from '../../../src/testing/pipeline.ts';
import { BindMount, canMount } from '../../support/mounts.ts';

/** Per call. */
const SLOW_US = 5_000;

export class FaultyStorage {
  /** The folder to write files to, which stays when the mount is lost. */
  readonly files: string;
  /** For every member. */
  readonly env: Readonly<Record<string, string>>;
  readonly #mount: BindMount | undefined;
  readonly #slowWhile: string;

  constructor(pipeline: Pipeline) {
    this.#slowWhile = join(pipeline.folder, 'storage-is-slow');
    const library = delayLibrary(pipeline.folder);
    this.env =
      library === undefined
        ? {}
        : {
            LD_PRELOAD: library,
            DELAY_PREFIX: pipeline.store,
            DELAY_US: String(SLOW_US),
            DELAY_WHILE: this.#slowWhile,
          };
    if (!canMount()) {
      this.files = pipeline.store;
      return;
    }
    this.files = join(pipeline.folder, 'nas');
    mkdirSync(this.files);
    this.#mount = new BindMount(this.files, pipeline.store);
  }

  /** Unmounts the store, if that is possible here; returns the function that mounts it again. */
  loseMount(): () => void {
    this.#mount?.unmount();
    return () => this.#mount?.mount();
  }

  /** Makes each call to the store slow, if there is a C compiler; returns the function that ends it. */
  makeSlow(): () => void {
    writeFileSync(this.#slowWhile, '');
    return () => rmSync(this.#slowWhile, { force: true });
  }

  [Symbol.dispose](): void {
    this.#mount?.[Symbol.dispose]();
  }
}
