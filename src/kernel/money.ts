/**
 * Money is an integer number of minor units (cents) everywhere inside; the classic API shows
 * major units. How many decimals a currency has comes from ISO 4217 as the runtime knows it.
 */
export interface Currency {
  code: string;
  decimals: number;
}

/** @throws RangeError when the code is not an ISO 4217 currency */
export function currencyOf(code: string): Currency {
  if (!Intl.supportedValuesOf('currency').includes(code)) {
    throw new RangeError(`${code} is not an ISO 4217 currency code`);
  }
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: code });
  const decimals = format.resolvedOptions().maximumFractionDigits ?? 2;
  return { code, decimals };
}

/** Minor units to major: 1999 → 19.99. Exact to the minor unit up to 15 digits. */
export function toMajor(minor: number, currency: Currency): number {
  return minor / 10 ** currency.decimals;
}

/** Major units, already checked to have no more decimals than the currency, to minor ones. */
export function toMinor(major: number, currency: Currency): number {
  return Math.round(major * 10 ** currency.decimals);
}

/** How many decimals a finite number is written with: 19.99 → 2, 1e-7 → 7, 5 → 0. */
export function decimalsOf(value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const fraction = mantissa.split('.')[1]?.length ?? 0;
  return Math.max(0, fraction - Number(exponent));
}
