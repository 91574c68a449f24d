import { readFileSync } from 'node:fs';
import { systemCode } from '../errors.ts';
import type { Environment } from './environment.ts';

/** The result of looking up a variable. */
export type Lookup =
  | { readonly kind: 'value'; readonly value: string; readonly fromFile: boolean }
  | { readonly kind: 'unset' }
  | { readonly kind: 'unreadable'; readonly message: string };

/**
 * A variable's value. If NAME is unset or empty, the content of the file that `NAME_FILE` names, as containers provide secrets. One
 * newline at the end of the file is not part of the value.
 */
export function lookUp(name: string, environment: Environment): Lookup {
  const value = environment[name];
  if (value !== undefined && value !== '') return { kind: 'value', value, fromFile: false };
  const file = environment[`${name}_FILE`];
  if (file !== undefined && file !== '') return readValue(name, file);
  return value === undefined ? { kind: 'unset' } : { kind: 'value', value, fromFile: false };
}

function readValue(name: string, file: string): Lookup {
  try {
    return { kind: 'value', value: readFileSync(file, 'utf8').replace(/\r?\n$/, ''), fromFile: true };
  } catch (error) {
    return {
      kind: 'unreadable',
      message: `${name}_FILE names ${file}, which can't be read (${systemCode(error) ?? 'unknown error'})`,
    };
  }
}
