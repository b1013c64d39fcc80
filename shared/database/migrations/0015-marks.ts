/** What told type and language of a revision and what read its fields: processor, model, version and mark (AI Act Art. 50(2)). Null: nothing was read yet. */
export const MARKS = `ALTER TABLE revisions ADD COLUMN produced_by jsonb`
