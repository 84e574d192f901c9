// What connections do once a turn of the event loop. All streams of a connection that have something to say share one
// write at the end of the turn; and requests are begun and given up, which may make or close a connection to an upstream
// each, only so many a turn, so that a client with hundreds of them does not keep the others waiting. HOT

/** Work that all connections of the thread together do in a turn, in requests that find their upstream connection. */
const WORK_PER_TURN = 32;
/** What making or closing a connection to an upstream adds to a request. */
const CONNECTION_WORK = 3;
/** Requests that each connection may have of them, and what it gets even when nothing is left. */
const MOST_OF_A_CONNECTION = 16;
const LEAST_OF_A_CONNECTION = 1;

export interface Flushable {
  /** Whether it waits in the queue; the queue's to set. */
  isScheduled: boolean;
  flushNow(): void;
}

let dirty: Flushable[] = [];
let scheduled = false;
let work = 0;

function flushDirty(): void {
  scheduled = false;
  work = 0;
  const list = dirty;
  dirty = [];
  for (let i = 0; i < list.length; i++) {
    list[i]!.isScheduled = false;
    list[i]!.flushNow();
  }
}

export function scheduleFlush(connection: Flushable): void {
  if (connection.isScheduled) return;
  connection.isScheduled = true;
  dirty.push(connection);
  scheduleTurn();
}

function scheduleTurn(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(flushDirty);
}

/** Whether a connection that has begun or given up `done` requests in this turn may do so with one more now. */
export function takeRequestOfTurn(done: number): boolean {
  if (done >= MOST_OF_A_CONNECTION) return false;
  if (done >= LEAST_OF_A_CONNECTION && work >= WORK_PER_TURN) return false;
  work++;
  scheduleTurn();
  return true;
}

/** A connection to an upstream was made or closed. */
export function chargeConnection(): void {
  work += CONNECTION_WORK;
  scheduleTurn();
}
