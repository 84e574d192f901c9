export { BanError, BanKeeper } from './ban-keeper.ts';
export { type BanMemory, BanTable, createBanTable } from './ban-table.ts';
export { banBlock } from './block.ts';
export type { AddressListConfig, Ban, BanStore, BansConfig, NamedList } from './contract.ts';
export { ListError, type LoadedList, loadList, packFeed, versionOf } from './list-source.ts';
export { parseAddressList } from './list-text.ts';
