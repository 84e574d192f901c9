// Regression cases of the Core Rule Set that never meet a rule at the gate: what they send is refused before, with the code that
// stands here, or does not go upstream in the form that the case is about.

export interface Refused {
  readonly code: string;
  readonly reason: string;
}

const refused = (code: string, reason: string): Refused => ({ code, reason });

export const refusedFirst: Readonly<Record<string, Refused>> = {
  '911100-5': refused('request-method-unsupported', 'method TEST is not registered'),
  '911100-7': refused('request-method-unsupported', 'method FOO is not registered'),
  '911100-8': refused('request-method-unsupported', 'method SUBSCRIBE is not registered for HTTP'),
  '920100-2': refused('request-malformed', 'space before the method'),
  '920100-3': refused('operation-unknown', 'OPTIONS for the server as a whole is no operation of an API'),
  '920100-5': refused('request-method-unsupported', 'a reverse proxy opens no tunnels (CONNECT)'),
  '920100-6': refused('request-method-unsupported', 'a reverse proxy opens no tunnels (CONNECT)'),
  '920100-7': refused('request-malformed', 'fragment in the target'),
  '920100-11': refused('request-malformed', 'target that is no path'),
  '920100-12': refused('request-malformed', 'tab before the method'),
  '920100-14': refused('request-malformed', 'method that is no token of letters'),
  '920160-1': refused('request-malformed', 'Content-Length that is no number'),
  '920160-2': refused('request-malformed', 'Content-Length that is no number'),
  '920160-3': refused('request-malformed', 'Content-Length that is no number'),
  '920181-1': refused('request-malformed', 'Content-Length beside Transfer-Encoding'),
  '920260-1': refused('request-malformed', '%u escape in the query'),
  '920260-2': refused('request-malformed', '%u escape in the query'),
  '920260-3': refused('request-malformed', '%u escape in the query'),
  '920270-4': refused('request-host-invalid', 'escaped NUL in Host'),
  '920280-3': refused('http-version-unsupported', 'HTTP/0.9'),
  '920290-2': refused('request-host-invalid', 'escaped NUL as Host'),
  '920300-2': refused('operation-unknown', 'OPTIONS for the server as a whole is no operation of an API'),
  '920300-3': refused('request-method-unsupported', 'a reverse proxy opens no tunnels (CONNECT)'),
  '920430-3': refused('http-version-unsupported', 'HTTP/0.9'),
  '920430-5': refused('request-malformed', 'no version in the request line'),
  '920430-7': refused('request-malformed', 'version that is none'),
  '920430-8': refused('http-version-unsupported', 'HTTP/4.0'),
  '920430-9': refused('http-version-unsupported', 'HTTP/0.8'),
  '920430-10': refused('request-malformed', 'version of another protocol'),
  '920610-2': refused('request-malformed', 'fragment in the target'),
  '921140-1': refused('request-malformed', 'bare CR in a field value'),
  '921150-1': refused('request-malformed', 'escape of one digit in the query'),
  '921190-1': refused('request-path-ambiguous', 'escaped line feed in the path'),
  '921190-2': refused('request-path-ambiguous', 'escaped line feed in the path'),
  '921190-3': refused('request-path-ambiguous', 'escaped line feed in the path'),
  '930110-5': refused('request-path-ambiguous', 'segment that ends in a dot'),
  '931131-1': refused('request-path-ambiguous', 'escaped slash and doubly escaped dots in the path'),
  '931131-2': refused('request-path-ambiguous', 'empty segment in the path'),
  '933110-13': refused('request-malformed', 'underscore in a field name'),
  '933110-14': refused('request-malformed', 'underscore in a field name'),
  '933110-19': refused('request-malformed', 'underscore in a field name'),
  '933160-20': refused('request-malformed', 'double quote in the path'),
  '933220-2': refused('request-malformed', 'underscore in a field name'),
  '934101-5': refused('request-malformed', 'double quote in the path'),
  '934120-25': refused('request-malformed', 'bytes beyond ASCII in the query'),
  '934120-26': refused('request-malformed', 'bytes beyond ASCII in the query'),
  '934120-33': refused('request-malformed', 'percent sign that begins no escape'),
  '934120-34': refused('request-malformed', 'percent sign that begins no escape'),
  '934120-39': refused('request-malformed', 'bytes beyond ASCII in the query'),
  '942101-6': refused('request-malformed', 'double quote in the path'),
  '944140-3': refused('request-malformed', 'underscore in a field name'),
  '944140-8': refused('request-malformed', 'underscore in a field name'),
};

/** `text` must not reach the backend, neither in the request line nor in a field. */
export const notForwarded: Readonly<Record<string, { readonly text: string; readonly reason: string }>> = {
  '920100-16': {
    text: 'http://localhost',
    reason: 'a target in absolute form goes upstream in origin form, and is inspected so',
  },
  '933100-91': {
    text: 'phpinfo',
    reason:
      'X-Forwarded-For of a client is replaced by the gate, so that neither rules nor the upstream see it',
  },
};
