import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Intake } from '../../src/kafka/consumer/intake.ts';
import { WatermarkTracker } from '../../src/kafka/consumer/watermark.ts';

const PARTITION = { topic: 't', partition: 0 };
type State = 'new' | 'waiting' | 'resumed';

/** Records in the states that the test knows, beside the tracker and the intake. */
class Model {
  readonly intake: Intake;
  readonly #tracker = new WatermarkTracker();
  readonly #states = new Map<number, State>();
  #next = 0;
  #polled = 0;

  constructor(checkpointLimit: number) {
    this.intake = new Intake(this.#tracker, { checkpointLimit });
    this.#tracker.assign([PARTITION]);
  }

  in(state: State): number[] {
    return [...this.#states].filter(([, each]) => each === state).map(([offset]) => offset);
  }

  get inFlight(): number {
    return this.in('new').length + this.in('resumed').length;
  }

  /** The client may return fewer records than it was asked for, and later. */
  startPoll(): void {
    this.#polled = Math.max(0, this.intake.room);
    this.intake.polls(this.#polled);
  }

  endPoll(most: number): void {
    for (let i = 0; i < Math.min(most, this.#polled); i++) {
      this.#tracker.track({ ...PARTITION, offset: this.#next });
      this.#states.set(this.#next++, 'new');
    }
    this.#polled = 0;
    this.intake.polls(0);
  }

  wait(offsets: readonly number[]): void {
    this.#tracker.waits(offsets.map((offset) => ({ ...PARTITION, offset, bytes: 1, reason: 'file_wait' as const })));
    for (const offset of offsets) this.#states.set(offset, 'waiting');
  }

  resume(due: number): number {
    const granted = this.in('waiting').slice(0, this.intake.resumable(due));
    this.#tracker.resumes(granted.map((offset) => ({ ...PARTITION, offset })));
    for (const offset of granted) this.#states.set(offset, 'resumed');
    return granted.length;
  }

  ack(offsets: readonly number[]): void {
    this.#tracker.ack(offsets.map((offset) => ({ ...PARTITION, offset })));
    for (const offset of offsets) this.#states.delete(offset);
  }

  revoke(): void {
    this.#tracker.assign([PARTITION]);
    this.#states.clear();
  }
}

const STEPS = ['startPoll', 'endPoll', 'wait', 'waitAgain', 'resume', 'ackNew', 'ackResumed', 'revoke'] as const;
const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.integer({ min: 1, max: 30 })), {
  maxLength: 80,
  size: 'max',
});

function run(model: Model, step: (typeof STEPS)[number], count: number): void {
  if (step === 'startPoll') model.startPoll();
  if (step === 'endPoll') model.endPoll(count);
  if (step === 'wait') model.wait(model.in('new').slice(0, count));
  if (step === 'waitAgain') model.wait(model.in('resumed').slice(0, count));
  if (step === 'resume') model.resume(Math.min(count, model.in('waiting').length));
  if (step === 'ackNew') model.ack(model.in('new').slice(0, count));
  if (step === 'ackResumed') model.ack(model.in('resumed').slice(0, count));
  if (step === 'revoke') model.revoke();
}

describe('records in flight', () => {
  it('are at most checkpoint_limit, new and resumed ones together, and neither kind holds up the other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (limit, taken) => {
        const model = new Model(limit);
        for (const [step, count] of taken) {
          run(model, step, count);
          expect(model.inFlight).toBeLessThanOrEqual(Math.max(2, limit));
          expect(model.in('resumed').length).toBeLessThanOrEqual(Math.max(1, limit / 2));
        }
        // Resumed records that never end don't stop new ones.
        model.endPoll(0);
        model.ack(model.in('new'));
        expect(model.intake.room).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  it.each([1, 2, 3, 10])('include due records even if each poll takes all the room (limit %i)', (limit) => {
    const model = new Model(limit);
    model.startPoll();
    model.endPoll(limit);
    model.wait(model.in('new'));
    model.startPoll();
    model.endPoll(limit);
    // Records are only resumed during a poll.
    for (let round = 0; round < 4 * limit && model.in('waiting').length > 0; round++) {
      model.startPoll();
      model.resume(model.in('waiting').length);
      model.ack([...model.in('new'), ...model.in('resumed')]);
      model.endPoll(limit);
    }
    expect(model.in('waiting')).toEqual([]);
  });
});
