/** What of a line may be shown: only what a carriage return leaves of it, no steering of the terminal. */
export function toShown(line: string): string {
  return (line.replace(/\r+$/, '').split('\r').at(-1) ?? '')
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
}
