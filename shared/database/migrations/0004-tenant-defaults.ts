import { APP_ROLE } from '../roles.ts'

/** What an organisation assumes of documents whose upload does not say. */
export const TENANT_DEFAULTS = `
  ALTER TABLE tenants ADD COLUMN default_sensitivity text, ADD COLUMN default_data_classes text[];
  GRANT UPDATE (default_sensitivity, default_data_classes) ON tenants TO ${APP_ROLE};
  `
