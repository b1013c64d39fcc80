/** The two plain roles that the services work as, and the schema that holds their tables (see migrate). */
export const APP_ROLE = 'greffier_app'
export const SYSTEM_ROLE = 'greffier_system'
export const SCHEMA = 'greffier'
