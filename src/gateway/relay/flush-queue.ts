// Connections with something to send at the end of this turn of the event loop: all streams of a connection that have
// something to say share one write. HOT

export interface Flushable {
  /** Whether it waits in the queue; the queue's to set. */
  isScheduled: boolean;
  flushNow(): void;
}

let dirty: Flushable[] = [];
let scheduled = false;

function flushDirty(): void {
  scheduled = false;
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
  if (!scheduled) {
    scheduled = true;
    setImmediate(flushDirty);
  }
}
