export type { DatabaseInfo, DatabaseMemory, GeographyConfig } from './contract.ts';
export { Database, DatabaseError, databaseInfo, METADATA_BYTES } from './database.ts';
export { Geography } from './geography.ts';
export { createLastPlaces, LastPlaces, type LastPlacesMemory } from './last-places.ts';
export { placeOf } from './place-record.ts';
