export {
  type AddressRange,
  type AddressValue,
  canonicalAddress,
  formatAddress,
  parseAddress,
  parseCidr,
} from './address/address.ts';
export { AddressSet, AddressSetBuilder, type AddressSetMemory, addressSetOf } from './address/address-set.ts';
export { parseWords, V4_WORD } from './address/address-words.ts';
export { resolveClientAddress } from './address/client-address.ts';
export { networkOf, siteOf } from './address/site.ts';
export {
  FetchError,
  type GuardedAnswer,
  type GuardedRequest,
  guardedFetch,
  type Reach,
  refuseUrl,
} from './fetch/guarded-fetch.ts';
export { isLinkLocal, isLoopback, isPublicAddress } from './fetch/public-address.ts';
export { type ProxyHeader, parseProxyHeader } from './proxy-protocol/proxy-protocol.ts';
export { type ByteReader, readAccepted, readEvents, sharedReadBuffer } from './read-buffer.ts';
export { canSharePorts } from './shared-ports.ts';
