import type { ExportFormat } from '../contract.ts';
import type { ExportEvent } from '../event.ts';
import type { Origin } from '../sink.ts';
import { encodeCef } from './cef.ts';
import { encodeEcs } from './ecs.ts';
import { encodeLeef } from './leef.ts';
import { encodeOcsf } from './ocsf.ts';

export { encodeCef } from './cef.ts';
export { encodeEcs } from './ecs.ts';
export { encodeLeef } from './leef.ts';
export { encodeOcsf } from './ocsf.ts';
export { encodeStructured, encodeSyslog, frameSyslog, type SyslogHead } from './syslog.ts';

/** The event as an object of a JSON vocabulary. */
export function encodeObject(event: ExportEvent, origin: Origin, format: 'json' | 'ecs' | 'ocsf'): object {
  switch (format) {
    case 'json':
      return event.record;
    case 'ecs':
      return encodeEcs(event, origin);
    case 'ocsf':
      return encodeOcsf(event, origin);
  }
}

/** The event as one line without its end. */
export function encodeLine(event: ExportEvent, origin: Origin, format: ExportFormat): string {
  switch (format) {
    case 'cef':
      return encodeCef(event, origin);
    case 'leef':
      return encodeLeef(event, origin);
    default:
      return JSON.stringify(encodeObject(event, origin, format));
  }
}
