/** From how many pages the fields of a revision were read: null until they were. */
export const PAGES_READ = `ALTER TABLE revisions ADD COLUMN pages_read int`
