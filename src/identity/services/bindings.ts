// Names that stand for callers, in the one spelling under which connections carry them.
import { normaliseEmail, parseSpiffeId } from '../../net/tls/index.ts';

const kubernetesName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const dnsName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;
const MAX_IDENTITY = 2048;

/** The identity that `text` means; null when it is none. */
export function normaliseBinding(text: string): string | null {
  const colon = text.indexOf(':');
  if (colon < 1 || text.length > MAX_IDENTITY + 16) return null;
  const value = text.slice(colon + 1);
  switch (text.slice(0, colon)) {
    case 'spiffe': {
      // `spiffe://…` alone is what people paste.
      const id = value.startsWith('//') ? text : value;
      return (parseSpiffeId(id)?.path ?? '') === '' ? null : `spiffe:${id}`;
    }
    case 'dns': {
      const name = value.toLowerCase();
      return dnsName.test(name) && name.length <= 253 ? `dns:${name}` : null;
    }
    case 'uri':
      return URL.canParse(value) && !/^spiffe:/i.test(value) ? `uri:${value}` : null;
    case 'email': {
      const email = normaliseEmail(value);
      return email === null ? null : `email:${email}`;
    }
    case 'subject':
      return value === '' || /[\x00-\x1f\x7f]/.test(value) ? null : `subject:${value}`;
    case 'sha256': {
      const hex = value.replaceAll(':', '').toLowerCase();
      return /^[0-9a-f]{64}$/.test(hex) ? `sha256:${hex}` : null;
    }
    case 'kubernetes': {
      const parts = value.split('/');
      const [cluster, ...names] = parts;
      const isGood = parts.length === 3 && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(cluster!);
      return isGood && names.every((name) => kubernetesName.test(name)) ? `kubernetes:${value}` : null;
    }
    default:
      return null;
  }
}

export const kubernetesIdentity = (cluster: string, namespace: string, account: string): string =>
  `kubernetes:${cluster}/${namespace}/${account}`;
