/**
 * A whole message as the bytes of one unmasked text frame, as servers send them (RFC 6455 section
 * 5.2). Made once, the same bytes go to every socket that is to hear of it.
 */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([headOf(bytes.length), bytes]);
}

const FINAL_TEXT = 0x81;

function headOf(length: number): Buffer {
  if (length < 126) return Buffer.from([FINAL_TEXT, length]);
  const isLong = length > 0xffff;
  const head = Buffer.alloc(isLong ? 10 : 4);
  head.set([FINAL_TEXT, isLong ? 127 : 126]);
  head.writeUIntBE(length, isLong ? 4 : 2, isLong ? 6 : 2);
  return head;
}
