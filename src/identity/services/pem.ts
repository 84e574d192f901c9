// PEM (RFC 7468) of DER bytes.

export const toPem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?!$)/g, '$&\n')}\n-----END ${label}-----\n`;
