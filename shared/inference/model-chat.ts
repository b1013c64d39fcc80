import { AppError } from '../contracts/errors.ts'
import { type Provider, TASKS, type Task } from './provider.ts'
import { configuredModels, missingModels } from './served-models.ts'
import type { Wire } from './wire.ts'

type Identity = Pick<Provider, 'processor' | 'models'>

/** Conversation and the question what is served, as every language model behind the wire does them. */
export function chatMethods(identity: Identity, wire: Wire): Pick<Provider, 'chat' | 'chatStream' | 'missing'> {
  return {
    chat: async ({ task, ...request }, signal) => wire.chat({ ...request, model: modelFor(identity, task), signal }),
    chatStream: async function* ({ task, ...request }, signal) {
      yield* wire.chatStream({ ...request, model: modelFor(identity, task), signal })
    },
    missing: async (signal, tasks = TASKS) =>
      missingModels(identity.processor, configuredModels(identity.models, tasks), await wire.models(signal)),
  }
}

export function modelFor({ processor, models }: Identity, task: Task): string {
  const model = models[task]
  if (model === null) throw new AppError('MODEL_REFUSED', `${processor} has no model to ${task}`)
  return model
}
