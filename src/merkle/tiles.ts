// How a tree lies in files: tiles of 256 hashes, as the C2SP tlog-tiles specification has them. A tile of level L holds the
// hashes of complete subtrees of 256^L leaves; a full one never changes.

export const TILE_WIDTH = 256;
export const TILE_HEIGHT = 8;

/** `tile/0/x001/x234/067`, with `.p/W` behind it for a tile of `width` hashes that is not full. `entries` in place of a level. */
export function tilePath(level: number | 'entries', index: number, width = TILE_WIDTH): string {
  let rest = index;
  let path = String(rest % 1000).padStart(3, '0');
  for (rest = Math.floor(rest / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Tiles of one level of a tree of `size` leaves: how many are full, and the width of the one that is not; 0 for none. */
export function tilesOf(size: number, level: number): { readonly full: number; readonly partial: number } {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return { full: Math.floor(hashes / TILE_WIDTH), partial: hashes % TILE_WIDTH };
}

/** Levels of tiles that a tree of `size` leaves has. */
export function levelsOf(size: number): number {
  let levels = 0;
  for (let hashes = size; hashes > 0; hashes = Math.floor(hashes / TILE_WIDTH)) levels++;
  return levels;
}
