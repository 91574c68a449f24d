/**
 * Keeps a plugin available although its process may die. Redpanda Connect (4.99) never notices the death of a plugin by a signal and fails
 * every further batch. So Connect's child is this supervisor, which listens on the socket and runs the plugin in a worker:
 * calls wait while a new worker starts, and calls that a dead worker has not answered are repeated.
 */
import { type CallHandler, errorResponse, isErrorResponse, METHODS, type Method, Unavailable } from './calls.ts';
import { type CallContext, type Plugin, PluginError } from './component.ts';
import { FRAME, type Frame, idAfter } from './frames.ts';
import { PendingCall } from './pending-call.ts';
import { type WorkerCommand, type WorkerEnd, WorkerProcess } from './worker-process.ts';

/** The settings of a supervisor. Times are in milliseconds. */
export interface SupervisorOptions extends WorkerCommand {
  readonly type: Plugin['type'];
  /** Called when a worker ended that should not have. */
  readonly onWorkerLost?: (end: WorkerEnd, lost: WorkerLoss) => void;
  /** Called when Connect has closed the plugin. */
  readonly onClosed?: () => void;
  /** How long a call waits for a worker before it is answered with an error [5000]. */
  readonly holdMs?: number;
  /** A worker that is silent for this long is killed [10000]. */
  readonly silenceMs?: number;
  /** A worker that is not initialised this long after its start is killed [30000]. */
  readonly startMs?: number;
  /** Called when Connect has not initialised the plugin for `initMs`. */
  readonly onUnused?: () => void;
  /** How long Connect may take to initialise the plugin [60000]. */
  readonly initMs?: number;
}

/** What a worker's end costs. */
export interface WorkerLoss {
  /** Batches that it had not answered. */
  readonly calls: number;
  /** The pause before the next worker starts. */
  readonly delayMs: number;
}

const HOLD_MS = 5_000;
const SILENCE_MS = 10_000;
const START_MS = 30_000;
const INIT_MS = 60_000;
const BACKOFF_MS = 1_000;
/** A batch that was in the hands of this many dying workers is answered with an error: it may be the cause. */
const MAX_ATTEMPTS = 3;
/** A worker that ran this long was not ended by its start. */
const STABLE_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
const STOP_GRACE_MS = 3_000;
const TICKS_PER_SILENCE = 10;

