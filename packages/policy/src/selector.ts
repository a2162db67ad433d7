import type { LabelSelector, MatchExpression } from "@holdfast/model";

export type Labels = Readonly<Record<string, string>>;

/** Whether every condition holds; an empty selector holds for everything. */
export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((expression) => holds(expression, labels))
  );
}

/** One text for selectors that choose the same for the same reasons: the order in which conditions are written does not count. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equalities = Object.entries(matchLabels).map(([key, value]) => JSON.stringify([key, "In", [value]]));
  const expressions = matchExpressions.map((expression) => {
    const values = "values" in expression ? [...new Set(expression.values)].sort() : [];
    return JSON.stringify([expression.key, expression.operator, values]);
  });
  return [...new Set([...equalities, ...expressions])].sort().join(",");
}

function holds(expression: MatchExpression, labels: Labels): boolean {
  const value = labelOf(labels, expression.key);
  switch (expression.operator) {
    case "In":
      return value !== undefined && expression.values.includes(value);
    case "NotIn":
      return value === undefined || !expression.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
