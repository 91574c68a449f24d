import { map, type OperatorFunction } from 'rxjs';
import { ParseError } from '../errors.ts';
import type { ConsumedRecord, PoisonRecord, Processed } from '../records/records.ts';

/**
 * Parses consumed records of any format. `parse` gets the record's value and throws a ParseError when it is invalid: the record then goes
 * to the dead-letter topic with this error, whose text must not quote the value. Any other error ends the topology.
 */
export function parseValues<T>(
  parse: (value: Buffer | null, record: ConsumedRecord) => T,
): OperatorFunction<ConsumedRecord, Processed<T> | PoisonRecord> {
  return map((source) => {
    try {
      return { source, value: parse(source.value, source) };
    } catch (error) {
      if (error instanceof ParseError) return { kind: 'poison', source, error };
      throw error;
    }
  });
}
