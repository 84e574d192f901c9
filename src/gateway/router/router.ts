// From host, method and path to an operation. Paths without parameters are one map look-up; the others walk a tree,
// a level a segment, in which fixed text is tried before patterns and patterns before whole-segment parameters. The
// cost depends on the path, not on the number of operations. HOT

export interface Route<T> {
  /** Lower-case names; `*.example.com` stands for one label; empty: any host. */
  readonly hosts: readonly string[];
  readonly method: string;
  /**
   * OpenAPI path template, canonical like the paths it is compared with. A last segment `{name*}` takes one segment or
   * more, slashes included.
   */
  readonly template: string;
  readonly value: T;
}

/** Outcome of a look-up; reused by its owner. */
export class RouteMatch<T> {
  value: T | null = null;
  /** Percent-decoded values of the template's parameters, in order; a fresh array where there are any. */
  params: readonly string[] = none;
  /** Methods of the path for the Allow field, when another method was asked for. */
  allow = '';
}

export type RouteResult = 'found' | 'method-not-allowed' | 'unknown' | 'ambiguous';

const none: readonly string[] = Object.freeze([]) as readonly string[];
/** Segments looked at; longer paths match nothing. */
const MAX_SEGMENTS = 64;
/** Nodes visited in one look-up: beyond it the path is refused rather than searched on. */
const MAX_VISITS = 256;

interface Leaf<T> {
  readonly methods: Map<string, T>;
  allow: string;
}

/** A segment that mixes text and parameters, for instance `{name}.json`. */
interface PatternEdge<T> {
  readonly source: string;
  readonly expression: RegExp;
  readonly node: Node<T>;
}

interface Node<T> {
  readonly fixed: Map<string, Node<T>>;
  readonly patterns: PatternEdge<T>[];
  parameter: Node<T> | null;
  leaf: Leaf<T> | null;
  /** Takes all segments that are left, one at least; `{name*}` at the end of a template. */
  rest: Leaf<T> | null;
}

const newNode = <T>(): Node<T> => ({
  fixed: new Map(),
  patterns: [],
  parameter: null,
  leaf: null,
  rest: null,
});

/** Operations of one set of hosts. */
interface Table<T> {
  readonly exact: Map<string, Leaf<T>>;
  readonly root: Node<T>;
  /** False when exact paths are all there is. */
  hasTree: boolean;
}

const newTable = <T>(): Table<T> => ({ exact: new Map(), root: newNode(), hasTree: false });

export class Router<T> {
  readonly #hosts: ReadonlyMap<string, Table<T>>;
  readonly #wildcards: ReadonlyMap<string, Table<T>>;
  readonly #any: Table<T> | null;
  readonly #captures: string[] = [];
  #visits = 0;
  #found: Leaf<T> | null = null;

  constructor(
    hosts: ReadonlyMap<string, Table<T>>,
    wildcards: ReadonlyMap<string, Table<T>>,
    any: Table<T> | null,
  ) {
    this.#hosts = hosts;
    this.#wildcards = wildcards;
    this.#any = any;
  }

  /**
   * Looks the operation up. The most specific host that is configured decides alone: an operation of another host set
   * is not reachable through it. HEAD is served by GET where the contract has no HEAD of its own.
   */
  find(host: string, method: string, path: string, match: RouteMatch<T>): RouteResult {
    const table = this.#tableOf(host);
    match.value = null;
    match.params = none;
    match.allow = '';
    if (table === null) return 'unknown';
    let leaf = table.exact.get(path) ?? null;
    if (leaf !== null) {
      const value = entryOf(leaf, method);
      if (value !== undefined) {
        match.value = value;
        return 'found';
      }
    }
    if (!table.hasTree) return this.#miss(leaf, match);

    const fixedLeaf = leaf;
    this.#captures.length = 0;
    this.#visits = 0;
    this.#found = null;
    const value = this.#walk(table.root, path, 1, 0, method, 0);
    if (value !== undefined) {
      match.value = value;
      return decodeParams(this.#captures, match) ? 'found' : 'ambiguous';
    }
    leaf = fixedLeaf ?? this.#found;
    return this.#miss(leaf, match);
  }

  #tableOf(host: string): Table<T> | null {
    const exact = this.#hosts.get(host);
    if (exact !== undefined) return exact;
    if (this.#wildcards.size > 0) {
      const dot = host.indexOf('.');
      if (dot > 0) {
        const wildcard = this.#wildcards.get(host.slice(dot));
        if (wildcard !== undefined) return wildcard;
      }
    }
    return this.#any;
  }

