/** Of a request that a manager passes on: for whom it asks; only managers are believed. */
export const callerHeader = 'x-flotilla-caller'

/** What only the manager that a request comes to is to know of it: not for engines. Lower case. */
export const identityHeaders: readonly string[] = ['authorization', callerHeader]
