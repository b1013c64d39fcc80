import { AppError } from '../contracts/errors.ts'

const LOCATOR = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** `<tenant id>/<document id>` in lower case, so that one document has one locator however its id was written. */
export function locator(tenantId: string, documentId: string): string {
  const place = `${tenantId}/${documentId}`.toLowerCase()
  parseLocator(place)
  return place
}

/** Throws AppError INTERNAL for anything but two lower-case UUIDs: a locator becomes a path or an object key, and must not leave its folder. */
export function parseLocator(place: string): { tenantId: string; documentId: string } {
  const [, tenantId, documentId] = LOCATOR.exec(place) ?? []
  if (tenantId === undefined || documentId === undefined) throw new AppError('INTERNAL', 'a blob locator is two lower-case UUIDs')
  return { tenantId, documentId }
}
