// The words that mean something in SQL, of MySQL, PostgreSQL, SQL Server, Oracle and SQLite together, by the part that they play
// in a statement. A word is found by a hash over its bytes in the value itself, so that looking one up builds no string.

/** What a token is. Words that are no keywords are `name`. */
export const Kind = {
  end: 0,
  /** A comment that runs to the end of the value. */
  comment: 1,
  number: 2,
  string: 3,
  name: 4,
  variable: 5,
  /** `+` and `-`, which also stand before an operand. */
  sign: 6,
  operator: 7,
  comparison: 8,
  logic: 9,
  /** `not`, `!`, `~`. */
  not: 10,
  open: 11,
  close: 12,
  comma: 13,
  semicolon: 14,
  union: 15,
  select: 16,
  /** Begins a statement other than a query. */
  statement: 17,
  /** Begins a clause after the tables. */
  clause: 18,
  from: 19,
  function: 20,
  case: 21,
  /** `when`, `then`, `else`. */
  branch: 22,
  endOfCase: 23,
  /** A word that stands before an operand: `binary`, `any`, `interval`. */
  prefix: 24,
  type: 25,
  is: 26,
  as: 27,
  collate: 28,
  /** `::`. */
  cast: 29,
  /** `star` is the operator `*` too. */
  star: 30,
  join: 31,
  /** A word that says what a statement is about: `table`, `database`, `outfile`. */
  object: 32,
  /** `all`, `distinct`, `top`. */
  quantifier: 33,
  /** What no statement has: a brace, a question mark, a lone dot. */
  other: 34,
} as const;

/** The letter of each kind in a fingerprint, in the order of `Kind`. */
export const KIND_LETTERS = '.c1snvooo&!(),;UEEBkfkkkptokACokkdX';

/** Functions: how much a call says that the value is SQL. */
export const FunctionWeight = { common: 1, typical: 2, alarming: 3 } as const;

/** Words that rules ask for by name. */
export const Word = {
  none: 0,
  union: 1,
  order: 2,
  group: 3,
  by: 4,
  having: 5,
  where: 6,
  limit: 7,
  into: 8,
  procedure: 9,
  for: 10,
  lock: 11,
  like: 12,
  in: 13,
  between: 14,
  update: 15,
  set: 16,
  insert: 17,
  delete: 18,
  drop: 19,
  exec: 20,
  declare: 21,
  waitfor: 22,
  if: 23,
  begin: 24,
  shutdown: 25,
  use: 26,
  print: 27,
  load: 28,
  do: 29,
  other: 30,
  null: 31,
  outfile: 32,
  grant: 33,
  goto: 34,
  all: 35,
  values: 36,
  and: 37,
  boolean: 38,
  sounds: 39,
  using: 40,
  offset: 41,
  match: 42,
  minus: 43,
  end: 44,
  from: 45,
  copy: 46,
  direction: 47,
} as const;

