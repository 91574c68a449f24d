/** The service's own figures, as a monitor reads them. */

/** All series of `/metrics` at `origin`, summed over their labels, by name; null while nothing answers there. */
export async function readMetrics(origin: string): Promise<ReadonlyMap<string, number> | null> {
  const answer = await fetch(`${origin}/metrics`).catch(() => null);
  if (answer === null) return null;
  const sums = new Map<string, number>();
  for (const line of (await answer.text()).split('\n')) {
    const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/** Consumed records, and what the books say became of them: the two are to be equal at any moment. */
export function balanceOf(metrics: ReadonlyMap<string, number>): {
  readonly consumed: number;
  readonly booked: number;
} {
  const figure = (name: string) => metrics.get(`wado_records_${name}`) ?? Number.NaN;
  const places = ['acked', 'released', 'in_flight', 'waiting'].map(figure);
  return { consumed: figure('consumed'), booked: places.reduce((sum, each) => sum + each, figure('dead_lettered')) };
}
