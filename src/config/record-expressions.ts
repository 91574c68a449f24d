/** The expressions on records that are supported. In Redpanda Connect the first two are Bloblang. */

const CHECK = /^\s*@([A-Za-z_]\w*)\s*==\s*("(?:[^"\\]|\\["\\/bfnrt])*")\s*$/;
const METADATA = /^\$\{!\s*@([A-Za-z_]\w*)\s*\}$/;

/** `@name == "literal"`, or undefined for any other check. */
export function parseCheck(check: string): { readonly name: string; readonly literal: string } | undefined {
  const [, name, quoted] = CHECK.exec(check) ?? [];
  return name === undefined || quoted === undefined ? undefined : { name, literal: String(JSON.parse(quoted)) };
}

/** The name in `${! @name }`, or undefined for any other interpolation. */
export function parseMetadataReference(interpolation: string): string | undefined {
  return METADATA.exec(interpolation)?.[1];
}

/** A pattern in Go's syntax (RE2), whose leading flags JavaScript has apart: `(?i)ct`; undefined for one that JavaScript doesn't have. */
export function parsePattern(pattern: string): RegExp | undefined {
  const [, flags = '', body = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? [];
  try {
    return new RegExp(body, [...new Set(`u${flags}`)].join(''));
  } catch {
    return undefined;
  }
}
