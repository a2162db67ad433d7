declare const brand: unique symbol;

/** A value that has been parsed: only the companion object of the type makes one. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
