/**
 * Whether one more line of a kind may be written in this second, so that a flood of requests does
 * not fill a disk.
 * @param report is told, when the second ends, of each kind how many lines went unwritten
 */
export function boundedPerSecond<Kind>(
  most: number,
  report: (kind: Kind, unwritten: number) => void,
): (kind: Kind) => boolean {
  const counts = new Map<Kind, number>();
  let second: NodeJS.Timeout | undefined; // from the first line on
  const endSecond = (): void => {
    const ended = [...counts];
    counts.clear();
    second = undefined;
    for (const [kind, count] of ended) if (count > most) report(kind, count - most);
  };
  return (kind) => {
    second ??= setTimeout(endSecond, 1_000).unref();
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= most;
  };
}
