import { CHAT_PATH, EMBEDDINGS_PATH, OCR_PATH, type PostPath } from './schemas.ts'

export const DOUBLE_MODELS = { chat: 'double-chat', embed: 'double-embed' } as const
export const DOUBLE_OCR_MODEL = 'double-ocr'

const SERVES: Record<PostPath, string> = {
  [CHAT_PATH]: DOUBLE_MODELS.chat,
  [EMBEDDINGS_PATH]: DOUBLE_MODELS.embed,
  [OCR_PATH]: DOUBLE_OCR_MODEL,
}

/** `more`: names that a test serves beside the double's own, for everything. */
export function servesModel(path: PostPath, model: unknown, more: readonly string[]): boolean {
  return model === SERVES[path] || more.some((name) => name === model)
}

export function modelList(more: readonly string[]): Record<string, unknown> {
  return {
    object: 'list',
    data: [
      card(DOUBLE_MODELS.chat, { completion_chat: true, function_calling: true, vision: true }),
      card(DOUBLE_MODELS.embed, {}),
      card(DOUBLE_OCR_MODEL, { ocr: true, vision: true }),
      ...more.map((name) => card(name, { completion_chat: true, function_calling: true, vision: true, ocr: true })),
    ],
  }
}

const NO_CAPABILITIES = {
  completion_chat: false,
  function_calling: false,
  completion_fim: false,
  fine_tuning: false,
  vision: false,
  ocr: false,
  classification: false,
  moderation: false,
  audio: false,
  audio_transcription: false,
}

function card(id: string, capabilities: Partial<typeof NO_CAPABILITIES>) {
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: 'double',
    capabilities: { ...NO_CAPABILITIES, ...capabilities },
    name: id,
    description: null,
    max_context_length: 131_072,
    aliases: [],
    deprecation: null,
    deprecation_replacement_model: null,
    default_model_temperature: null,
    type: 'base',
  }
}
