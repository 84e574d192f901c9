// Description of the service `admin`: the administrative API and the console. It is made when a configuration first names it.
import type { ServiceDescription } from '../control/contract.ts';
import { Diagnostics } from '../core/index.ts';
import { parseContract } from '../openapi/document.ts';
import type { ContractOperation } from '../openapi/index.ts';
import { adminContract } from './openapi.ts';
import { operationEntries } from './operations.ts';

const page = (id: string, template: string, summary: string): ContractOperation => ({
  id,
  method: 'GET',
  template,
  parameters: [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    place: 'path',
    required: true,
    style: 'simple',
    explode: false,
    schema: { type: 'string' },
    mediaType: null,
  })),
  body: null,
  security: null,
  deprecated: false,
  summary,
  line: 0,
  column: 0,
});

const pages: readonly ContractOperation[] = [
  page('consolePage', '/', 'The console.'),
  page('consoleAsset', '/assets/{file}', 'Scripts, styles and fonts of the console.'),
  page('consoleIcon', '/icon.svg', 'Its icon.'),
  page('adminContract', '/api/v1/openapi.json', 'This contract.'),
];

const reason = 'the control plane asks for a session or a key of its own and judges by roles';

let made: Pick<ServiceDescription, 'operations' | 'document' | 'open'> | null = null;
function make(): NonNullable<typeof made> {
  if (made !== null) return made;
  const document = adminContract();
  const diagnostics = new Diagnostics();
  const contract = parseContract(JSON.stringify(document), 'admin-api.json', diagnostics);
  if (contract === null || diagnostics.all.length > 0)
    throw new Error(`the contract of the control plane is not one: ${JSON.stringify(diagnostics.all)}`);
  const own: readonly ContractOperation[] = contract.operations.map((operation) => ({
    ...operation,
    security: null,
  }));
  made = {
    operations: [...pages, ...own],
    document: contract.document as Readonly<Record<string, unknown>>,
    open: Object.fromEntries(
      [...pages.map(({ id }) => id), ...operationEntries.map(([id]) => id)].map((id) => [id, reason]),
    ),
  };
  return made;
}

export const adminService: ServiceDescription = {
  name: 'admin',
  summary: 'Administrative API and console.',
  get operations() {
    return make().operations;
  },
  get document() {
    return make().document;
  },
  get open() {
    return make().open;
  },
  validates: true,
  internalOnly: true,
  authentication: 'either',
  needsState: true,
};
