/** Consumed records, and the sum of what became of them: the two are equal at any moment. */
export function balanceOf(metrics: ReadonlyMap<string, number>): {
  readonly consumed: number;
  readonly booked: number;
} {
  const figure = (name: string) => metrics.get(`wado_records_${name}`) ?? Number.NaN;
  const places = ['acked', 'released', 'in_flight', 'waiting'].map(figure);
  return { consumed: figure('consumed'), booked: places.reduce((sum, each) => sum + each, figure('dead_lettered')) };
}
