// A period as the address writes it: the forms that the service takes, and three words for the one that is now.

const NOW = { day: 10, month: 7, year: 4 };
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

// A day of the calendar: there is no 31 November.
export function isDay(text) {
  const [, year, month, day] = DAY.exec(text)?.map(Number) ?? [];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function isPeriod(text) {
  const [first, last, more] = text.split("..");
  if (last !== undefined) return more === undefined && isDay(first) && isDay(last) && first <= last;
  return /^(FY)?\d{4}$/i.test(text) || isDay(text) || (/^\d{4}-\d{2}$/.test(text) && isDay(`${text}-01`));
}

// `today` is the site's, 2026-11-29. Nothing written means this month; null means not understood.
export function periodOf(written, today) {
  if (Object.hasOwn(NOW, written)) return today.slice(0, NOW[written]);
  if (!written) return today.slice(0, NOW.month);
  return isPeriod(written) ? written : null;
}

// Does what is shown move on by itself when the site's day turns?
export const moves = (written) => !isPeriod(written);
