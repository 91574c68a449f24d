import { DATABASE_DRIVER_NAMES, databaseDriver } from '../databases/registry.ts';
import type { Component } from './component.ts';
import type { DatabaseConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { bool, duration, mapping, nonEmptyText, oneOf, wholeNumber } from './fields.ts';

const databaseSchema = mapping({
  driver: oneOf(DATABASE_DRIVER_NAMES),
  dsn: nonEmptyText(),
  max_in_flight: wholeNumber(1, 1000).default(2),
  migrate: bool().default(true),
  statement_timeout: duration().default(20_000),
  prepare: bool().default(true),
  refused_in_a_row: wholeNumber(1, 1_000_000).default(20),
});

/** Reads the fields of one `dicom_store`. */
export function readDatabase(
  document: ConfigDocument,
  component: Component<'dicom_store'>,
): DatabaseConfig | undefined {
  const fields = document.check(databaseSchema, component.body);
  if (fields === undefined) return undefined;
  const fault = databaseDriver(fields.driver).checkDsn(fields.dsn);
  if (fault !== undefined) document.report([...component.body, 'dsn'], fault);
  return {
    label: component.label,
    path: component.path,
    driver: fields.driver,
    dsn: document.secretAt([...component.body, 'dsn']),
    maxInFlight: fields.max_in_flight,
    migrate: fields.migrate,
    statementTimeoutMs: fields.statement_timeout,
    prepare: fields.prepare,
    refusedInARow: fields.refused_in_a_row,
  };
}
