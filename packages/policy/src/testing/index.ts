export { type Chance, createChance } from "./chance.ts";
export { countedRules } from "./counted-rules.ts";
export { PlainPath } from "./plain-path.ts";
export { PlainWorld } from "./plain-world.ts";
