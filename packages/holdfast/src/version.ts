/** Version of the program, as nodes report it. */
export const VERSION = "0.1.0";
