// Tables as comma-separated values.

/** A cell that no spreadsheet takes for a formula. */
export function cell(value) {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? value.name : String(value);
  const safe = typeof value !== 'number' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Rows of cells as text. */
export const csv = (rows) => rows.map((row) => `${row.map(cell).join(',')}\n`).join('');