const lists: readonly (readonly [kind: number, word: number, words: string])[] = [
  [Kind.logic, Word.and, 'and or xor'],
  [Kind.not, Word.other, 'not'],
  [Kind.operator, Word.other, 'div mod escape uescape'],
  [Kind.comparison, Word.like, 'like ilike rlike regexp glob similar'],
  [Kind.comparison, Word.in, 'in'],
  [Kind.comparison, Word.between, 'between'],
  [Kind.comparison, Word.sounds, 'sounds'],
  [Kind.comparison, Word.other, 'against overlaps member'],
  [Kind.is, Word.other, 'is isnull notnull'],
  [Kind.as, Word.other, 'as'],
  [Kind.as, Word.using, 'using'],
  [Kind.collate, Word.other, 'collate'],
  [Kind.union, Word.union, 'union'],
  [Kind.union, Word.minus, 'except intersect minus'],
  [Kind.select, Word.other, 'select'],
  [Kind.from, Word.from, 'from'],
  [Kind.clause, Word.order, 'order'],
  [Kind.clause, Word.group, 'group'],
  [Kind.name, Word.by, 'by'],
  [Kind.clause, Word.having, 'having'],
  [Kind.clause, Word.where, 'where'],
  [Kind.clause, Word.limit, 'limit'],
  [Kind.clause, Word.offset, 'offset fetch'],
  [Kind.clause, Word.into, 'into'],
  [Kind.clause, Word.procedure, 'procedure'],
  [Kind.clause, Word.for, 'for'],
  [Kind.clause, Word.lock, 'lock'],
  [Kind.join, Word.other, 'join inner outer cross natural straight_join on'],
  [Kind.quantifier, Word.all, 'all distinct distinctrow top'],
  [Kind.prefix, Word.other, 'binary any some exists interval prior'],
  [Kind.prefix, Word.match, 'match'],
  [Kind.case, Word.other, 'case'],
  [Kind.branch, Word.other, 'when then else elsif'],
  [Kind.endOfCase, Word.end, 'end'],
  [Kind.number, Word.null, 'null true false unknown'],
  [
    Kind.number,
    Word.other,
    'current_user current_date current_time current_timestamp session_user system_user localtime',
  ],
  [Kind.number, Word.other, 'localtimestamp utc_date utc_time utc_timestamp sysdate'],
  [Kind.statement, Word.update, 'update'],
  [Kind.statement, Word.set, 'set'],
  [Kind.statement, Word.insert, 'insert replace merge'],
  [Kind.statement, Word.delete, 'delete'],
  [Kind.statement, Word.drop, 'drop create alter truncate rename'],
  [Kind.statement, Word.exec, 'exec execute call'],
  [Kind.statement, Word.declare, 'declare'],
  [Kind.statement, Word.waitfor, 'waitfor'],
  [Kind.statement, Word.if, 'if while'],
  [Kind.statement, Word.begin, 'begin'],
  [Kind.statement, Word.shutdown, 'shutdown reconfigure'],
  [Kind.statement, Word.use, 'use'],
  [Kind.statement, Word.print, 'print raiserror'],
  [Kind.statement, Word.load, 'load backup restore attach'],
  [Kind.statement, Word.do, 'do'],
  [Kind.statement, Word.grant, 'grant revoke'],
  [Kind.statement, Word.goto, 'goto'],
  [Kind.statement, Word.copy, 'copy'],
  [Kind.name, Word.direction, 'asc desc'],
  [Kind.statement, Word.values, 'values'],
  [
    Kind.statement,
    Word.other,
    'kill show handler vacuum commit rollback pragma prepare deallocate savepoint reset analyze explain revert go',
  ],
  [Kind.object, Word.outfile, 'outfile dumpfile'],
  [Kind.object, Word.boolean, 'boolean'],
  [
    Kind.object,
    Word.other,
    'table tables tablespace database databases view trigger index schema login role sequence cursor infile delay function',
  ],
  [
    Kind.type,
    Word.other,
    'int integer bigint smallint tinyint float real double decimal numeric money bit varchar nvarchar nchar varchar2 text ntext' +
      ' blob bytea uuid json jsonb xml datetime timestamp signed unsigned varbinary bool utf8 latin1 sql_variant uniqueidentifier',
  ],
];

