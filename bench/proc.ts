import { readFileSync } from 'node:fs';

/** Processor seconds that a process has used so far; undefined where there is no /proc. */
export function cpuSeconds(pid: number): number | undefined {
  const text = readProc(pid, 'stat');
  // "pid (command) state …": user and system ticks, of 10 ms, are fields 14 and 15
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Memory of a process that is in RAM, in MB; undefined where there is no /proc. */
export function residentMb(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status') ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
