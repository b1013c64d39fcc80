import type { Provider, Task } from './provider.ts'
import type { ServedModels } from './wire.ts'

/** Of a list that is shown to a person. */
const NAMES_SHOWN_MAX = 40

/** The models that a provider would ask for, each once. */
export function configuredModels(models: Provider['models'], tasks: readonly Task[]): string[] {
  return [...new Set(tasks.map((task) => models[task]).filter((model) => model !== null))]
}

/** One sentence for each replica and each configured model that it does not list. */
export function missingModels(processor: string, configured: readonly string[], served: readonly ServedModels[]): string[] {
  return served.flatMap(({ endpoint, models }) =>
    configured
      .filter((model) => !models.includes(model))
      .map((model) => `${processor} (${endpoint}) does not serve ${model}; it serves: ${shown(models)}`),
  )
}

function shown(models: readonly string[]): string {
  if (models.length === 0) return 'nothing'
  const names = models.slice(0, NAMES_SHOWN_MAX).join(', ')
  return models.length > NAMES_SHOWN_MAX ? `${names} and ${models.length - NAMES_SHOWN_MAX} more` : names
}
