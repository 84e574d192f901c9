// Great-circle distance by the haversine formula on a sphere: half a per cent off at most, far below what databases of places
// are. HOT
const EARTH_KM = 6371;
const RADIANS = Math.PI / 180;

/** Between two points in degrees north and east, km. */
export function distanceKm(
  latitudeA: number,
  longitudeA: number,
  latitudeB: number,
  longitudeB: number,
): number {
  const a = latitudeA * RADIANS;
  const b = latitudeB * RADIANS;
  const half =
    Math.sin((b - a) / 2) ** 2 +
    Math.cos(a) * Math.cos(b) * Math.sin(((longitudeB - longitudeA) * RADIANS) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(Math.min(1, half)));
}
