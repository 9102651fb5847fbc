/** Work that the user waits for, and may end. */
import { ProgressLocation, window, type CancellationToken, type Progress } from "vscode";

/**
 * A notification with a button that cancels, for as long as the work takes; undefined where that was
 * used, also where the result came all the same.
 */
export async function cancellable<T>(
  title: string,
  work: (progress: Progress<{ message?: string }>, token: CancellationToken) => Promise<T>,
): Promise<T | undefined> {
  const options = { location: ProgressLocation.Notification, title, cancellable: true };
  return window.withProgress(options, async (progress, token) => {
    try {
      const result = await work(progress, token);
      return token.isCancellationRequested ? undefined : result;
    } catch (error) {
      if (token.isCancellationRequested) {
        return undefined;
      }
      throw error;
    }
  });
}
