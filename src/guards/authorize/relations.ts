// Whose an object is, where only the service that owns it knows: asked through the main thread, remembered for a while on
// each thread, bounded in number. What can not be found out is refused. HOT

/** `found`: ids of the owners, empty for an object that does not exist. */
export type Owners =
  | { readonly kind: 'found'; readonly owners: readonly string[] }
  | { readonly kind: 'unavailable' };

interface Remembered {
  readonly owners: readonly string[];
  readonly untilMs: number;
}

/** Objects of one generation of the memory; with both generations some megabytes. */
const GENERATION = 10_000;
/** Questions of one thread that are open; beyond them requests are refused for the moment. */
const MAX_ASKED = 1000;
/** How long a request waits for an answer, ms; the main thread gives up before. */
const TIMEOUT_MS = 12_000;

const unavailable: Owners = { kind: 'unavailable' };

/** What a thread knows of one relation. Goes with the snapshot: what was remembered never outlives its configuration. */
export class Relation {
  readonly #name: string;
  readonly #cacheMs: number;
  readonly #desk: RelationDesk;
  #young = new Map<string, Remembered>();
  #old = new Map<string, Remembered>();
  readonly #asking = new Map<string, Promise<Owners>>();

  constructor(name: string, cacheMs: number, desk: RelationDesk) {
    this.#name = name;
    this.#cacheMs = cacheMs;
    this.#desk = desk;
  }

  /** Owners of the object: at once when they are known, null when somebody has to be asked. */
  known(object: string, nowMs: number): readonly string[] | null {
    const hit = this.#young.get(object) ?? this.#old.get(object);
    return hit !== undefined && nowMs < hit.untilMs ? hit.owners : null;
  }

  /** Asks the owning service; requests for one object share a question. Never rejects. */
  ask(object: string, nowMs: number): Promise<Owners> {
    const running = this.#asking.get(object);
    if (running !== undefined) return running;
    const asked = this.#desk.ask(this.#name, object).then((answer) => {
      this.#asking.delete(object);
      if (answer.kind === 'found') this.#remember(object, answer.owners, nowMs + this.#cacheMs);
      return answer;
    });
    this.#asking.set(object, asked);
    return asked;
  }

  #remember(object: string, owners: readonly string[], untilMs: number): void {
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(object, { owners, untilMs });
  }
}

/** Open questions of one thread to the main thread. */
export class RelationDesk {
  readonly #send: (relation: string, id: number, object: string) => void;
  readonly #open = new Map<number, (answer: Owners) => void>();
  #count = 0;

  constructor(send: (relation: string, id: number, object: string) => void) {
    this.#send = send;
  }

  ask(relation: string, object: string): Promise<Owners> {
    if (this.#open.size >= MAX_ASKED) return Promise.resolve(unavailable);
    const id = ++this.#count;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answered(id, unavailable), TIMEOUT_MS);
      this.#open.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#send(relation, id, object);
    });
  }

  /** The main thread has an answer. */
  answered(id: number, answer: Owners): void {
    const resolve = this.#open.get(id);
    this.#open.delete(id);
    resolve?.(answer);
  }
}

/** Where nobody can be asked: every question is open to the end. */
export const closedDesk = new RelationDesk((_relation, id) =>
  queueMicrotask(() => closedDesk.answered(id, unavailable)),
);
