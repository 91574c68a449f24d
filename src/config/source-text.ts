import { LineCounter } from 'yaml';
import type { Environment } from './environment.ts';
import { interpolate, type Segment } from './interpolate.ts';

/** A position in the file as written. Lines and columns start at 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The file's text after interpolation, with the original position of each character. */
export class SourceText {
  /** The text after interpolation, which is parsed as YAML. */
  readonly text: string;
  readonly problems: readonly { readonly place: Place; readonly message: string; readonly unset: boolean }[];
  readonly #segments: readonly (Segment & { readonly start: number })[];
  readonly #lines = new LineCounter();

  /** Without an environment, nothing is replaced. */
  constructor(source: string, environment: Environment | undefined) {
    this.#lines.addNewLine(0);
    for (let at = source.indexOf('\n'); at !== -1; at = source.indexOf('\n', at + 1)) this.#lines.addNewLine(at + 1);

    const { segments, problems } =
      environment === undefined
        ? { segments: [{ text: source, from: 0, to: source.length }], problems: [] }
        : interpolate(source, environment);
    let start = 0;
    this.#segments = segments.map((segment) => {
      const placed = { ...segment, start };
      start += segment.text.length;
      return placed;
    });
    this.text = segments.map((segment) => segment.text).join('');
    this.problems = problems.map(({ offset, ...problem }) => ({ place: this.#placeInFile(offset), ...problem }));
  }

  /** The original position of the character at `offset` of the interpolated text; for a variable's value, that of the variable. */
  placeOf(offset: number): Place {
    const segment = this.#segmentAt(offset);
    if (segment === undefined) return { line: 1, column: 1 };
    const inside = Math.min(offset - segment.start, segment.text.length);
    return this.#placeInFile(segment.variable === undefined ? segment.from + inside : segment.from);
  }

  /** The variables whose values are part of this range of the interpolated text. */
  variablesIn(start: number, end: number): readonly NonNullable<Segment['variable']>[] {
    return this.#segments
      .filter((segment) => segment.start < end && segment.start + segment.text.length > start)
      .flatMap((segment) => segment.variable ?? []);
  }

  #segmentAt(offset: number) {
    return this.#segments.findLast((segment) => segment.start <= offset && segment.text !== '') ?? this.#segments[0];
  }

  #placeInFile(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}