/** Answers calls with the help of a worker. Starts the first worker at once. */
export class Supervisor implements CallHandler {
  readonly #options: SupervisorOptions;
  readonly #methods: readonly Method[];
  /** Calls that no worker has yet, in the order of their arrival. */
  #waiting: PendingCall[] = [];
  readonly #sent = new Map<number, PendingCall>();
  readonly #watch: NodeJS.Timeout;
  readonly #tickMs: number;
  readonly #unused: NodeJS.Timeout;
  #nextId = 1;
  #worker: WorkerProcess | undefined;
  /** Whether the worker takes calls, and whether it has the configuration. */
  #state: 'starting' | 'up' | 'initialised' = 'starting';
  #startedAt = 0;
  #failures = 0;
  #silentTicks = 0;
  /** Since the worker's start, until it is initialised. */
  #startTicks = 0;
  #lastTickAt = performance.now();
  #config: Uint8Array | undefined;
  #stopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#methods = METHODS[options.type];
    this.#tickMs = (options.silenceMs ?? SILENCE_MS) / TICKS_PER_SILENCE;
    this.#watch = setInterval(() => this.#tick(), this.#tickMs);
    this.#unused = setTimeout(() => options.onUnused?.(), options.initMs ?? INIT_MS);
    this.#start();
  }

  /** Whether Connect has initialised the plugin and has not closed it. */
  get inUse(): boolean {
    return this.#config !== undefined && !this.#stopping;
  }

  call(method: Method, request: Uint8Array, { signal }: CallContext): Promise<Uint8Array> {
    if (method === 'Close') return this.#close(request, signal);
    if (method === 'Init') clearTimeout(this.#unused);
    const call = new PendingCall(method, request);
    signal.addEventListener('abort', () => this.#cancel(call), { once: true });
    this.#enqueue([call]);
    this.#flush();
    return call.response;
  }

  /** After it, a worker that ends is not replaced. */
  async #close(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    this.#stopping = true;
    signal.addEventListener('abort', () => this.#options.onClosed?.(), { once: true });
    clearTimeout(this.#restart);
    const call = new PendingCall('Close', request);
    // Without a worker there is nothing to close.
    if (this.#worker === undefined) call.resolve(new Uint8Array(0));
    else {
      this.#enqueue([call]);
      this.#flush();
    }
    try {
      return await call.response;
    } finally {
      this.#options.onClosed?.();
    }
  }

  /** Ends the worker. Calls that are not answered fail. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    clearTimeout(this.#unused);
    clearTimeout(this.#restart);
    await this.#worker?.stop(STOP_GRACE_MS);
    for (const call of [...this.#waiting.splice(0), ...this.#sent.values()]) this.#fail(call, 'the plugin has ended');
  }

  #start(): void {
    this.#state = 'starting';
    this.#silentTicks = 0;
    this.#startTicks = 0;
    this.#startedAt = performance.now();
    const worker = new WorkerProcess(this.#options, {
      frame: (frame) => this.#onFrame(frame),
      end: (end) => this.#onEnd(end),
    });
    this.#worker = worker;
  }

  #onFrame({ kind, id, payload }: Frame): void {
    this.#silentTicks = 0;
    if (kind === FRAME.ready) {
      this.#state = this.#config === undefined ? 'initialised' : 'up';
      if (this.#state === 'up' && !this.#waiting.some(isInit)) this.#initialise();
      this.#flush();
      return;
    }
    const call = this.#sent.get(id);
    if (call === undefined) return;
    this.#sent.delete(id);
    if (kind === FRAME.unavailable) call.reject(new Unavailable(payload.toString()));
    else if (isInit(call)) this.#onInit(call, payload);
    else call.resolve(payload);
  }

  /** Passes the configuration of the previous worker to a new one. */
  #initialise(): void {
    const init = new PendingCall('Init', this.#config ?? new Uint8Array(0));
    init.response.then(
      (response) => isErrorResponse('Init', response) && this.#worker?.kill(),
      () => undefined,
    );
    this.#waiting.unshift(init);
  }

  #onInit(call: PendingCall, response: Buffer): void {
    if (!isErrorResponse('Init', response)) {
      this.#config = call.request;
      this.#state = 'initialised';
    }
    call.resolve(response);
    this.#flush();
  }

  /** Sends what the worker can take: before it has the configuration, only that. */
  #flush(): void {
    const worker = this.#worker;
    if (worker === undefined || this.#state === 'starting') return;
    const ready = this.#state === 'initialised' ? this.#waiting.splice(0) : this.#waiting.filter(isInit);
    if (this.#state === 'up') this.#waiting = this.#waiting.filter((call) => !isInit(call));
    for (const call of ready) {
      const id = this.#nextId;
      this.#nextId = idAfter(id);
      call.sent(id);
      this.#sent.set(id, call);
      worker.call(id, this.#methods.indexOf(call.method), call.request);
    }
  }

  #onEnd(end: WorkerEnd): void {
    this.#worker = undefined;
    this.#state = 'starting';
    const unanswered = [...this.#sent.values()];
    this.#sent.clear();
    // The worker that was to be closed is gone.
    for (const call of [...unanswered, ...this.#waiting]) if (call.method === 'Close') call.resolve(new Uint8Array(0));
    const [repeatable, hopeless] = partition(unanswered, (call) => call.attempts < MAX_ATTEMPTS);
    for (const call of hopeless) this.#fail(call, `${MAX_ATTEMPTS} processes of the plugin ended during this call`);
    // Those that were answered above.
    this.#waiting = this.#waiting.filter((call) => !call.settled);
    this.#enqueue(
      repeatable.filter((call) => !call.settled),
      true,
    );
    if (this.#stopping) return;
    const lasted = performance.now() - this.#startedAt;
    this.#failures = lasted >= STABLE_MS ? 1 : this.#failures + 1;
    const delayMs = this.#failures === 1 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 2));
    this.#options.onWorkerLost?.(end, { calls: unanswered.filter(hasBatch).length, delayMs });
    this.#restart = setTimeout(() => this.#start(), delayMs);
  }

  #enqueue(calls: readonly PendingCall[], first = false): void {
    this.#waiting = first ? [...calls, ...this.#waiting] : [...this.#waiting, ...calls];
    for (const call of calls)
      call.answerAfter(this.#options.holdMs ?? HOLD_MS, () => {
        this.#waiting = this.#waiting.filter((each) => each !== call);
        this.#fail(call, 'the plugin is being restarted');
      });
  }

  #cancel(call: PendingCall): void {
    if (call.settled) return;
    this.#waiting = this.#waiting.filter((each) => each !== call);
    // The worker's answer is dropped, and the call is not repeated.
    if (call.id !== undefined) this.#worker?.cancel(call.id);
    this.#fail(call, 'the call was cancelled');
  }

  /** The errors of Init and Connect are gRPC statuses, which Connect retries. */
  #fail(call: PendingCall, message: string): void {
    if (call.id !== undefined) this.#sent.delete(call.id);
    if (call.method === 'Init' || call.method === 'Connect') call.reject(new Unavailable(message));
    else if (call.method === 'Send')
      call.resolve(errorResponse('Send', new PluginError(message, { notConnected: true })));
    else call.resolve(errorResponse(call.method, new PluginError(message, { backoffMs: BACKOFF_MS })));
  }

  /** Counts ticks instead of measuring time, so that a suspension of both processes is no silence. */
  #tick(): void {
    const worker = this.#worker;
    const now = performance.now();
    const wasSuspended = now - this.#lastTickAt > 2 * this.#tickMs + LATE_MS;
    this.#lastTickAt = now;
    if (worker === undefined) return;
    if (wasSuspended) this.#silentTicks = 0;
    this.#silentTicks++;
    this.#startTicks++;
    const startTicks = Math.ceil((this.#options.startMs ?? START_MS) / this.#tickMs);
    const isLate = this.#state !== 'initialised' && this.#startTicks > startTicks;
    const isSilent = this.#state !== 'starting' && this.#silentTicks > TICKS_PER_SILENCE;
    if (isLate || isSilent) worker.kill();
    else if (this.#state !== 'starting') worker.ping();
  }
}

/** A tick may be this late on a busy machine without a suspension. */
const LATE_MS = 2_000;

function isInit({ method }: PendingCall): boolean {
  return method === 'Init';
}

function hasBatch({ method }: PendingCall): boolean {
  return method === 'ProcessBatch' || method === 'Send';
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