  #miss(leaf: Leaf<T> | null, match: RouteMatch<T>): RouteResult {
    if (leaf === null) return 'unknown';
    match.allow = leaf.allow;
    return 'method-not-allowed';
  }

  /** Depth first, most specific edge first; `captured` parameters stand at the front of `#captures`. */
  #walk(
    node: Node<T>,
    path: string,
    at: number,
    depth: number,
    method: string,
    captured: number,
  ): T | undefined {
    if (depth > MAX_SEGMENTS || ++this.#visits > MAX_VISITS) return undefined;
    if (at > path.length) {
      const leaf = node.leaf;
      if (leaf === null) return undefined;
      const value = entryOf(leaf, method);
      if (value === undefined) this.#found ??= leaf;
      else this.#captures.length = captured;
      return value;
    }
    const slash = path.indexOf('/', at);
    const end = slash === -1 ? path.length : slash;
    const segment = path.slice(at, end);
    const next = slash === -1 ? path.length + 1 : slash + 1;

    const fixed = node.fixed.get(segment);
    if (fixed !== undefined) {
      const value = this.#walk(fixed, path, next, depth + 1, method, captured);
      if (value !== undefined) return value;
    }
    if (segment === '') return undefined;
    for (let i = 0; i < node.patterns.length; i++) {
      const edge = node.patterns[i]!;
      const groups = edge.expression.exec(segment);
      if (groups === null) continue;
      for (let g = 1; g < groups.length; g++) this.#captures[captured + g - 1] = groups[g]!;
      const value = this.#walk(edge.node, path, next, depth + 1, method, captured + groups.length - 1);
      if (value !== undefined) return value;
    }
    if (node.parameter !== null) {
      this.#captures[captured] = segment;
      const value = this.#walk(node.parameter, path, next, depth + 1, method, captured + 1);
      if (value !== undefined) return value;
    }
    return node.rest === null ? undefined : this.#takeRest(node.rest, path, at, method, captured);
  }

  #takeRest(leaf: Leaf<T>, path: string, at: number, method: string, captured: number): T | undefined {
    const value = entryOf(leaf, method);
    if (value === undefined) {
      this.#found ??= leaf;
      return undefined;
    }
    this.#captures[captured] = path.slice(at);
    this.#captures.length = captured + 1;
    return value;
  }
}

function entryOf<T>(leaf: Leaf<T>, method: string): T | undefined {
  const value = leaf.methods.get(method);
  return value === undefined && method === 'HEAD' ? leaf.methods.get('GET') : value;
}

/** Copies captures into `match`, decoded; the normaliser has left no escape that decodes to a separator. */
function decodeParams<T>(captures: readonly string[], match: RouteMatch<T>): boolean {
  const params = captures.slice();
  for (let i = 0; i < params.length; i++) {
    const raw = params[i]!;
    if (raw.indexOf('%') === -1) continue;
    try {
      params[i] = decodeURIComponent(raw);
    } catch {
      return false;
    }
  }
  match.params = params;
  return true;
}

/** Builds the router. Throws RangeError for two routes with the same host, method and template shape. */
export function compileRouter<T>(routes: readonly Route<T>[]): Router<T> {
  const hosts = new Map<string, Table<T>>();
  const wildcards = new Map<string, Table<T>>();
  let any: Table<T> | null = null;
  for (const route of routes) {
    if (route.hosts.length === 0) {
      any ??= newTable();
      insert(any, route);
    }
    for (const host of route.hosts) {
      const isWildcard = host.startsWith('*.');
      const tables = isWildcard ? wildcards : hosts;
      const key = isWildcard ? host.slice(1) : host;
      let table = tables.get(key);
      if (table === undefined) {
        table = newTable();
        tables.set(key, table);
      }
      insert(table, route);
    }
  }
  return new Router(hosts, wildcards, any);
}

function insert<T>(table: Table<T>, route: Route<T>): void {
  let leaf: Leaf<T> | null;
  if (route.template.indexOf('{') === -1) {
    leaf = table.exact.get(route.template) ?? null;
    if (leaf === null) {
      leaf = { methods: new Map(), allow: '' };
      table.exact.set(route.template, leaf);
    }
  } else {
    table.hasTree = true;
    let node = table.root;
    const segments = route.template.slice(1).split('/');
    const takesRest = /^\{[^{}]+\*\}$/.test(segments.at(-1)!);
    if (takesRest) segments.pop();
    for (const segment of segments) node = descend(node, segment);
    leaf = (takesRest ? node.rest : node.leaf) ?? { methods: new Map(), allow: '' };
    if (takesRest) node.rest = leaf;
    else node.leaf = leaf;
  }
  if (leaf.methods.has(route.method)) {
    throw new RangeError(`two operations for ${route.method} ${route.template}`);
  }
  leaf.methods.set(route.method, route.value);
  const methods = [...leaf.methods.keys()];
  if (leaf.methods.has('GET') && !leaf.methods.has('HEAD')) methods.push('HEAD');
  leaf.allow = methods.sort().join(', ');
}

function descend<T>(node: Node<T>, segment: string): Node<T> {
  if (segment.indexOf('{') === -1) {
    let next = node.fixed.get(segment);
    if (next === undefined) {
      next = newNode();
      node.fixed.set(segment, next);
    }
    return next;
  }
  if (/^\{[^{}]+\}$/.test(segment)) {
    node.parameter ??= newNode();
    return node.parameter;
  }
  const source = patternSource(segment);
  const known = node.patterns.find((edge) => edge.source === source);
  if (known !== undefined) return known.node;
  const edge = { source, expression: new RegExp(source), node: newNode<T>() };
  node.patterns.push(edge);
  // More fixed text first, so that `{id}.json` is tried before `{id}.{format}`.
  node.patterns.sort((a, b) => fixedLength(b.source) - fixedLength(a.source));
  return edge.node;
}

/** Expression of a mixed segment: the first parameters take as little as they can, so no two can trade characters. */
function patternSource(segment: string): string {
  const parts = segment.split(/\{[^{}]+\}/);
  const escaped = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return `^${escaped.join('(.+?)')}$`;
}

const fixedLength = (source: string): number => source.replace(/\(\.\+\?\)/g, '').length;
