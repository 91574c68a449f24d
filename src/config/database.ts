import type { Component } from './component.ts';
import type { DatabaseConfig, DatabaseDriver } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { bool, duration, mapping, nonEmptyText, oneOf, wholeNumber } from './fields.ts';

const DRIVERS: readonly DatabaseDriver[] = ['postgres'];

const databaseSchema = mapping({
  driver: oneOf(['postgres', 'mysql', 'doris']),
  dsn: nonEmptyText(),
  max_in_flight: wholeNumber(1, 1000).default(2),
  migrate: bool().default(true),
  statement_timeout: duration().default(20_000),
});

/** Reads the fields of one `dicom_store`. */
export function readDatabase(
  document: ConfigDocument,
  component: Component<'dicom_store'>,
): DatabaseConfig | undefined {
  const fields = document.check(databaseSchema, component.body);
  if (fields === undefined) return undefined;
  const driver = DRIVERS.find((known) => known === fields.driver);
  if (driver === undefined) {
    document.report(
      [...component.body, 'driver'],
      `the driver ${fields.driver} is not run by this version, which runs ${DRIVERS.join(', ')}`,
    );
    return undefined;
  }
  if (!isPostgresUrl(fields.dsn)) {
    document.report(
      [...component.body, 'dsn'],
      'expected postgres://user:password@host:5432/database, other characters in the password percent-encoded',
    );
  }
  return {
    label: component.label,
    path: component.path,
    driver,
    dsn: document.secretAt([...component.body, 'dsn']),
    maxInFlight: fields.max_in_flight,
    migrate: fields.migrate,
    statementTimeoutMs: fields.statement_timeout,
  };
}

function isPostgresUrl(dsn: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(dsn) && URL.canParse(dsn);
}
