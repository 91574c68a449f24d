/** Options that only one driver has: declared by the driver, read and checked by the configuration. */

/** One option of a driver, with its default. Bounds of durations and sizes have the configuration's notation: `1s`, `8MiB`. */
export type DriverOption =
  | { readonly kind: 'boolean'; readonly default: boolean }
  | { readonly kind: 'number'; readonly least: number; readonly most: number; readonly default: number }
  /** In milliseconds. */
  | { readonly kind: 'duration'; readonly least: string; readonly most: string; readonly default: number }
  /** In bytes. */
  | { readonly kind: 'size'; readonly least: string; readonly most: string; readonly default: number }
  | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly default: string }
  | { readonly kind: 'text'; readonly default: string }
  /** A list whose entries may hold several texts, separated by commas. */
  | { readonly kind: 'texts'; readonly default: readonly string[] };

/** The options of a driver by their names in the configuration. */
export type DriverOptions = Readonly<Record<string, DriverOption>>;

/** The value of an option. */
export type DriverOptionValue = boolean | number | string | readonly string[];

/** The values of a driver's options, defaults filled in. */
export type DriverOptionValues<Options extends DriverOptions = DriverOptions> = {
  readonly [Name in keyof Options]: ValueOf<Options[Name]>;
};

type ValueOf<Option extends DriverOption> = Option extends { readonly kind: 'boolean' }
  ? boolean
  : Option extends { readonly kind: 'number' | 'duration' | 'size' }
    ? number
    : Option extends { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] }
      ? Choice
      : Option extends { readonly kind: 'texts' }
        ? readonly string[]
        : Option extends { readonly kind: 'text' }
          ? string
          : DriverOptionValue;

/** The defaults of a driver's options. */
export function defaultOptions<const Options extends DriverOptions>(options: Options): DriverOptionValues<Options> {
  const values = Object.entries(options).map(([name, option]) => [name, option.default]);
  return Object.fromEntries(values) as DriverOptionValues<Options>;
}
