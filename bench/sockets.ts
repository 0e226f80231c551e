import { type Bench, fork } from './bench.ts';
import type { Child } from './processes.ts';

const SPARE_FILES = 500; // for what else a process has open

/** How many of the sockets one process may have open here; fewer are said. */
export function allowedSockets({ say }: Bench, wanted: number): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { hard: unknown } } };
  const hard = Number(report.userLimits?.open_files?.hard);
  const most = Number.isNaN(hard) ? wanted : hard - SPARE_FILES; // "unlimited"
  if (most >= wanted) return wanted;
  say(`  ONLY ${most} of ${wanted} sockets: raise the limit of open files (ulimit -Hn)`);
  return most;
}

/** A bare ws server that sends `frame` to all sockets of a path when one of them speaks. */
export async function startBareSockets(
  bench: Bench,
  frame: string,
): Promise<{ child: Child; url: string }> {
  const child = fork(bench, 'bare-sockets');
  const { port } = await child.ask<{ port: number }>({ frame });
  return { child, url: `http://127.0.0.1:${port}` };
}
