/** The supported databases. */

import { doris } from './doris/driver.ts';
import type { DatabaseDriver } from './driver.ts';
import { mysql } from './mysql/driver.ts';
import { postgres } from './postgres/driver.ts';

/** The drivers by their names in the configuration. */
export const DATABASE_DRIVERS = { postgres, mysql, doris } as const satisfies Readonly<Record<string, DatabaseDriver>>;

/** The name of a supported driver. */
export type DatabaseDriverName = keyof typeof DATABASE_DRIVERS;

/** The names of all supported drivers. */
export const DATABASE_DRIVER_NAMES = Object.keys(DATABASE_DRIVERS) as readonly DatabaseDriverName[];

/** The driver with this name. */
export function databaseDriver(name: DatabaseDriverName): DatabaseDriver {
  return DATABASE_DRIVERS[name];
}
