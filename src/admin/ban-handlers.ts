// Bans by hand: an address is refused for a while, and admitted again when somebody says so.
import { BanError, banBlock } from '../admission/index.ts';
import { AddressSet, parseCidr } from '../net/index.ts';
import { type AdminHandler, type AdminParts, AdminProblem, callerOf } from './contract.ts';

export function banHandlers(parts: AdminParts) {
  const bansOf = () => {
    const bans = parts.bans();
    if (bans === null) throw new AdminProblem('service-unavailable', 'Bans have not begun.');
    return bans;
  };

  return {
    listBans: () => ({
      status: 200,
      body: {
        items: [...bansOf().list()]
          .sort((a, b) => b.createdMs - a.createdMs)
          .map(({ block, reason, by, createdMs, untilMs }) => ({ block, reason, by, createdMs, untilMs })),
      },
    }),

    addBan: async (request) => {
      const { block, reason, forMs } = request.body as { block: string; reason: string; forMs: number };
      if (parseCidr(block) === null)
        throw new AdminProblem('body-invalid', 'block: no address and no block.');
      if (new AddressSet([banBlock(block) ?? block]).has(request.call.clientAddress))
        throw new AdminProblem('resource-conflict', 'This is the address that you come from.');
      try {
        const ban = await bansOf().add({ block, reason, by: callerOf(request).id, forMs });
        const { createdMs, untilMs, by } = ban;
        return {
          status: 201,
          body: { block: ban.block, reason: ban.reason, by, createdMs, untilMs },
          audit: { target: { kind: 'address', id: ban.block }, reason, after: { untilMs } },
        };
      } catch (error) {
        if (error instanceof BanError) throw new AdminProblem('resource-conflict', error.message);
        throw error;
      }
    },

    removeBan: async (request) => {
      const { block } = request.query as { block: string };
      if (parseCidr(block) === null || !(await bansOf().remove(block)))
        throw new AdminProblem('resource-unknown', 'This is not banned.');
      return { status: 204, audit: { target: { kind: 'address', id: block } } };
    },
  } as const satisfies Record<string, AdminHandler>;
}
