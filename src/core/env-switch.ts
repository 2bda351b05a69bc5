/** Whether a variable of the environment switches something on, in the words Compose takes: `1 t true y yes on`, in any case. */
export function isSwitchedOn(value: string | undefined): boolean {
  return value !== undefined && /^(?:1|t|true|y|yes|on)$/i.test(value)
}
