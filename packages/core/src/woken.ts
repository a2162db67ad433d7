/** Reason of an abort that ends a wait and is no failure. One for all: a new exception, with the stack it notes, takes longer than most of what is woken. */
export const WOKEN = new DOMException("woken", "AbortError");
