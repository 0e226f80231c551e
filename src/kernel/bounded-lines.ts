/**
 * Whether one more line may be written in this second, so that a flood of requests does not fill
 * a disk.
 * @param report is told, with the first line after it, how many of a second went unwritten
 */
export function boundedPerSecond(most: number, report: (unwritten: number) => void): () => boolean {
  let [second, count] = [0, 0];
  return () => {
    const now = Math.floor(Date.now() / 1000);
    if (now !== second) {
      if (count > most) report(count - most);
      [second, count] = [now, 0];
    }
    count += 1;
    return count <= most;
  };
}
