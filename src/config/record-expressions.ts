/** The two record expressions that are supported. In Redpanda Connect they are Bloblang. */

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
