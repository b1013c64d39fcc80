import { z } from 'zod'
import { invalid } from './wire-error.ts'

const MODELS_MAX = 10_000

/** Ollama has no list at all where nothing was pulled. Mistral gives the other names of a model as `aliases`. */
const ModelsResponse = z.object({
  data: z
    .array(z.object({ id: z.string(), aliases: z.array(z.string()).nullish() }))
    .max(MODELS_MAX)
    .nullable(),
})

/** What a model's name looks like; a server's list may end in a message for people. */
const NAME = /^[\w./][\w.:/@+-]{0,127}$/

export function readModels(data: unknown): string[] {
  const parsed = ModelsResponse.safeParse(data)
  if (!parsed.success) throw invalid('not a list of models')
  const names = (parsed.data.data ?? []).flatMap(({ id, aliases }) => [id, ...(aliases ?? [])])
  return [...new Set(names)].filter((name) => NAME.test(name))
}
