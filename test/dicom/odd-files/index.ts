/** Files as careless or clever writers make them, each with what docs/contract.md makes of it. */
import type { OddFile } from './build.ts';
import { NUMBERS } from './numbers.ts';
import { STRUCTURE } from './structure.ts';
import { TEXT } from './text.ts';

export const ODD_FILES: readonly OddFile[] = [...TEXT, ...NUMBERS, ...STRUCTURE];
