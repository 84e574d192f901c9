// How likely it is that a request does not come from whom it seems to: a number from 0 to 100, added up from signs that
// the configuration weighs. It refuses nothing by itself; policies read it as `context.risk`. HOT
import type { Clock } from '../../core/index.ts';
import type { Exchange } from '../../exchange/index.ts';
import type { LimitTable } from '../../limits/index.ts';
import { AddressSet } from '../../net/index.ts';
import type { RiskConfig } from './contract.ts';
import { KnownDevices } from './new-device.ts';

export const MAX_RISK = 100;

export type Assess = (exchange: Exchange) => number;

/** `table` keeps what is known of callers' devices, over all threads. */
export function compileRisk(config: RiskConfig, table: LimitTable, clock: Clock): Assess {
  const lists = config.addresses.map(({ blocks, adds }) => ({ blocks: new AddressSet(blocks), adds }));
  const { tokenAge, newDevice } = config;
  const devices = newDevice === null ? null : new KnownDevices(newDevice.rememberMs, table, clock);
  return (exchange) => {
    let risk = 0;
    for (let i = 0; i < lists.length; i++) {
      if (lists[i]!.blocks.has(exchange.clientAddress)) risk += lists[i]!.adds;
    }
    if (tokenAge !== null) {
      const issued = exchange.consumer?.claims['iat'];
      const isOld = typeof issued === 'number' && exchange.receivedMs - issued * 1000 > tokenAge.overMs;
      if (isOld) risk += tokenAge.adds;
    }
    if (devices?.isNew(exchange) === true) risk += newDevice!.adds;
    return risk > MAX_RISK ? MAX_RISK : risk;
  };
}
