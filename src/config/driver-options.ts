import type { z } from 'zod';
import type { DriverOption, DriverOptions } from '../databases/driver-options.ts';
import { bool, byteSize, commaList, duration, oneOf, text, wholeNumber } from './fields.ts';

/** The fields of a driver's own options. */
export function optionFields(options: DriverOptions): Readonly<Record<string, z.ZodType>> {
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, fieldOf(option)]));
}

function fieldOf(option: DriverOption): z.ZodType {
  switch (option.kind) {
    case 'boolean':
      return bool().default(option.default);
    case 'number':
      return wholeNumber(option.least, option.most).default(option.default);
    case 'duration':
      return duration(option.least, option.most).default(option.default);
    case 'size':
      return byteSize(option.least, option.most).default(option.default);
    case 'choice':
      return oneOf(option.choices).default(option.default);
    case 'text':
      return text().default(option.default);
    case 'texts':
      return commaList().default([...option.default]);
  }
}
