// The audit trail: searched, and proved entry by entry, so that the browser can check what this process says.
import { AuditError, type EntryFilter, type NumberedEntry, TrailReader } from '../audit/index.ts';
import { verifierText } from '../merkle/index.ts';
import { type AdminHandler, type AdminParts, AdminProblem } from './contract.ts';
import { cursorOf, numberOfCursor } from './pages.ts';

const viewOf = ({ index, at, action, outcome, body }: NumberedEntry) => ({
  index,
  at,
  action,
  outcome,
  shredded: body === null,
  actor: body?.actor ?? null,
  target: body?.target ?? null,
  address: body?.address ?? '',
  reason: body?.reason ?? '',
  requestId: body?.requestId ?? '',
  details: {
    ...(body?.details ?? {}),
    ...(body?.before === undefined ? {} : { before: body.before }),
    ...(body?.after === undefined ? {} : { after: body.after }),
  },
});

export function auditHandlers(parts: AdminParts) {
  const read = <T>(work: (reader: TrailReader, origin: string) => T): T => {
    const { audit } = parts.config();
    if (audit === null)
      throw new AdminProblem(
        'resource-unknown',
        'No audit trail is kept: add "audit: { folder: ./audit }" to the configuration.',
      );
    try {
      return work(new TrailReader(audit.folder, audit.origin, audit.secret), audit.origin);
    } catch (error) {
      if (error instanceof RangeError)
        throw new AdminProblem('resource-unknown', 'The trail has no such entry.');
      if (error instanceof AuditError)
        throw new AdminProblem('service-unavailable', `The trail can not be read: ${error.message}.`);
      throw error;
    }
  };

  return {
    searchAudit: (request) => {
      const { cursor, limit, fromMs, untilMs, ...rest } = request.query as {
        cursor?: string;
        limit: number;
        fromMs?: number;
        untilMs?: number;
      } & EntryFilter;
      const filter: EntryFilter = {
        ...rest,
        ...(fromMs === undefined ? {} : { fromMs }),
        ...(untilMs === undefined ? {} : { toMs: untilMs }),
      };
      return read((reader) => {
        const items: ReturnType<typeof viewOf>[] = [];
        let next: string | null = null;
        for (const entry of reader.newest(filter, numberOfCursor(cursor) ?? reader.size)) {
          items.push(viewOf(entry));
          if (items.length < limit) continue;
          next = entry.index === 0 ? null : cursorOf(entry.index);
          break;
        }
        return { status: 200, body: { items, next, size: reader.size } };
      });
    },

    proveEntry: (request) => {
      const index = Number(request.params['index']);
      return read((reader, origin) => {
        const { entry: bytes, proof, checkpoint } = reader.prove(index);
        const verifier = verifierText(reader.keys.signer(origin, false));
        return {
          status: 200,
          body: { entry: viewOf(reader.entry(index)), index, bytes, proof, checkpoint, verifier },
        };
      });
    },
  } as const satisfies Record<string, AdminHandler>;
}
