/** What each talker of `engines-process.ts` has written. */
export const logBytes: number = 64 * 1024
/** An exec of this program ends with the number that is its argument, after its input. */
export const endProgram: string = 'end-with'
