import { z } from 'zod'

/** What a model is asked to do. The tasks `classify` and `extract` belong to the stage `enrich`: the stage `extract` asks no model. */
export const Task = z.enum(['classify', 'extract', 'answer', 'embed', 'ocr'])
export type Task = z.infer<typeof Task>
