import { Origin } from '../records/records.ts';

/** An origin without content: an output acknowledges a whole batch. */
export class StoreOrigin extends Origin {}
