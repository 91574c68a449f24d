import type { LoadRecord } from './load.ts';

/** The keys in the tables and topics, read without the service. */
export interface EndState {
  readonly objects: ReadonlySet<string>;
  readonly states: ReadonlySet<string>;
  readonly images: ReadonlySet<string>;
  readonly publishedStates: ReadonlySet<string>;
  readonly publishedImages: ReadonlySet<string>;
  readonly deadLetters: ReadonlySet<string>;
}

/** The end state that a load must lead to. */
export function expectedState(records: readonly LoadRecord[]): EndState {
  const good = records.flatMap((record) => (record.expected === undefined ? [] : [record.expected]));
  const states = new Set(good.map((keys) => keys.series));
  const images = new Set(good.map((keys) => keys.instance));
  return {
    objects: new Set(good.map((keys) => keys.traceId)),
    states,
    images,
    publishedStates: states,
    publishedImages: images,
    deadLetters: new Set(records.filter((record) => record.expected === undefined).map((record) => record.key)),
  };
}

/** The missing and the surplus keys of each table and topic, a few of each by name. Empty if there are none. */
export function differences(found: EndState, expected: EndState): readonly string[] {
  const few = (keys: readonly string[]) => `${keys.length} (${keys.slice(0, 3).join(', ')}…)`;
  return (Object.keys(expected) as (keyof EndState)[]).flatMap((place) => {
    const missing = [...expected[place]].filter((key) => !found[place].has(key));
    const extra = [...found[place]].filter((key) => !expected[place].has(key));
    return [
      ...(missing.length === 0 ? [] : [`${place}: missing ${few(missing)}`]),
      ...(extra.length === 0 ? [] : [`${place}: too many ${few(extra)}`]),
    ];
  });
}
