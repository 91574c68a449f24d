import { z } from 'zod';
import type { DatabaseDriver } from '../databases/driver.ts';
import type { DriverOptionValues } from '../databases/driver-options.ts';
import { DATABASE_DRIVERS, type DatabaseDriverName } from '../databases/registry.ts';
import type { Component } from './component.ts';
import type { DatabaseConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { optionFields } from './driver-options.ts';
import { bool, duration, mapping, nonEmptyText, oneOf, wholeNumber } from './fields.ts';
import type { Path } from './yaml-tree.ts';

/** The drivers by their names in the configuration. */
export type Drivers = Readonly<Record<string, Pick<DatabaseDriver, 'options' | 'checkDsn'>>>;

/** Reads the fields of one `dicom_store`. `drivers` are those of the registry; tests add others. */
export function readDatabase(
  document: ConfigDocument,
  component: Component<'dicom_store'>,
  drivers: Drivers = DATABASE_DRIVERS,
): DatabaseConfig | undefined {
  const named = document.at([...component.body, 'driver']);
  const own = typeof named === 'string' && Object.hasOwn(drivers, named) ? drivers[named] : undefined;
  const fields = document.check(schemaOf(own, drivers), component.body);
  if (fields === undefined || own === undefined) return undefined;
  checkDsn(document, [...component.body, 'dsn'], fields.dsn, own, drivers);
  const values = Object.entries(fields).filter(([name]) => name in own.options);
  return {
    label: component.label,
    path: component.path,
    driver: fields.driver as DatabaseDriverName,
    dsn: document.secretAt([...component.body, 'dsn']),
    maxInFlight: fields.max_in_flight,
    migrate: fields.migrate,
    statementTimeoutMs: fields.statement_timeout,
    refusedInARow: fields.refused_in_a_row,
    options: Object.fromEntries(values) as DriverOptionValues,
  };
}

/** If the driver is unknown, only that is reported: any driver's options are accepted. */
function schemaOf(own: Drivers[string] | undefined, drivers: Drivers) {
  return mapping({
    ...optionsOfOthers(own, drivers),
    driver: oneOf(Object.keys(drivers)),
    dsn: nonEmptyText(),
    max_in_flight: wholeNumber(1, 1000).default(2),
    migrate: bool().default(true),
    statement_timeout: duration().default(20_000),
    refused_in_a_row: wholeNumber(1, 1_000_000).default(20),
    ...optionFields(own?.options ?? {}),
  });
}

/** An option of another driver is an error that names that driver. */
function optionsOfOthers(own: Drivers[string] | undefined, drivers: Drivers): Readonly<Record<string, z.ZodType>> {
  const options = Object.entries(drivers).flatMap(([driver, { options }]) =>
    Object.keys(options).map((option) => {
      const error = `is an option of the driver ${driver}, not of this one`;
      const isAbsent = (given: unknown) => given === undefined || own === undefined;
      return [option, z.unknown().refine(isAbsent, { error }).optional()] as const;
    }),
  );
  return Object.fromEntries(options);
}

function checkDsn(document: ConfigDocument, path: Path, dsn: string, own: Drivers[string], drivers: Drivers): void {
  const fault = own.checkDsn(dsn);
  if (fault === undefined) return;
  const other = Object.keys(drivers).find((name) => drivers[name]?.checkDsn(dsn) === undefined);
  document.report(path, other === undefined ? fault : `${fault}; this DSN is for the driver ${other}`);
}
