// What connections do once a turn of the event loop. All streams of a connection that have something to say share one
// write at the end of the turn; and requests are begun and given up, which may make or close a connection to an upstream
// each, only so many a turn, so that a client with hundreds of them does not keep the others waiting. HOT

/** Requests that all connections of the thread together begin or give up in a turn, some 1 to 3 ms of work. */
const REQUESTS_PER_TURN = 32;
/** What each connection may have of them, and what it gets even when there are none left. */
const MOST_OF_A_CONNECTION = 16;
const LEAST_OF_A_CONNECTION = 2;

export interface Flushable {
  /** Whether it waits in the queue; the queue's to set. */
  isScheduled: boolean;
  flushNow(): void;
}

let dirty: Flushable[] = [];
let scheduled = false;
let requests = 0;

function flushDirty(): void {
  scheduled = false;
  requests = 0;
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
  if (done >= LEAST_OF_A_CONNECTION && requests >= REQUESTS_PER_TURN) return false;
  requests++;
  scheduleTurn();
  return true;
}
