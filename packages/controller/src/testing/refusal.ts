import { isHoldfastError } from "@holdfast/core";

/** What a call was refused with; that it was not refused is an error of the test. */
export async function refusal(work: Promise<unknown>) {
  try {
    await work;
  } catch (error) {
    if (isHoldfastError(error)) return { code: error.code, message: error.message, details: error.details };
    throw error;
  }
  throw new Error("nothing was refused");
}
