/**
 * Whether two pieces of plain data say the same, field by field: the order of fields does not count, that of lists does, and a field without a value is
 * as one that is absent. What is the same object on both sides is not looked into.
 */
export function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => alike(one, b[at]));
  }
  const [fields, others] = [a as Fields, b as Fields];
  return (
    Object.keys(fields).every((name) => alike(fields[name], Object.hasOwn(others, name) ? others[name] : undefined)) &&
    Object.keys(others).every((name) => others[name] === undefined || Object.hasOwn(fields, name))
  );
}

type Fields = Readonly<Record<string, unknown>>;