const functions: readonly (readonly [weight: number, words: string])[] = [
  [
    FunctionWeight.alarming,
    'sleep benchmark pg_sleep load_file extractvalue updatexml xp_cmdshell xp_regread xp_dirtree sp_executesql sp_password' +
      ' sp_oacreate randomblob pg_read_file pg_ls_dir lo_import lo_export openrowset opendatasource openquery dbms_pipe' +
      ' receive_message get_host_address httpuritype ctxsys load_extension is_srvrolemember fn_listextendedproperty' +
      ' group_concat string_agg listagg wm_concat stragg xmltype database_to_xml' +
      ' query_to_xml information_schema name_const make_set elt json_keys gtid_subset polygon multipoint geometrycollection' +
      ' linestring multilinestring multipolygon pg_client_encoding dbms_lock dbms_xmlgen dbms_ldap dbms_java utl_http utl_inaddr utl_file utl_smtp utl_tcp has_dbaccess',
  ],
  [
    FunctionWeight.typical,
    'substring substr ascii concat concat_ws char chr ord mid hex unhex conv cast convert coalesce ifnull nullif iif nvl nvl2' +
      ' decode version database schema user db_name user_name suser_name suser_sname host_name object_id object_name col_name' +
      ' object_definition serverproperty current_database current_schema connection_id last_insert_id found_rows bin oct lpad' +
      ' rpad strcmp instr locate find_in_set position char_length character_length octet_length bit_length compress uncompress' +
      ' aes_encrypt aes_decrypt des_encrypt encode encrypt md5 sha1 sha2 sha password old_password crc32 rand count sum avg max' +
      ' min std stddev variance bit_and bit_or bit_xor to_char to_number to_date rawtohex utl_raw chartorowid isnull datalength' +
      ' patindex charindex stuff quotename replicate unicode nchar array_agg array_to_json json_extract row_number rank ntile' +
      ' lead lag current_setting inet_server_addr inet_aton inet_ntoa uuid from_base64 to_base64 soundex collation charset' +
      ' coercibility sqlite_version typeof zeroblob glob hextoraw xmlelement dbms_random lower upper lcase ucase length' +
      ' uid get_lock release_lock inet6_aton export_set field greatest least convert_tz sys_context userenv session_user system_user pg_user',
  ],
  [
    FunctionWeight.common,
    'abs acos asin atan atan2 ceil ceiling cos cot crc degrees exp floor ln log log10 log2 pi pow power radians round' +
      ' sign sin sqrt tan left right repeat reverse space trim ltrim rtrim replace now curdate curtime date time year month day' +
      ' hour minute second date_add date_sub datediff getdate adddate subdate dayname last_day quarter week format str' +
      ' truncate strftime julianday total random translate initcap ifnull square len any_value if',
  ],
];

const SLOTS = 2048;
const slotHash = new Int32Array(SLOTS);
const slotWord = new Uint16Array(SLOTS);
const texts: string[] = [''];
const wordKind: number[] = [Kind.name];
const wordId: number[] = [Word.none];
const wordWeight: number[] = [0];

/** The step of the hash; letters count without their case. The same arithmetic runs in the scanner. */
export const hashStep = (hash: number, code: number): number => (Math.imul(hash, 31) + (code | 0x20)) | 0;

function hashOf(word: string): number {
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = hashStep(hash, word.charCodeAt(i));
  return hash;
}

function entryOf(word: string): number {
  const known = texts.indexOf(word);
  if (known > 0) return known;
  texts.push(word);
  wordKind.push(Kind.name);
  wordId.push(Word.none);
  wordWeight.push(0);
  const hash = hashOf(word);
  let slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
  while (slotWord[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
  slotHash[slot] = hash;
  slotWord[slot] = texts.length - 1;
  return texts.length - 1;
}

for (const [kind, id, words] of lists) {
  for (const word of words.split(' ')) {
    const entry = entryOf(word);
    wordKind[entry] = kind;
    wordId[entry] = id;
  }
}
for (const [weight, words] of functions) {
  for (const word of words.split(' ')) {
    const entry = entryOf(word);
    if (wordKind[entry] === Kind.name) wordKind[entry] = Kind.function;
    wordWeight[entry] = weight;
  }
}

const kinds = Uint8Array.from(wordKind);
const ids = Uint8Array.from(wordId);
const weights = Uint8Array.from(wordWeight);

/** Number of the word `text.slice(start, end)` whose hash is `hash`; 0 when it is none of ours. */
export function findWord(text: string, start: number, end: number, hash: number): number {
  let slot = (hash ^ (hash >>> 11)) & (SLOTS - 1);
  while (slotWord[slot] !== 0) {
    if (slotHash[slot] === hash && isWord(texts[slotWord[slot]!]!, text, start, end)) return slotWord[slot]!;
    slot = (slot + 1) & (SLOTS - 1);
  }
  return 0;
}

function isWord(word: string, text: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false;
  for (let i = 0; i < word.length; i++) {
    const code = text.charCodeAt(start + i);
    const folded = code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
    if (folded !== word.charCodeAt(i)) return false;
  }
  return true;
}

export const kindOfWord = (word: number): number => kinds[word]!;
export const idOfWord = (word: number): number => ids[word]!;
/** Weight of a call of that word; 0 when it is no function of SQL. */
export const weightOfWord = (word: number): number => weights[word]!;
