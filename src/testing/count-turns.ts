/** Counts how often others have their turn of the event loop, from now on. @returns ends it, and says how often that was */
export function countTurns(): () => number {
  let turns = 0
  let isOver = false
  function take(): void {
    if (isOver) return
    turns += 1
    setImmediate(take)
  }
  setImmediate(take)
  return () => {
    isOver = true
    return turns
  }
}
