import { ActivityCancellationType } from '@temporalio/workflow';

/**
 * For every activity: a cancelled workflow goes on only when the activity has ended. Said explicitly, since the SDK's
 * documented default is not what it does where nothing is said: there the workflow goes on at once, beside an activity
 * that still works in the sandbox.
 */
export const seenToItsEnd = { cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED } as const;
