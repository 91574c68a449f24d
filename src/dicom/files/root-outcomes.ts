/**
 * Concludes from the recent files of one storage root whether the root is lost: nearly all of them are missing, or none
 * can be read. A single missing or damaged file proves nothing.
 */

/** When a root counts as lost. */
export interface OutageLimits {
  /** Share of the recent files that must be missing, from 0 to 1; undefined: files never say that a root is lost. */
  readonly share: number | undefined;
  /** The least number of recent files. */
  readonly files: number;
  /**
   * A file counts as missing after this time in milliseconds, because many producers announce a file before it is
   * visible.
   */
  readonly settleMs: number;
}

/**
 * How an attempt to read a file ended: `found` (opened, whatever its content), `missing` (no such file, or no permission),
 * `failing` (an error of the storage).
 */
export type Outcome = 'found' | 'missing' | 'failing';

/** Files that were first tried within a short time. */
interface Group {
  readonly startedAt: number;
  files: number;
  /** Those that were not found until now. */
  missing: number;
}

/** The reason of a root whose recent files are nearly all missing or unreadable. */
const FILES_MISSING = 'files_missing';

/** Long enough that few groups exist at a high rate. */
const GROUP_MS = 250;
/** Errors of this number of files in a row, with no answer in between, can't be the fault of single files. */
const ERRORS_IN_A_ROW = 20;
/**
 * While a root counts as lost, its state is judged by this number of attempts, or by those of this time, and by as many
 * new files alone.
 */
const JUDGED_ATTEMPTS = 20;
const JUDGED_MS = 2_000;

/** The recent files of one root. */
export class RootOutcomes {
  readonly #limits: OutageLimits;
  readonly #now: () => number;
  /** The oldest first. */
  #groups: Group[] = [];
  /** Files that were found at their first attempt, and are not in a group yet. Nearly all files are: counting them must cost nothing. */
  #found = 0;
  /** The files that were tried without success, with the group of their first attempt. */
  #unsuccessful = new WeakMap<object, Group>();
  #errorsInARow = 0;
  #lastError = '';
  #lost: string | undefined;
  #judged = { since: 0, attempts: 0, good: 0 };
  /** Files that were tried for the first time while the root counts as lost. */
  #firstTried = { attempts: 0, good: 0 };

  /** `now` returns milliseconds. */
  constructor(limits: OutageLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Why the root counts as lost: `files_missing`, or the code of the last error; undefined if it doesn't. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Whether the file was tried before without success. */
  hasTried(file: object): boolean {
    return this.#unsuccessful.has(file);
  }

  /** Records one attempt. `file` identifies the file in later attempts; `code` is the error's, if `failing`. */
  add(file: object, outcome: Outcome, code = ''): void {
    const earlier = this.#unsuccessful.get(file);
    if (this.#lost !== undefined) this.#judge(outcome, earlier === undefined);
    if (outcome !== 'failing') this.#errorsInARow = 0;
    if (earlier !== undefined) {
      if (outcome !== 'found') return;
      this.#unsuccessful.delete(file);
      earlier.missing--;
      return;
    }
    if (outcome === 'found') {
      this.#found++;
      return;
    }
    const group = this.#currentGroup();
    group.files++;
    this.#unsuccessful.set(file, group);
    // An error says nothing about whether the file exists, but an outage may begin with errors and end in missing files.
    group.missing++;
    if (outcome !== 'failing') return;
    this.#errorsInARow++;
    this.#lastError = code;
  }

  /** Draws the conclusion from what was recorded. Call it after each batch, and regularly, because files settle. */
  update(): void {
    if (this.#found > 0) {
      this.#currentGroup().files += this.#found;
      this.#found = 0;
    }
    if (this.#limits.share === undefined) return;
    if (this.#lost === undefined) {
      if (this.#errorsInARow >= ERRORS_IN_A_ROW) this.#begin(this.#lastError);
      else if (this.#nearlyAllMissing(this.#limits.share)) this.#begin(FILES_MISSING);
    } else if (this.#worksAgain(this.#limits.share)) this.#end();
  }

  #begin(code: string): void {
    this.#lost = code;
    this.#judged = { since: this.#now(), attempts: 0, good: 0 };
    this.#firstTried = { attempts: 0, good: 0 };
  }

  /** Forgets everything: files that are still missing are counted again. */
  #end(): void {
    this.#lost = undefined;
    this.#groups = [];
    this.#unsuccessful = new WeakMap();
    this.#errorsInARow = 0;
  }

  /** Judges the newest groups that have settled and hold enough files. */
  #nearlyAllMissing(share: number): boolean {
    const settled = this.#now() - this.#limits.settleMs;
    let files = 0;
    let missing = 0;
    for (let at = this.#groups.length - 1; at >= 0 && files < this.#limits.files; at--) {
      const group = this.#groups[at];
      if (group === undefined || group.startedAt > settled) continue;
      files += group.files;
      missing += group.missing;
    }
    return files >= this.#limits.files && missing >= share * files;
  }

  /** Whether an attempt shows that the root works. After errors, a missing file does so, too: the storage answers. */
  #proves(outcome: Outcome): boolean {
    return outcome === 'found' || (outcome === 'missing' && this.#lost !== FILES_MISSING);
  }

  #judge(outcome: Outcome, isFirst: boolean): void {
    for (const judged of isFirst ? [this.#judged, this.#firstTried] : [this.#judged]) {
      judged.attempts++;
      if (this.#proves(outcome)) judged.good++;
    }
  }

  #worksAgain(share: number): boolean {
    return this.#firstTriedWork(share) || this.#attemptsWork(share);
  }

  /** Judges new files alone, because the retries of files that never appear may outnumber them. */
  #firstTriedWork(share: number): boolean {
    const { attempts, good } = this.#firstTried;
    if (attempts < JUDGED_ATTEMPTS) return false;
    this.#firstTried = { attempts: 0, good: 0 };
    return good > (1 - share) * attempts;
  }

  #attemptsWork(share: number): boolean {
    const { since, attempts, good } = this.#judged;
    if (attempts < JUDGED_ATTEMPTS && this.#now() - since < JUDGED_MS) return false;
    this.#judged = { since: this.#now(), attempts: 0, good: 0 };
    return good > (1 - share) * attempts;
  }

  #currentGroup(): Group {
    const now = this.#now();
    const last = this.#groups.at(-1);
    if (last !== undefined && now - last.startedAt < GROUP_MS) return last;
    const group: Group = { startedAt: now, files: 0, missing: 0 };
    this.#groups.push(group);
    this.#dropOld(now - this.#limits.settleMs);
    return group;
  }

  /** Drops groups that no judgement needs: newer ones that have settled hold enough files. */
  #dropOld(settled: number): void {
    let files = 0;
    let at = this.#groups.length - 1;
    for (; at >= 0 && files < this.#limits.files; at--) {
      const group = this.#groups[at];
      if (group !== undefined && group.startedAt <= settled) files += group.files;
    }
    this.#groups.splice(0, at + 1);
  }
}
