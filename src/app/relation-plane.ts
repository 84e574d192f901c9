// The control plane's half of relations: the services that are asked whose objects are, as the configuration names them,
// and the decisions that rest on them.
import type { GateConfig } from '../config/index.ts';
import { DecisionPoint } from '../decisions/index.ts';
import type { Geography } from '../geography/index.ts';
import { type OwnersAnswer, RelationSource } from '../identity/index.ts';

export class RelationPlane {
  /** By name; a relation whose settings did not change keeps its open questions. */
  readonly #sources = new Map<string, { readonly settings: string; readonly source: RelationSource }>();

  #point: { readonly config: GateConfig; readonly point: DecisionPoint } | null = null;

  /** Answers questions of services by the configuration `config`. */
  decisionPoint(config: GateConfig, places: Geography | null): DecisionPoint {
    if (this.#point?.config !== config) {
      const point = new DecisionPoint(config, places, (relation, object) =>
        this.owners(config, relation, object),
      );
      this.#point = { config, point };
    }
    return this.#point.point;
  }

  /** Never rejects; a relation that is gone can not be asked. */
  owners(config: GateConfig, relation: string, object: string): Promise<OwnersAnswer> {
    const found = config.relations.find(({ name }) => name === relation);
    if (found === undefined) return Promise.resolve({ kind: 'unavailable' });
    const settings = JSON.stringify(found);
    let kept = this.#sources.get(relation);
    if (kept?.settings !== settings) {
      kept = { settings, source: new RelationSource(found) };
      this.#sources.set(relation, kept);
    }
    return kept.source.owners(object);
  }
}
