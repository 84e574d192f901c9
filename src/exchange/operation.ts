// An operation is the unit that users secure: one method on one path template of one API.

export interface Operation {
  /** Dense and unique within a snapshot, from 0; rows of metric tables are addressed by it. */
  readonly index: number;
  /** Name of the API in the configuration. */
  readonly api: string;
  /** `operationId` of the contract, or `METHOD /template` where it has none. Unique within the API. */
  readonly id: string;
  readonly method: string;
  /** OpenAPI path template including the API's base path, for instance `/orders/v2/orders/{orderId}`. */
  readonly template: string;
  /** Names of the template's parameters, in order; `Exchange.params` holds the values at the same positions. */
  readonly paramNames: readonly string[];
  /** True when the operation is open to callers without credentials. */
  readonly public: boolean;
}
