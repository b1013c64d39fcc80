export const BASELINE_QUEUE = 'documents'
