/** Writes a log line to stderr, which Connect reads line by line. */
export function logWarning(fields: Readonly<Record<string, unknown>>, message: string): void {
  process.stderr.write(
    `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), ...fields, msg: message })}\n`,
  );
}
